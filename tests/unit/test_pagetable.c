/* SPDX-License-Identifier: Apache-2.0 */
/* x86-64 page tables as data: mapping, splitting, sharing between views. Tables lie in host memory. */
#include "tap.h"
#include "core/x86_64/pagetable.c"
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

static void begin(struct pagetable *t)
{
	limit = 4096;
	*t = (struct pagetable){.alloc = table_new};
	t->top = table_new();
}

static void end(void)
{
	while (tables)
		free(allocated[--tables]);
}

/* The physical address that va maps to, ~0 when none. */
static uint64_t look(const struct pagetable *t, uint64_t va, uint64_t *perms, unsigned *level)
{
	uint64_t *e = pt_walk(t->top, va, level, perms);
	uint64_t size;

	if (!e)
		return ~0ull;
	size = 1ull << (12 + 9 * (*level - 1));
	return (*e & PT_ADDR & ~(size - 1)) + (va & (size - 1));
}

static void test_map(void)
{
	struct pagetable t;
	uint64_t perms = 0;
	unsigned level = 0;

	begin(&t);
	ok_eq(pt_map(&t, M, M, 5 * M, PT_WRITE | PT_NX), OK, "map 1..6 MiB");
	ok(look(&t, M, &perms, &level) == M && level == 1, "an odd start takes small pages");
	ok(look(&t, 3 * M + 5, &perms, &level) == 3 * M + 5 && level == 2, "the middle takes a large page");
	ok(perms == (PT_WRITE | PT_NX), "rights as asked");
	ok(look(&t, 6 * M, &perms, &level) == ~0ull && look(&t, M - 1, &perms, &level) == ~0ull, "nothing beside it");
	ok_eq(pt_map(&t, 0xffffc80000001000ull, 0xfe000000, 4096, PT_WRITE | PT_TYPE_WC), OK, "map in the upper half");
	ok(look(&t, 0xffffc80000001234ull, &perms, &level) == 0xfe000234, "and find it");
	end();
}

static void test_split(void)
{
	struct pagetable t;
	uint64_t perms = 0, *e;
	unsigned level = 0;
	bool same = true;

	begin(&t);
	ok_eq(pt_map(&t, 0, 0, 4 * M, PT_WRITE | PT_NX | PT_TYPE_WC), OK, "two large pages");
	ok_eq(pt_map(&t, 2 * M + 8192, 2 * M + 8192, 4096, 0), OK, "one small page within");
	ok(look(&t, 2 * M + 8192, &perms, &level) == 2 * M + 8192 && perms == 0 && level == 1, "has its own rights");
	for (uint64_t a = 2 * M; a < 4 * M; a += 4096) {
		if (a == 2 * M + 8192)
			continue;
		e = pt_walk(t.top, a, &level, &perms);
		same &= e && level == 1 && (*e & PT_ADDR) == a && perms == (PT_WRITE | PT_NX) && (*e & PT_PAT_4K);
	}
	ok(same, "its neighbours keep address, rights and memory type");
	ok(look(&t, M, &perms, &level) == M && level == 2, "the other large page stays large");
	ok_eq(pt_unmap(&t, 2 * M, 4096), OK, "unmap one");
	ok(look(&t, 2 * M, &perms, &level) == ~0ull && look(&t, 2 * M + 4096, &perms, &level) == 2 * M + 4096, "alone");
	ok_eq(pt_map(&t, 2 * M, 2 * M, 2 * M, PT_WRITE), OK, "a large page over small ones");
	ok(look(&t, 2 * M + 8192, &perms, &level) == 2 * M + 8192 && level == 2, "replaces them");
	end();
}

static void test_views(void)
{
	struct pagetable a, b;
	uint64_t perms = 0;
	unsigned level = 0, before;

	begin(&a);
	ok_eq(pt_map(&a, 0, 0, 4 * G, PT_WRITE | PT_NX), OK, "4 GiB in the first view");
	b = (struct pagetable){.top = table_new(), .alloc = table_new, .shared_top = a.top};
	memcpy(b.top, a.top, 4096);
	before = tables;
	ok_eq(pt_map(&b, 64 * M, 64 * M, 2 * M + 4096, PT_WRITE), OK, "another right in the second view");
	ok_eq(tables - before, 3, "clones the two tables on the way, and splits in the clone");
	ok(look(&b, 64 * M, &perms, &level) == 64 * M && perms == PT_WRITE, "seen there");
	ok(look(&b, 66 * M, &perms, &level) == 66 * M && perms == PT_WRITE && level == 1, "down to a small page");
	ok(look(&a, 64 * M, &perms, &level) == 64 * M && perms == (PT_WRITE | PT_NX), "not in the first view");
	ok(look(&a, 66 * M, &perms, &level) == 66 * M && level == 2, "which is not split");
	before = tables;
	ok_eq(pt_map(&b, 80 * M, 80 * M, 2 * M, PT_WRITE), OK, "again nearby");
	ok_eq(tables - before, 0, "without another clone");
	ok_eq(pt_map(&b, 3 * G, 3 * G, 2 * M, PT_WRITE), OK, "in another GiB");
	ok_eq(tables - before, 1, "clones one more");
	ok(look(&a, 3 * G, &perms, &level) == 3 * G && (perms & PT_NX), "the first view is whole");
	end();
}

static void test_out_of_tables(void)
{
	struct pagetable t;

	begin(&t);
	limit = tables + 2;
	ok_eq(pt_map(&t, 0, 0, 4096, PT_WRITE), E_NOMEM, "no tables: an error");
	limit = tables + 1;
	ok_eq(pt_map(&t, 0, 0, 4096, PT_WRITE), OK, "goes on when there are");
	ok_eq(pt_map(&t, G, G, 2 * M, PT_WRITE), E_NOMEM, "and fails again");
	end();
}

int main(void)
{
	test_map();
	test_split();
	test_views();
	test_out_of_tables();
	return tap_done();
}
