/* SPDX-License-Identifier: Apache-2.0 */
/* Nested page-table entries against APM 2 5.4 and 15.25, and through the portable walker. Host only. */
#include "tap.h"
#include <core/arith.h>
#include <fake/fake.h>
#include <vmm/gmem.h>
#include <vmm/stage2.h>

static void test_entries(void)
{
	const struct stage2_format *f = &stage2_npt;
	const uint64_t page = 0x000123456789a000ull & 0x000ffffffffff000ull;

	ok_eq(f->leaf(HPA(page), 0, GMEM_R | GMEM_W | GMEM_X), (int64_t)(page | 0x67), "4 KiB, all rights: P W U A D");
	ok_eq(f->leaf(HPA(page), 0, GMEM_R), (int64_t)(page | 0x65 | 1ull << 63), "read only, no execute");
	ok_eq(f->leaf(HPA(0x40000000), 2, GMEM_R | GMEM_W | GMEM_X), 0x400000e7, "1 GiB has PS");
	ok_eq(f->leaf(HPA(0x200000), 1, GMEM_R | GMEM_W), (int64_t)(0x2000e7 | 1ull << 63), "2 MiB has PS");
	ok(!stage2_is_present(f, f->leaf(HPA(page), 0, 0)), "no rights: not present");
	ok_eq(f->table(HPA(page)), (int64_t)(page | 0x27), "a table: P W U A");
	ok(stage2_is_leaf(f, page | 0x67, 0) && stage2_is_leaf(f, 0xe7, 1) && stage2_is_leaf(f, 0xe7, 2), "leaves");
	ok(!stage2_is_leaf(f, 0x27, 1) && !stage2_is_leaf(f, 0xe7, 3), "tables; the top level has no leaves");
	ok_eq(stage2_addr(f, f->leaf(HPA(page), 0, GMEM_R)).v, (int64_t)page, "the address comes back");
	for (unsigned a = 1; a < 8; a++)
		ok_eq(f->access(f->leaf(HPA(page), 0, a | GMEM_R)), a | GMEM_R, "rights come back");
	ok(f->levels == 4 && f->max_gpa_bits == 48, "four levels");
}

static void test_walk(void)
{
	struct pool pool;
	struct stage2 s;
	unsigned order, access;
	struct hpa h;

	pool_init(&pool, "npt", &pool_root, UINT64_MAX);
	if (!ok(stage2_init(&s, &stage2_npt, &pool) == OK, "a root"))
		return;
	ok(stage2_map(&s, GPA(0xfffffffff000), HPA(0x5000), 0, GMEM_R | GMEM_W | GMEM_X) == OK, "the last page of 48 bits");
	ok(stage2_lookup(&s, GPA(0xffffffffffff), &h, &order, &access) == OK && h.v == 0x5000 && order == 0 && access == 7, "is found");
	ok(stage2_map(&s, GPA(1ull << 48), HPA(0x5000), 0, GMEM_R) == E_RANGE, "beyond is refused");
	ok(stage2_map(&s, GPA(0x40000000), HPA(0x80000000), 18, GMEM_R | GMEM_W | GMEM_X) == OK, "1 GiB");
	ok(stage2_lookup(&s, GPA(0x7fffffff), &h, &order, &access) == OK && h.v == 0x80000000 && order == 18, "covers its end");
	stage2_fini(&s);
	ok_eq(pool.used_pages, 0, "tables came back");
	pool_fini(&pool);
}

int main(void)
{
	fake_init(16 * MIB, 1);
	test_entries();
	test_walk();
	return tap_done();
}
