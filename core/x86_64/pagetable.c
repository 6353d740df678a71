/* SPDX-License-Identifier: Apache-2.0 */
/* Building and walking x86-64 page tables (SDM 3A 4.5.4). Pure data structure work on identity-mapped tables;
 * flushes no TLB. Non-leaf entries allow everything, the leaf decides. */
#include "pagetable.h"
#include <core/arith.h>
#include <stddef.h>
#include <string.h>

#define PT_TABLE (PT_PRESENT | PT_WRITE | PT_USER)
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
	return level == 1 || (level <= 3 && (entry & PT_LARGE));
}

/* Leaf flags in the form that a level wants them: the PAT bit moves. */
static uint64_t pt_leaf(uint64_t pa, uint64_t flags, unsigned level)
{
	if (level == 1)
		return pa | flags | PT_PRESENT;
	if (flags & PT_PAT_4K)
		flags = (flags & ~PT_PAT_4K) | PT_PAT_LARGE;
	return pa | flags | PT_LARGE | PT_PRESENT;
}

/* Replaces the 2 MiB page in *e by a table of 4 KiB pages that map the same. */
static err_t pt_split(struct pagetable *t, uint64_t *e)
{
	uint64_t *table = t->alloc();
	uint64_t pa = *e & PT_ADDR & ~(PT_BLOCK - 1);
	uint64_t flags = *e & (PT_WRITE | PT_USER | PT_PWT | PT_PCD | PT_NX);

	if (!table)
		return E_NOMEM;
	if (*e & PT_PAT_LARGE)
		flags |= PT_PAT_4K;
	for (unsigned i = 0; i < PT_ENTRIES; i++)
		table[i] = pt_leaf(pa + i * PAGE_SIZE, flags, 1);
	*e = (uint64_t)table | PT_TABLE;
	return OK;
}

/* Finds the entry for va at level, making tables on the way. */
static err_t pt_entry(struct pagetable *t, uint64_t va, unsigned level, uint64_t **out)
{
	uint64_t *table = t->top;
	const uint64_t *shared = t->shared_top;

	for (unsigned l = 4; l > level; l--) {
		uint64_t *e = &table[pt_index(va, l)];
		uint64_t other = shared ? shared[pt_index(va, l)] : 0;

		if (!(*e & PT_PRESENT)) {
			uint64_t *next = t->alloc();

			if (!next)
				return E_NOMEM;
			*e = (uint64_t)next | PT_TABLE;
		} else if (pt_is_leaf(*e, l)) {
			err_t err = l == 2 ? pt_split(t, e) : E_UNSUPPORTED; /* 1 GiB pages are never made */

			if (err != OK)
				return err;
		} else if ((other & PT_PRESENT) && (other & PT_ADDR) == (*e & PT_ADDR)) {
			uint64_t *copy = t->alloc();

			if (!copy)
				return E_NOMEM;
			memcpy(copy, pt_table(*e), PAGE_SIZE);
			*e = (uint64_t)copy | PT_TABLE;
		}
		table = pt_table(*e);
		shared = (other & PT_PRESENT) && !pt_is_leaf(other, l) ? pt_table(other) : NULL;
	}
	*out = &table[pt_index(va, level)];
	return OK;
}

err_t pt_map(struct pagetable *t, uint64_t va, uint64_t pa, uint64_t len, uint64_t flags)
{
	while (len) {
		bool large = is_aligned(va | pa, PT_BLOCK) && len >= PT_BLOCK;
		uint64_t step = large ? PT_BLOCK : PAGE_SIZE;
		uint64_t *e;
		err_t err = pt_entry(t, va, large ? 2 : 1, &e);

		if (err != OK)
			return err;
		*e = pt_leaf(pa, flags, large ? 2 : 1);
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
		*e = 0;
	}
	return OK;
}

uint64_t *pt_walk(const uint64_t *top, uint64_t va, unsigned *level, uint64_t *perms)
{
	uint64_t *table = (uint64_t *)top;
	uint64_t p = PT_WRITE | PT_USER;

	for (unsigned l = 4; l >= 1; l--) {
		uint64_t *e = &table[pt_index(va, l)];

		if (!(*e & PT_PRESENT))
			return NULL;
		p = (p & *e & (PT_WRITE | PT_USER)) | ((p | *e) & PT_NX);
		if (pt_is_leaf(*e, l)) {
			*level = l;
			*perms = p;
			return e;
		}
		table = pt_table(*e);
	}
	return NULL;
}
