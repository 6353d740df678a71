/* SPDX-License-Identifier: Apache-2.0 */
/* The page allocator on a machine with holes and two zones: a random walk against a model that owns every page, with
 * the allocator's own counts checked against its bitmaps; roles, zones, zeroing, references, and misuse. */
#include "../../core/mm/mm_impl.h"
#include "../fake/fake.h"
#include "tap.h"
#include <core/page.h>
#include <core/task.h>
#include <stdlib.h>

#define HIGH (4 * GIB)
#define NREGIONS 6
#define MAX_BLOCKS 4096
#define MAX_PAGES (64 * MIB / PAGE_SIZE)

/* Ragged edges, a hole of firmware's inside a superblock, memory below 1 MiB that nobody may get, two neighbours that
 * share a superblock, and memory above 4 GiB. */
static const struct boot_region map[NREGIONS] = {
	{ .base = {0x1000}, .size = 0x9e000, .kind = BOOT_RAM_FREE },
	{ .base = {MIB}, .size = 9 * MIB + 5 * PAGE_SIZE, .kind = BOOT_RAM_FREE },
	{ .base = {10 * MIB + 5 * PAGE_SIZE}, .size = PAGE_SIZE * 3, .kind = BOOT_RAM_RUNTIME_DATA },
	{ .base = {10 * MIB + 8 * PAGE_SIZE}, .size = 6 * MIB, .kind = BOOT_RAM_FREE },
	{ .base = {16 * MIB + 8 * PAGE_SIZE}, .size = 8 * MIB, .kind = BOOT_RAM_FREE },
	{ .base = {HIGH}, .size = 24 * MIB + 123 * PAGE_SIZE, .kind = BOOT_RAM_FREE },
};

struct block { struct hpa a; unsigned order, flags; };
static struct block blocks[MAX_BLOCKS];
static unsigned nblocks;
static uint8_t owned_low[MAX_PAGES], owned_high[MAX_PAGES];

static uint8_t *owned(uint64_t a)
{
	return a >= HIGH ? &owned_high[(a - HIGH) / PAGE_SIZE] : &owned_low[a / PAGE_SIZE];
}

static bool is_ours(uint64_t a)
{
	for (unsigned i = 0; i < NREGIONS; i++)
		if (map[i].kind == BOOT_RAM_FREE && a >= MIB && a >= map[i].base.v && a < map[i].base.v + map[i].size)
			return true;
	return false;
}

/* The allocator's counts against a walk over its superblocks. */
static bool invariants_hold(void)
{
	uint64_t free_sbs = 0, small[ROLES] = {0}, used = 0;
	struct page_stats st;
	static struct superblock *seen[64];
	unsigned n = 0;

	for (uint64_t a = 0; a < HIGH + 64 * MIB; a += SB_BYTES) {
		struct superblock *sb = mm_lookup(HPA(a));

		if (sb && n < 64)
			seen[n++] = sb;
	}
	for (unsigned i = 0; i < n; i++) {
		struct superblock *sb = seen[i];
		unsigned bits = 0, pages = 0;

		if (sb->state == SB_FREE)
			free_sbs += 1u << sb->run_order;
		free_sbs += sb->state == SB_ASIDE;
		if (sb->state != SB_SMALL)
			continue;
		for (unsigned o = 0; o < SB_ORDER; o++)
			pages += (unsigned)sb->count[o] << o;
		for (unsigned w = 0; w < 16; w++)
			bits += (unsigned)__builtin_popcountll(sb->map[w]);
		for (unsigned o = 0; o < SB_ORDER; o++)
			bits -= sb->count[o];
		if (pages != sb->free_pages || bits)
			return false;
		small[sb->role] += sb->free_pages;
	}
	for (unsigned i = 0; i < nblocks; i++)
		used += 1ull << blocks[i].order;
	page_stats(&st);
	return free_sbs == mm_counts.free_sbs && small[0] == mm_counts.free_small[0] && small[1] == mm_counts.free_small[1] &&
	       used == mm_counts.used[0] + mm_counts.used[1] && st.total == st.free + st.host + st.guest &&
	       used == pool_root.used_pages;
}

static bool block_is_zero(const struct block *b)
{
	const uint64_t *p = hal_direct(b->a);
	uint64_t any = 0;

	if (b->flags & PAGE_GUEST)
		hal_guest_access_begin();
	for (uint64_t i = 0; i < (PAGE_SIZE << b->order) / 8; i += 127)
		any |= p[i];
	if (b->flags & PAGE_GUEST)
		hal_guest_access_end();
	return any == 0;
}

static void block_dirty(const struct block *b)
{
	if (b->flags & PAGE_GUEST)
		hal_guest_access_begin();
	memset(hal_direct(b->a), 0xa5, PAGE_SIZE << b->order);
	if (b->flags & PAGE_GUEST)
		hal_guest_access_end();
}

/* Marks the block's pages in the model; false when one is not ours, is taken, or has the wrong role. */
static bool block_claim(const struct block *b)
{
	if (!is_aligned(b->a.v, PAGE_SIZE << b->order) || (b->flags & PAGE_BELOW_4G && b->a.v >= HIGH))
		return false;
	for (uint64_t i = 0; i < 1ull << b->order; i++) {
		uint64_t a = b->a.v + i * PAGE_SIZE;

		if (!is_ours(a) || *owned(a) || fake_is_guest_block(HPA(a)) != (b->flags & PAGE_GUEST))
			return false;
		*owned(a) = 1;
	}
	return true;
}

static void block_free(unsigned i)
{
	for (uint64_t k = 0; k < 1ull << blocks[i].order; k++)
		*owned(blocks[i].a.v + k * PAGE_SIZE) = 0;
	page_free(&pool_core, blocks[i].a, blocks[i].order, blocks[i].flags & PAGE_GUEST);
	blocks[i] = blocks[--nblocks];
}

static bool alloc_random(bool *full)
{
	struct block b = { .flags = rand() % 2 ? PAGE_GUEST : PAGE_HOST };

	if (rand() % 8 == 0)
		b.flags |= PAGE_BELOW_4G;
	b.order = rand() % 24 ? (unsigned)rand() % 5 : (unsigned)rand() % 12;
	if (page_alloc(&pool_core, b.order, b.flags, &b.a) != OK) {
		*full = true;
		return true;
	}
	blocks[nblocks++] = b;
	if (!block_claim(&b) || !block_is_zero(&b))
		return false;
	block_dirty(&b);
	return true;
}

static void test_random_walk(void)
{
	struct page_stats before, after;
	bool good = true, full = false;

	page_stats(&before);
	for (unsigned step = 0; step < 18000 && good; step++) {
		/* Tides: mostly up for a while, then mostly down. */
		if (nblocks < MAX_BLOCKS && rand() % 8 < (step / 3000 % 2 ? 3 : 5))
			good = alloc_random(&full);
		else if (nblocks)
			block_free((unsigned)rand() % nblocks);
		if (step % 7 == 0)
			(void)loop_idle_work();
		if (good && step % 50 == 0)
			good = invariants_hold();
	}
	ok(good, "blocks are ours, aligned, distinct, zeroed, of the right role and zone; counts agree");
	ok(full, "the walk came to the end of memory");
	while (nblocks)
		block_free(nblocks - 1);
	page_stats(&after);
	ok(before.free == after.free && after.guest == 0 && invariants_hold(), "everything comes back");
}

static unsigned count_aside(void)
{
	unsigned n = 0;

	for (uint64_t a = 0; a < HIGH + 64 * MIB; a += SB_BYTES)
		n += mm_lookup(HPA(a)) && mm_lookup(HPA(a))->state == SB_ASIDE;
	return n;
}

/* Idle CPUs zero free memory, until there is enough or no more; guests get it, others do when there is nothing else. */
static void test_zeroed_ahead(void)
{
	const struct block guest = { .order = SB_ORDER, .flags = PAGE_GUEST }, host = { .order = SB_ORDER, .flags = PAGE_HOST };
	struct page_stats before, after;
	unsigned pieces = 0, taken;
	struct block b = host;

	ok(!loop_idle_work() && count_aside() == 0, "nothing is zeroed before it is asked for");
	while (page_alloc(&pool_core, b.order, b.flags, &b.a) == OK) {
		block_dirty(&b);
		blocks[nblocks++] = b;
	}
	for (unsigned i = 0; i < nblocks; i++)
		page_free(&pool_core, blocks[i].a, SB_ORDER, PAGE_HOST);
	nblocks = 0;
	page_stats(&before);
	page_zero_ahead();
	ok(!loop_idle_work(), "a CPU that has been idle for long does it, no other");
	fake_clock_advance(NS_PER_S);
	while (loop_idle_work())
		pieces++;
	page_stats(&after);
	ok(count_aside() == 2 && pieces == 2 * SB_BYTES / (8 * KIB), "two superblocks in %u pieces", pieces);
	ok(before.free == after.free && after.guest == 0 && invariants_hold(), "which count as free");
	for (taken = 0, b = guest; page_alloc(&pool_core, b.order, b.flags, &b.a) == OK; taken++) {
		blocks[nblocks++] = b;
		if (!block_claim(&b) || !block_is_zero(&b))
			break;
		block_dirty(&b);
		if (taken == 1)
			ok_eq(count_aside(), 0, "guests got them first");
		if (taken == 2)
			ok(loop_idle_work() && count_aside() == 1, "one more is begun");
	}
	page_stats(&after);
	ok(after.free < SB_PAGES * 3 && count_aside() == 0 && invariants_hold(), "and all the others, that which was begun among them");
	ok(loop_idle_work() && !loop_idle_work(), "what looks for more when nothing is free comes to rest");
	while (nblocks)
		block_free(nblocks - 1);
	while (loop_idle_work())
		;
	ok_eq(count_aside(), 2, "and again when something is");
	b.flags = PAGE_HOST;
	for (int order = 5; order >= 0; order -= 5)
		for (b.order = (unsigned)order; page_alloc(&pool_core, b.order, b.flags, &b.a) == OK && block_claim(&b);)
			blocks[nblocks++] = b;
	page_stats(&after);
	ok(after.free == 0 && invariants_hold(), "small pages of the host get the last byte");
	while (nblocks)
		block_free(nblocks - 1);
	page_stats(&after);
	ok(before.free == after.free && after.guest == 0 && invariants_hold(), "everything comes back");
}

static void test_exhaustion(void)
{
	struct page_stats st;
	struct block b = { .order = 0, .flags = PAGE_HOST };
	uint64_t n = 0, want;
	static struct hpa all[MAX_PAGES];

	page_stats(&st);
	want = st.free;
	while (n < MAX_PAGES && page_alloc(&pool_core, 0, n % 2 ? PAGE_HOST | PAGE_NOZERO : PAGE_HOST, &all[n]) == OK)
		n++;
	ok_eq(n, want, "every free page can be had as a host page");
	ok(page_alloc(&pool_core, 0, PAGE_GUEST, &b.a) == E_NOMEM, "then a guest gets none");
	while (n)
		page_free(&pool_core, all[--n], 0, PAGE_HOST);
	page_stats(&st);
	ok_eq(st.free, want, "and all come back");
	ok(page_alloc(&pool_core, 13, PAGE_HOST, &b.a) == E_NOMEM, "a 32 MiB block is not there");
	ok(page_alloc(&pool_core, 12, PAGE_HOST, &b.a) == OK && b.a.v == HIGH, "one of 16 MiB is, merged again");
	page_free(&pool_core, b.a, 12, PAGE_HOST);
	ok(page_alloc(&pool_core, 40, PAGE_HOST, &b.a) == E_NOMEM, "an absurd order is refused");
}

static void test_refs(void)
{
	struct page_stats before, after;
	struct hpa a;

	page_stats(&before);
	ok(page_alloc(&pool_core, 0, PAGE_GUEST, &a) == OK && page_refs(a) == 1, "a new page has one reference");
	page_ref(a);
	ok_eq(page_refs(a), 2, "two after page_ref");
	page_free(&pool_core, a, 0, PAGE_GUEST);
	page_stats(&after);
	ok(page_refs(a) == 1 && after.guest == before.guest + 1, "the first page_free keeps it");
	page_free(&pool_core, a, 0, PAGE_GUEST);
	page_stats(&after);
	ok(page_refs(a) == 0 && after.free == before.free, "the second one frees it");
	ok(FAKE_PANICS(page_ref(a)), "no reference to a free page");
}

static void test_misuse(void)
{
	struct pool other;
	struct hpa a, big;

	pool_init(&other, "other", &pool_root, UINT64_MAX);
	CHECK(page_alloc(&pool_core, 0, PAGE_HOST, &a) == OK);
	CHECK(page_alloc(&pool_core, 2, PAGE_HOST, &big) == OK);
	ok(FAKE_PANICS(page_free(&other, a, 0, PAGE_HOST)), "a free to another pool panics");
	tap_note("%s", fake_panic_text);
	ok(FAKE_PANICS(page_free(&pool_core, a, 0, PAGE_GUEST)), "so does one with the wrong role");
	ok(FAKE_PANICS(page_free(&pool_core, a, 1, PAGE_HOST)), "with another order");
	ok(FAKE_PANICS(page_free(&pool_core, HPA(big.v + PAGE_SIZE), 0, PAGE_HOST)), "of a block's inside");
	ok(FAKE_PANICS(page_free(&pool_core, HPA(a.v + 8), 0, PAGE_HOST)), "of an unaligned address");
	ok(FAKE_PANICS(page_free(&pool_core, HPA(2 * GIB), 0, PAGE_HOST)), "of an address that is no memory");
	ok(FAKE_PANICS(page_free(&pool_core, HPA(10 * MIB + 6 * PAGE_SIZE), 0, PAGE_HOST)), "of firmware's memory");
	page_free(&pool_core, a, 0, PAGE_HOST);
	page_free(&pool_core, big, 2, PAGE_HOST);
	ok(FAKE_PANICS(page_free(&pool_core, a, 0, PAGE_HOST)), "a second free panics");
	ok(invariants_hold(), "and nothing was changed by all that");
	pool_fini(&other);
}

/* The bitmaps of one superblock: freed in any order, everything merges. */
static void test_merging(void)
{
	static struct superblock sb;
	unsigned order[SB_PAGES], seen = 0;
	bool ascending = true;

	for (unsigned i = 0; i < SB_PAGES; i++) {
		unsigned k = (unsigned)rand() % (i + 1);

		order[i] = order[k];
		order[k] = i;
	}
	for (unsigned i = 0; i < SB_PAGES; i++)
		sb_map_put(&sb, order[i], 0);
	ok(sb.count[SB_ORDER - 1] == 2 && sb.count[0] == 0, "512 pages freed in random order merge into two halves");
	for (unsigned i = 0; i < SB_PAGES; i++)
		ascending &= sb_map_take(&sb, 0) == i;
	ok(ascending && sb_map_max(&sb) == -1, "taken singly they come in order, until it is full");
	for (unsigned i = 0; i < SB_PAGES; i += 2, seen++)
		sb_map_put(&sb, i, 0);
	ok(sb_map_max(&sb) == 0 && sb.free_pages == seen, "every other page free: none larger than a page");
}

static void test_start(void)
{
	struct page_stats st;
	uint64_t total = 0;

	for (unsigned i = 1; i < NREGIONS; i++)
		if (map[i].kind == BOOT_RAM_FREE)
			total += map[i].size / PAGE_SIZE;
	page_stats(&st);
	ok_eq(st.total, total, "all memory above 1 MiB is counted");
	ok(st.host < total / 50 && st.guest == 0 && st.reserved == 0, "the descriptors take little of it");
	ok(invariants_hold(), "counts agree at the start");
	ok(FAKE_PANICS(page_init()), "page_init once only");
}

int main(void)
{
	srand(3);
	fake_init_map(map, NREGIONS, 1);
	test_start();
	test_merging();
	test_zeroed_ahead();
	test_random_walk();
	test_exhaustion();
	test_refs();
	test_misuse();
	ok(!fake_guest_access_open(), "the window to guest memory is closed");
	return tap_done();
}
