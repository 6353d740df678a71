/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory: slots of RAM, residency in the stage-2 table, demand paging. Any CPU; the lock covers changes of the table,
 * while look-ups and copies go without, because a resident page leaves only by gmem_clear, when no vCPU or device works.
 * gmem_copy.c and gmem_spot.c hold the accesses, gmem_back.c what pages begin with. Knows no virtual machine: whoever clears it flushes the TLBs. */
#include "gmem_internal.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/panic.h>
#include <string.h>

static void page_give_back(void *ctx, struct hpa h, unsigned order)
{
	struct gmem *m = ctx;

	page_free(m->pool, h, order, PAGE_GUEST);
	atomic_fetch_sub_explicit(&m->resident, 1ull << order, memory_order_relaxed);
}

err_t gmem_create(struct pool *pool, const struct stage2_format *fmt, unsigned max_page_order, struct gmem **out)
{
	struct gmem *m;
	err_t err;

	if (max_page_order != 0 && max_page_order != 9 && max_page_order != 18)
		return E_INVAL;
	m = pool_alloc(pool, sizeof *m);
	if (!m)
		return E_NOMEM;
	m->pool = pool;
	m->max_order = max_page_order;
	m->epoch = 1;
	spin_init(&m->lock);
	err = stage2_init(&m->s2, fmt, pool);
	if (err != OK) {
		pool_free(pool, m, sizeof *m);
		return err;
	}
	*out = m;
	return OK;
}

static uint64_t blocks_of(const struct gmem_slot *s)
{
	return (s->base + s->size - 1) / GMEM_BLOCK - s->base / GMEM_BLOCK + 1;
}

void gmem_destroy(struct gmem *m)
{
	if (!m)
		return;
	gmem_clear(m);
	stage2_fini(&m->s2);
	for (unsigned i = 0; i < m->nslots; i++)
		if (m->slots[i].blocks)
			pool_free(m->pool, (void *)m->slots[i].blocks, blocks_of(&m->slots[i]) * sizeof(*m->slots[i].blocks));
	pool_free(m->pool, m, sizeof *m);
}

void gmem_clear(struct gmem *m)
{
	/* A transfer into a freed page would corrupt its next owner: the device that pinned must have drained. */
	BUG_ON(atomic_load(&m->pinned) != 0);
	spin_lock(&m->lock);
	for (unsigned i = 0; i < m->nslots; i++)
		for (uint64_t b = 0; m->slots[i].blocks && b < blocks_of(&m->slots[i]); b++)
			atomic_store_explicit(&m->slots[i].blocks[b], 0, memory_order_relaxed);
	stage2_clear(&m->s2, page_give_back, m);
	m->nbackings = 0;
	m->epoch++;
	atomic_store_explicit(&m->starved, false, memory_order_relaxed);
	spin_unlock(&m->lock);
}

err_t gmem_add_ram(struct gmem *m, struct gpa base, uint64_t size)
{
	struct gmem_slot s = { base.v, size, NULL };
	uint64_t end, limit = 1ull << MIN(m->s2.fmt->max_gpa_bits, 12 + 9ull * m->s2.fmt->levels);

	if (size == 0 || !is_aligned(base.v | size, PAGE_SIZE) || !add_ok(base.v, size, &end) || end > limit)
		return E_INVAL;
	for (unsigned i = 0; i < m->nslots; i++)
		if (base.v < m->slots[i].base + m->slots[i].size && m->slots[i].base < end)
			return E_INVAL;
	if (m->nslots == GMEM_MAX_SLOTS)
		return E_LIMIT;
	s.blocks = m->max_order ? pool_alloc(m->pool, blocks_of(&s) * sizeof(*s.blocks)) : NULL;
	if (m->max_order && !s.blocks)
		return E_NOMEM;
	m->slots[m->nslots++] = s;
	return OK;
}

bool gmem_is_ram(const struct gmem *m, struct gpa a, uint64_t len)
{
	uint64_t at = a.v;

	/* Slots may adjoin: each step leaves one slot, so there are at most GMEM_MAX_SLOTS. */
	while (len > 0) {
		const struct gmem_slot *s = gmem_slot_of(m, at);
		uint64_t rest;

		if (!s)
			return false;
		rest = s->size - (at - s->base);
		if (len <= rest)
			return true;
		len -= rest;
		at += rest; /* cannot wrap: slots end below 2^max_gpa_bits */
	}
	return true;
}

uint64_t gmem_size(const struct gmem *m)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < m->nslots; i++)
		sum += m->slots[i].size;
	return sum;
}

uint64_t gmem_resident_pages(const struct gmem *m)
{
	return atomic_load_explicit(&m->resident, memory_order_relaxed);
}

bool gmem_starved(const struct gmem *m)
{
	return atomic_load_explicit(&m->starved, memory_order_relaxed);
}

struct hpa gmem_root(const struct gmem *m)
{
	return m->s2.root;
}

static void page_publish(void *ctx, struct hpa h, unsigned order)
{
	const struct gmem *m = ctx;

	if (!m->s2.fmt->publish)
		return;
	hal_guest_access_begin();
	m->s2.fmt->publish(hal_direct(h), PAGE_SIZE << order);
	hal_guest_access_end();
}

void gmem_publish(struct gmem *m)
{
	if (!m->s2.fmt->publish)
		return;
	spin_lock(&m->lock);
	stage2_each(&m->s2, page_publish, m);
	spin_unlock(&m->lock);
}

/* Allocates and maps one page of this order around a, with its first content. E_EXIST: does not fit here, try a smaller one. */
static err_t page_bring(struct gmem *m, const struct gmem_slot *s, uint64_t a, unsigned order)
{
	uint64_t size = PAGE_SIZE << order, base = align_down(a, size);
	struct hpa h;
	err_t err;

	if (base < s->base || !range_within(base - s->base, size, s->size) || !stage2_vacant(&m->s2, GPA(base), order))
		return E_EXIST;
	err = page_alloc(m->pool, order, PAGE_GUEST | (gmem_backed_whole(m, base, size) ? PAGE_NOZERO : 0), &h);
	if (err != OK)
		return err;
	gmem_back_fill(m, h, base, size);
	page_publish(m, h, order); /* before a guest can reach it: what it held may have been another's */
	err = stage2_map(&m->s2, GPA(base), h, order, GMEM_R | GMEM_W | GMEM_X);
	if (err != OK) {
		page_free(m->pool, h, order, PAGE_GUEST);
		return err;
	}
	for (uint64_t b = base; order >= GMEM_BLOCK_ORDER && b < base + size; b += GMEM_BLOCK)
		atomic_store_explicit(&s->blocks[b / GMEM_BLOCK - s->base / GMEM_BLOCK], h.v + (b - base), memory_order_release);
	atomic_fetch_add_explicit(&m->resident, 1ull << order, memory_order_relaxed);
	return OK;
}

/* Makes the page around a resident, as large as alignment, slot and the machine's free memory allow. */
static err_t page_bring_any(struct gmem *m, uint64_t a)
{
	const struct gmem_slot *s = gmem_slot_of(m, a);
	struct hpa h;
	unsigned order, access;
	err_t err;

	if (!s)
		return E_GUEST;
	for (int o = (int)m->max_order; o > 0; o -= 9)
		if (page_bring(m, s, a, (unsigned)o) == OK)
			return OK;
	if (stage2_lookup(&m->s2, GPA(a), &h, &order, &access) == OK)
		return OK; /* another CPU was first */
	err = page_bring(m, s, a, 0);
	if (err == OK)
		return OK;
	atomic_store_explicit(&m->starved, true, memory_order_relaxed);
	return err == E_EXIST ? E_NOMEM : err; /* lock held and looked up: cannot exist */
}

/* Not a part of gmem_fault, which most devices' accesses leave at once. */
static __attribute__((noinline)) err_t fault_in_ram(struct gmem *m, struct gpa a, unsigned access)
{
	struct hpa h;
	unsigned order, have;
	err_t err;

	if (stage2_lookup(&m->s2, a, &h, &order, &have) == OK)
		return (access & ~have) ? E_GUEST : OK;
	spin_lock(&m->lock);
	err = page_bring_any(m, a.v);
	spin_unlock(&m->lock);
	return err;
}

err_t gmem_fault(struct gmem *m, struct gpa a, unsigned access)
{
	return gmem_slot_of(m, a.v) ? fault_in_ram(m, a, access) : E_GUEST;
}

err_t gmem_resolve(struct gmem *m, uint64_t a, struct hpa *h, uint64_t *run)
{
	h->v = gmem_in_block(m, a, 1);
	if (h->v) {
		*run = GMEM_BLOCK - (a & (GMEM_BLOCK - 1));
		return OK;
	}
	for (;;) {
		struct hpa base;
		unsigned order, access;
		err_t err;

		if (stage2_lookup(&m->s2, GPA(a), &base, &order, &access) == OK) {
			uint64_t off = a & ((PAGE_SIZE << order) - 1);

			*h = HPA(base.v + off);
			*run = (PAGE_SIZE << order) - off;
			return OK;
		}
		err = gmem_fault(m, GPA(a), GMEM_R);
		if (err != OK)
			return err;
	}
}
