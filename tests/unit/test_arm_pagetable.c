/* SPDX-License-Identifier: Apache-2.0 */
/* aarch64 stage 1 tables as data: the two forms of rights, blocks and their splitting, sharing between views, and what a live table refuses. */
#include "tap.h"
#include "core/aarch64/pagetable.c"
#include <stdlib.h>

#define G (1ull << 30)
#define M (1ull << 20)

static unsigned tables, limit;
static void *allocated[4096];

static uint64_t *table_new(void)
{
	if (tables == limit)
		return NULL;
	return allocated[tables++] = memset(aligned_alloc(4096, 4096), 0, 4096);
}

static void begin(struct pagetable *t, bool has_el0)
{
	limit = 4096;
	*t = (struct pagetable){.alloc = table_new, .has_el0 = has_el0};
	t->top = table_new();
}

static void end(void)
{
	while (tables)
		free(allocated[--tables]);
}

static uint64_t entry(const struct pagetable *t, uint64_t va)
{
	unsigned level;
	uint64_t *e = pt_walk(t->top, va, &level);

	return e ? *e : 0;
}

/* The physical address that va maps to, ~0 when none. */
static uint64_t look(const struct pagetable *t, uint64_t va, unsigned *level)
{
	uint64_t *e = pt_walk(t->top, va, level), size;

	if (!e)
		return ~0ull;
	size = 1ull << (12 + 9 * (*level - 1));
	return (*e & PT_ADDR & ~(size - 1)) + (va & (size - 1));
}

static void test_rights(void)
{
	struct pagetable two, one;

	begin(&two, true);
	ok(pt_map(&two, 0, 0x40000000, 4096, PAGING_WRITE) == OK && pt_map(&two, 4096, 0x40001000, 4096, PAGING_EXEC) == OK &&
	   pt_map(&two, 8192, 0x9000000, 4096, PAGING_WRITE | PAGING_UC) == OK && pt_map(&two, 12288, 0x50000000, 4096, PAGING_WRITE | PAGING_WC) == OK, "four pages");
	ok_eq(entry(&two, 0), 0x40000000 | 3 | 3 << 8 | 1 << 10 | PT_PXN | PT_UXN, "data: EL1 writes, nobody executes, EL0 has no access");
	ok_eq(entry(&two, 4096), 0x40001000 | 3 | 1 << 7 | 3 << 8 | 1 << 10 | PT_UXN, "code: read only, EL1 executes");
	ok_eq(entry(&two, 8192), 0x9000000 | 3 | 1 << 2 | 1 << 10 | PT_PXN | PT_UXN, "a device: MAIR index 1");
	ok_eq(entry(&two, 12288) >> 2 & 7, 2, "uncached memory: MAIR index 2");
	begin(&one, false);
	ok(pt_map(&one, 0, 0x40000000, 4096, PAGING_WRITE) == OK && pt_map(&one, 4096, 0x40001000, 4096, PAGING_EXEC) == OK, "the regime without EL0");
	ok_eq(entry(&one, 0), 0x40000000 | 3 | 1 << 6 | 3 << 8 | 1 << 10 | 1ull << 54, "AP[1] reads as one, XN is bit 54");
	ok_eq(entry(&one, 4096), 0x40001000 | 3 | 1 << 6 | 1 << 7 | 3 << 8 | 1 << 10, "and code has neither bit");
	end();
}

static void test_blocks(void)
{
	struct pagetable t;
	unsigned level;

	begin(&t, true);
	ok(pt_map(&t, 0x40000000, 0x40000000, 4 * M, PAGING_WRITE) == OK, "two blocks");
	ok_eq(look(&t, 0x40000000 + 3 * M, &level), 0x40000000 + 3 * M, "the second maps one to one");
	ok_eq(level, 2, "by a block");
	ok_eq(entry(&t, 0x40000000) & 3, 1, "whose descriptor says block");
	ok(pt_map(&t, 0x40001000, 0x40001000, 4096, PAGING_EXEC) == OK, "a page with other rights in it");
	ok(look(&t, 0x40001000, &level) == 0x40001000 && level == 1 && !(entry(&t, 0x40001000) & PT_PXN), "splits it");
	ok(look(&t, 0x40002000, &level) == 0x40002000 && level == 1 && (entry(&t, 0x40002000) & PT_PXN) && !(entry(&t, 0x40002000) & PT_RO),
	   "the rest keeps its rights");
	ok_eq(entry(&t, 0x40002000) & 3, 3, "as pages");
	ok(pt_unmap(&t, 0x40003000, 4096) == OK && look(&t, 0x40003000, &level) == ~0ull, "a page is taken out");
	limit = tables;
	ok_eq(pt_map(&t, 9 * G, 0, 4096, 0), E_NOMEM, "no memory for tables");
	end();
}

static void test_live(void)
{
	struct pagetable t;
	unsigned level;

	begin(&t, true);
	ok(pt_map(&t, 0, 0, 2 * M, PAGING_WRITE) == OK, "a block");
	t.live = true;
	ok_eq(pt_map(&t, 4096, 4096, 4096, PAGING_EXEC), E_STATE, "a live block is not split");
	ok_eq(pt_unmap(&t, 4096, 4096), E_STATE, "nor for taking a page out");
	ok(look(&t, 4096, &level) == 4096 && level == 2, "and stays as it was");
	ok(pt_map(&t, 4 * G, 0x1000, 4096, PAGING_WRITE) == OK, "new pages are mapped");
	ok_eq(pt_map(&t, 4 * G, 0x2000, 4096, PAGING_WRITE), E_STATE, "and not mapped over");
	ok(pt_unmap(&t, 4 * G, 4096) == OK && pt_map(&t, 4 * G, 0x2000, 4096, PAGING_WRITE) == OK, "but anew once they are gone");
	end();
}

static void test_views(void)
{
	struct pagetable main, other;
	unsigned level;

	begin(&main, true);
	ok(pt_map(&main, 0, 0, 4 * M, PAGING_WRITE) == OK && pt_unmap(&main, 512 * G, 4096) == OK, "the main view");
	other = (struct pagetable){.top = table_new(), .alloc = table_new, .shared_top = main.top, .has_el0 = true};
	memcpy(other.top, main.top, 4096);
	ok(pt_map(&other, 4096, 4096, 4096, PAGING_WRITE | PAGING_EXEC) == OK, "a page of the other view");
	ok(!(entry(&other, 4096) & PT_PXN) && (entry(&main, 4096) & PT_PXN), "changes there alone");
	ok(look(&main, 4096, &level) == 4096 && level == 2, "the main view keeps its block");
	ok(pt_map(&main, 512 * G, 0x1000, 4096, 0) == OK && look(&other, 512 * G, &level) == 0x1000, "what comes later shows in both");
	end();
}

int main(void)
{
	test_rights();
	test_blocks();
	test_live();
	test_views();
	return tap_done();
}
