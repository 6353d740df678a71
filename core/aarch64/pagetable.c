/* SPDX-License-Identifier: Apache-2.0 */
/* Building and walking stage 1 tables (DDI0487 D8.3.1, figures of VMSAv8-64 descriptors). Pure data structure work on identity-mapped
 * tables; flushes no TLB. Table entries allow everything, the leaf decides. Levels are counted from the page (1) up: the manual's level 3 is 1. */
#include "pagetable.h"
#include <core/addr.h>
#include <core/arith.h>
#include <string.h>

#define PT_ENTRIES 512

static unsigned pt_index(uint64_t va, unsigned level)
{
	return (va >> (12 + 9 * (level - 1))) & (PT_ENTRIES - 1);
}

static uint64_t *pt_table(uint64_t entry)
{
	return (uint64_t *)(entry & PT_ADDR);
}

static bool pt_is_leaf(uint64_t entry, unsigned level)
{
	return level == 1 || !(entry & PT_TABLE);
}

/* A walker that sees the new entry sees all that was written before it, a new table's contents for instance: walks are ordered like loads of
 * the shareability domain (D8.2.6), and a store-release comes after those stores. */
static void pt_set(uint64_t *e, uint64_t v)
{
	__atomic_store_n(e, v, __ATOMIC_RELEASE);
}

static uint64_t pt_leaf(const struct pagetable *t, uint64_t pa, unsigned flags, unsigned level)
{
	unsigned attr = flags & PAGING_UC ? PT_DEVICE : flags & PAGING_WC ? PT_UNCACHED : PT_NORMAL;
	uint64_t e = pa | PT_VALID | PT_AF | (uint64_t)attr << PT_ATTR_SHIFT | (attr == PT_NORMAL ? PT_SH_INNER : 0) | (level == 1 ? PT_TABLE : 0);

	if (!(flags & PAGING_WRITE))
		e |= PT_RO;
	if (!t->has_el0)
		return e | PT_USER | (flags & PAGING_EXEC ? 0 : PT_UXN);
	return e | PT_UXN | (flags & PAGING_EXEC ? 0 : PT_PXN);
}

/* Replaces the block in *e by a table of pages that map the same. Not on a live table: a change of the block size must break before it makes
 * (D8.17.1), and what lies in the block may be in use. */
static err_t pt_split(struct pagetable *t, uint64_t *e)
{
	uint64_t pa = *e & PT_ADDR & ~(PAGING_BLOCK - 1), rest = *e & ~PT_ADDR, *table;

	if (t->live)
		return E_STATE;
	table = t->alloc();
	if (!table)
		return E_NOMEM;
	for (unsigned i = 0; i < PT_ENTRIES; i++)
		table[i] = (pa + i * PAGE_SIZE) | rest | PT_TABLE;
	pt_set(e, (uint64_t)table | PT_TABLE | PT_VALID);
	return OK;
}

/* Makes *e lead to a table of this tree's own, whatever it holds: nothing, a block, a table that is shared with the other view. */
static err_t pt_descend(struct pagetable *t, uint64_t *e, unsigned level, uint64_t other)
{
	uint64_t *next;

	if ((*e & PT_VALID) && pt_is_leaf(*e, level))
		return level == 2 ? pt_split(t, e) : E_UNSUPPORTED; /* 1 GiB blocks are never made */
	if ((*e & PT_VALID) && !((other & PT_VALID) && (other & PT_ADDR) == (*e & PT_ADDR)))
		return OK;
	next = t->alloc();
	if (!next)
		return E_NOMEM;
	if (*e & PT_VALID)
		memcpy(next, pt_table(*e), PAGE_SIZE);
	pt_set(e, (uint64_t)next | PT_TABLE | PT_VALID);
	return OK;
}

/* Finds the entry for va at level, making tables on the way. */
static err_t pt_entry(struct pagetable *t, uint64_t va, unsigned level, uint64_t **out)
{
	uint64_t *table = t->top;
	const uint64_t *shared = t->shared_top;

	for (unsigned l = 4; l > level; l--) {
		uint64_t *e = &table[pt_index(va, l)], other = shared ? shared[pt_index(va, l)] : 0;
		err_t err = pt_descend(t, e, l, other);

		if (err != OK)
			return err;
		table = pt_table(*e);
		shared = (other & PT_VALID) && !pt_is_leaf(other, l) ? pt_table(other) : NULL;
	}
	*out = &table[pt_index(va, level)];
	return OK;
}

err_t pt_map(struct pagetable *t, uint64_t va, uint64_t pa, uint64_t len, unsigned flags)
{
	while (len) {
		bool large = is_aligned(va | pa, PAGING_BLOCK) && len >= PAGING_BLOCK;
		uint64_t step = large ? PAGING_BLOCK : PAGE_SIZE, *e;
		err_t err = pt_entry(t, va, large ? 2 : 1, &e);

		if (err != OK)
			return err;
		if (t->live && (*e & PT_VALID))
			return E_STATE;
		pt_set(e, pt_leaf(t, pa, flags, large ? 2 : 1));
		va += step;
		pa += step;
		len -= step;
	}
	return OK;
}

err_t pt_unmap(struct pagetable *t, uint64_t va, uint64_t len)
{
	for (; len; va += PAGE_SIZE, len -= PAGE_SIZE) {
		uint64_t *e;
		err_t err = pt_entry(t, va, 1, &e);

		if (err != OK)
			return err;
		pt_set(e, 0);
	}
	return OK;
}

uint64_t *pt_walk(const uint64_t *top, uint64_t va, unsigned *level)
{
	uint64_t *table = (uint64_t *)top;

	for (unsigned l = 4; l >= 1; l--) {
		uint64_t *e = &table[pt_index(va, l)];

		if (!(*e & PT_VALID))
			return NULL;
		if (pt_is_leaf(*e, l)) {
			*level = l;
			return e;
		}
		table = pt_table(*e);
	}
	return NULL;
}
