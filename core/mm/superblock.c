/* SPDX-License-Identifier: Apache-2.0 */
/* Superblocks: which are free (a buddy system of runs up to 1 GiB), which serve small blocks of a role, and where in
 * the machine they lie. Everything is under page_lock, except mm_init at boot and mm_lookup (the tables are constant).
 * Must not know who owns a page (quota.c) nor touch the pages themselves. */
#include "mm_impl.h"
#include <core/boot_info.h>
#include <core/hal.h>
#include <core/panic.h>
#include <string.h>

#define ZONES 2 /* below 4 GiB, and the rest */
#define ZONE_HIGH_NUMBER (1u << (32 - SB_SHIFT))
#define LOW_MEMORY_END MIB /* firmware and AP start-up live below; page 0 is unmapped */

struct span { uint32_t first, count, index; }; /* superblock numbers [first, first + count) have descriptors at index */

struct mm_counts mm_counts;
static struct superblock *sbs;
static uint32_t *pages; /* SB_PAGES for each superblock */
static uint32_t sbs_count;
static struct span spans[BOOT_MAX_REGIONS];
static unsigned nspans;
static uint32_t free_lists[ZONES][SB_MAX_ORDER + 1];
static uint32_t small_lists[ZONES][ROLES][SB_ORDER];

static unsigned zone_of(const struct superblock *sb)
{
	return sb->number >= ZONE_HIGH_NUMBER;
}

static void list_push(uint32_t *head, struct superblock *sb)
{
	uint32_t index = (uint32_t)(sb - sbs);

	sb->next = *head;
	sb->prev = SB_NONE;
	if (*head != SB_NONE)
		sbs[*head].prev = index;
	*head = index;
}

static void list_unlink(uint32_t *head, struct superblock *sb)
{
	if (sb->prev != SB_NONE)
		sbs[sb->prev].next = sb->next;
	else
		*head = sb->next;
	if (sb->next != SB_NONE)
		sbs[sb->next].prev = sb->prev;
}

/* ---- whole superblocks */

static void run_set(struct superblock *sb, unsigned run_order, enum sb_state state, enum role role)
{
	for (uint32_t i = 0; i < 1u << run_order; i++) {
		sb[i].state = i ? SB_TAIL : (uint8_t)state;
		sb[i].role = (uint8_t)role;
		sb[i].run_order = (uint8_t)run_order;
	}
}

/* The run's neighbour to merge with, NULL when it is not wholly free. */
static struct superblock *run_buddy(struct superblock *sb, unsigned run_order)
{
	const struct span *s = &spans[sb->span];
	uint32_t number = sb->number ^ 1u << run_order;
	struct superblock *buddy;

	if (number < s->first || number - s->first >= s->count)
		return NULL;
	buddy = &sbs[s->index + (number - s->first)];
	return buddy->state == SB_FREE && buddy->run_order == run_order ? buddy : NULL;
}

static void run_put(struct superblock *sb, unsigned run_order)
{
	struct superblock *buddy;

	mm_counts.free_sbs += 1u << run_order;
	run_set(sb, run_order, SB_FREE, ROLE_HOST);
	while (run_order < SB_MAX_ORDER && (buddy = run_buddy(sb, run_order))) {
		list_unlink(&free_lists[zone_of(buddy)][run_order], buddy);
		sb->state = buddy->state = SB_TAIL;
		sb = buddy < sb ? buddy : sb;
		run_order++;
		sb->state = SB_FREE;
		sb->run_order = (uint8_t)run_order;
	}
	list_push(&free_lists[zone_of(sb)][run_order], sb);
}

static struct superblock *run_take_zone(unsigned zone, unsigned run_order)
{
	unsigned from = run_order;
	struct superblock *sb;

	while (from <= SB_MAX_ORDER && free_lists[zone][from] == SB_NONE)
		from++;
	if (from > SB_MAX_ORDER)
		return NULL;
	sb = &sbs[free_lists[zone][from]];
	list_unlink(&free_lists[zone][from], sb);
	while (from > run_order) {
		struct superblock *half;

		from--;
		half = sb + (1u << from);
		half->state = SB_FREE;
		half->run_order = (uint8_t)from;
		list_push(&free_lists[zone][from], half);
	}
	mm_counts.free_sbs -= 1u << run_order;
	return sb;
}

static struct superblock *run_take(unsigned run_order, bool below_4g)
{
	struct superblock *sb = below_4g ? NULL : run_take_zone(1, run_order);

	return sb ? sb : run_take_zone(0, run_order);
}

/* ---- superblocks in use for small blocks */

static uint32_t *small_list(const struct superblock *sb, unsigned order)
{
	return &small_lists[zone_of(sb)][sb->role][order];
}

/* Puts it into the list of its largest free block. */
static void small_relist(struct superblock *sb)
{
	int max = sb_map_max(sb);
	unsigned want = max < 0 ? SB_ORDER : (unsigned)max;

	if (sb->list_order == want)
		return;
	if (sb->list_order < SB_ORDER)
		list_unlink(small_list(sb, sb->list_order), sb);
	if (want < SB_ORDER)
		list_push(small_list(sb, want), sb);
	sb->list_order = (uint8_t)want;
}

/* Best fit: among the superblocks of a role the one whose largest free block is the smallest that will do. */
static struct superblock *small_find(enum role role, unsigned order, bool below_4g)
{
	for (unsigned zone = below_4g ? 1 : ZONES; zone-- > 0;)
		for (unsigned o = order; o < SB_ORDER; o++)
			if (small_lists[zone][role][o] != SB_NONE)
				return &sbs[small_lists[zone][role][o]];
	return NULL;
}

static struct superblock *small_open(enum role role, bool below_4g)
{
	struct superblock *sb = run_take(0, below_4g);

	if (!sb)
		return NULL;
	run_set(sb, 0, SB_SMALL, role);
	sb_map_fill(sb);
	sb->list_order = SB_ORDER;
	mm_counts.free_small[role] += SB_PAGES;
	return sb;
}

static void small_put(struct superblock *sb, unsigned page, unsigned order)
{
	sb_map_put(sb, page, order);
	mm_counts.free_small[sb->role] += 1u << order;
	if (sb->free_pages < SB_PAGES) {
		small_relist(sb);
		return;
	}
	mm_counts.free_small[sb->role] -= SB_PAGES;
	if (sb->list_order < SB_ORDER)
		list_unlink(small_list(sb, sb->list_order), sb);
	sb->list_order = SB_ORDER;
	run_put(sb, 0);
}

/* ---- blocks of any size */

static struct hpa address_of(const struct superblock *sb, unsigned page)
{
	return HPA(((uint64_t)sb->number << SB_SHIFT) + (uint64_t)page * PAGE_SIZE);
}

static unsigned page_in_sb(struct hpa a)
{
	return (unsigned)(a.v >> PAGE_SHIFT) % SB_PAGES;
}

bool mm_take(enum role role, unsigned order, bool below_4g, struct hpa *out)
{
	struct superblock *sb;

	if (order >= SB_ORDER) {
		sb = run_take(order - SB_ORDER, below_4g);
		if (!sb)
			return false;
		run_set(sb, order - SB_ORDER, SB_LARGE, role);
		*out = address_of(sb, 0);
	} else {
		sb = small_find(role, order, below_4g);
		if (!sb)
			sb = small_open(role, below_4g);
		if (!sb)
			return false;
		*out = address_of(sb, sb_map_take(sb, order));
		mm_counts.free_small[role] -= 1u << order;
		small_relist(sb);
	}
	mm_counts.used[role] += 1ull << order;
	return true;
}

void mm_put(struct hpa a, unsigned order)
{
	struct superblock *sb = mm_lookup(a);

	mm_counts.used[sb->role] -= 1ull << order;
	if (order >= SB_ORDER)
		run_put(sb, order - SB_ORDER);
	else
		small_put(sb, page_in_sb(a), order);
}

bool mm_set_aside(struct hpa *out)
{
	struct superblock *sb = run_take(0, false);

	if (!sb)
		return false;
	run_set(sb, 0, SB_ASIDE, ROLE_GUEST);
	mm_counts.free_sbs++;
	*out = address_of(sb, 0);
	mm_map_role(*out, SB_ORDER);
	return true;
}

void mm_use_aside(struct hpa a, enum role role)
{
	mm_counts.free_sbs--;
	run_set(mm_lookup(a), 0, SB_LARGE, role);
	mm_counts.used[role] += SB_PAGES;
}

void mm_return_aside(struct hpa a)
{
	struct superblock *sb = mm_lookup(a);

	mm_counts.used[sb->role] -= SB_PAGES;
	run_set(sb, 0, SB_ASIDE, ROLE_GUEST);
	mm_counts.free_sbs++;
}

void mm_release_aside(struct hpa a)
{
	mm_counts.free_sbs--;
	run_put(mm_lookup(a), 0);
}

void mm_map_role(struct hpa a, unsigned order)
{
	struct superblock *sb = mm_lookup(a);
	uint32_t n = order >= SB_ORDER ? 1u << (order - SB_ORDER) : 1;

	for (; n--; sb++) {
		if (sb->mapped_guest == (sb->role == ROLE_GUEST))
			continue;
		sb->mapped_guest = sb->role == ROLE_GUEST;
		hal_direct_set_guest(address_of(sb, 0), sb->mapped_guest);
	}
}

struct superblock *mm_lookup(struct hpa a)
{
	uint64_t number = a.v >> SB_SHIFT;
	unsigned lo = 0, hi = nspans;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;
		const struct span *s = &spans[mid];

		if (number < s->first)
			hi = mid;
		else if (number - s->first >= s->count)
			lo = mid + 1;
		else
			return &sbs[s->index + (number - s->first)];
	}
	return NULL;
}

uint32_t *mm_page(struct hpa a)
{
	return &pages[(uint64_t)(mm_lookup(a) - sbs) * SB_PAGES + page_in_sb(a)];
}

/* ---- boot */

/* The part of a region that is ours, in whole pages; false when nothing is. Regions come from firmware. */
static bool usable_range(const struct boot_region *r, uint64_t *start, uint64_t *end)
{
	uint64_t top;

	if (r->kind != BOOT_RAM_FREE || !add_ok(r->base.v, r->size, &top) || top > 1ull << 52)
		return false;
	*start = align_up(MAX(r->base.v, (uint64_t)LOW_MEMORY_END), PAGE_SIZE);
	*end = align_down(top, PAGE_SIZE);
	return *start < *end;
}

static void spans_build(void)
{
	uint64_t start, end;

	for (unsigned i = 0; i < boot_info->nregions; i++) {
		struct span *last = nspans ? &spans[nspans - 1] : NULL;
		uint32_t first, stop;

		if (!usable_range(&boot_info->regions[i], &start, &end))
			continue;
		first = (uint32_t)(start >> SB_SHIFT);
		stop = (uint32_t)((end + SB_BYTES - 1) >> SB_SHIFT);
		if (last && first <= last->first + last->count) {
			BUG_ON(first < last->first); /* the way in sorts them */
			last->count = MAX(last->count, stop - last->first);
		} else {
			spans[nspans++] = (struct span){ first, stop - first, 0 };
		}
	}
	for (unsigned i = 0; i < nspans; i++) {
		spans[i].index = sbs_count;
		sbs_count += spans[i].count;
	}
}

/* The tables go to the end of the highest region that can hold them. */
static struct hpa tables_place(uint64_t bytes)
{
	uint64_t start, end;

	for (unsigned i = boot_info->nregions; i-- > 0;)
		if (usable_range(&boot_info->regions[i], &start, &end) && end - start >= bytes)
			return HPA(end - bytes);
	panic("no region of memory holds the page tables' %llu KiB", (unsigned long long)(bytes / KIB));
}

static void add_range(uint64_t start, uint64_t end)
{
	while (start < end) {
		struct superblock *sb = mm_lookup(HPA(start));
		unsigned page = page_in_sb(HPA(start)), order = 0;

		while (order < SB_ORDER - 1 && is_aligned(page, 2u << order) && start + (PAGE_SIZE << (order + 1)) <= end)
			order++;
		sb_map_put(sb, page, order);
		start += PAGE_SIZE << order;
	}
}

static void sbs_init(void)
{
	for (unsigned i = 0; i < nspans; i++)
		for (uint32_t k = 0; k < spans[i].count; k++) {
			struct superblock *sb = &sbs[spans[i].index + k];

			sb->number = spans[i].first + k;
			sb->span = (uint16_t)i;
			sb->list_order = SB_ORDER;
		}
}

/* Whole superblocks become free; the others stay host memory for good, with what is free in them. */
static void sbs_sort_out(void)
{
	for (uint32_t i = 0; i < sbs_count; i++) {
		struct superblock *sb = &sbs[i];

		if (sb->free_pages == SB_PAGES) {
			run_put(sb, 0);
			continue;
		}
		sb->fixed = true;
		mm_counts.free_small[ROLE_HOST] += sb->free_pages;
		small_relist(sb);
	}
}

uint64_t mm_init(void)
{
	uint64_t start, end, bytes;
	struct hpa tables;

	BUG_ON(sbs);
	memset(free_lists, 0xff, sizeof free_lists); /* SB_NONE */
	memset(small_lists, 0xff, sizeof small_lists);
	spans_build();
	bytes = align_up(sbs_count * (sizeof *sbs + SB_PAGES * sizeof *pages), PAGE_SIZE);
	tables = tables_place(bytes);
	sbs = hal_direct(tables);
	memset(sbs, 0, bytes);
	pages = (uint32_t *)(sbs + sbs_count);
	sbs_init();
	for (unsigned i = 0; i < boot_info->nregions; i++) {
		if (!usable_range(&boot_info->regions[i], &start, &end))
			continue;
		mm_counts.total += (end - start) >> PAGE_SHIFT;
		if (start <= tables.v && tables.v < end)
			end = tables.v; /* they are at its end */
		add_range(start, end);
	}
	sbs_sort_out();
	return bytes >> PAGE_SHIFT;
}
