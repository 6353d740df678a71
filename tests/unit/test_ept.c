/* SPDX-License-Identifier: Apache-2.0 */
/* Extended page-table entries against SDM 3C 29.3, and through the portable walker. Host only. */
#include "tap.h"
#include <core/arith.h>
#include <fake/fake.h>
#include <vmm/gmem.h>
#include <vmm/stage2.h>

static void test_entries(void)
{
	const struct stage2_format *f = &stage2_ept;
	const uint64_t page = 0x000123456789a000ull;

	ok_eq(f->leaf(HPA(page), 0, GMEM_R | GMEM_W | GMEM_X), (int64_t)(page | 0x377), "4 KiB, all rights: R W X, write-back, ignore PAT, A D");
	ok_eq(f->leaf(HPA(page), 0, GMEM_R), (int64_t)(page | 0x371), "read only, no execute");
	ok_eq(f->leaf(HPA(page), 0, GMEM_W) & 3, 3, "W without R would be a misconfiguration");
	ok_eq(f->leaf(HPA(page), 0, GMEM_X) & 5, 5, "and X without R needs a capability");
	ok_eq(f->leaf(HPA(0x40000000), 2, GMEM_R | GMEM_W | GMEM_X), 0x400003f7, "1 GiB is large");
	ok_eq(f->leaf(HPA(0x200000), 1, GMEM_R | GMEM_W), 0x2003f3, "2 MiB is large");
	ok(!stage2_is_present(f, f->leaf(HPA(page), 0, 0)), "no rights: not present");
	ok_eq(f->table(HPA(page)), (int64_t)(page | 0x107), "a table: R W X A, no memory type");
	ok(stage2_is_leaf(f, page | 0x377, 0) && stage2_is_leaf(f, 0xf7, 1) && stage2_is_leaf(f, 0xf7, 2), "leaves");
	ok(!stage2_is_leaf(f, 0x107, 1) && !stage2_is_leaf(f, 0x107, 3) && !stage2_is_leaf(f, 0xf7, 3), "tables; the top level has no leaves");
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

	pool_init(&pool, "ept", &pool_root, UINT64_MAX);
	if (!ok(stage2_init(&s, &stage2_ept, &pool) == OK, "a root"))
		return;
	ok(stage2_map(&s, GPA(0xfffffffff000), HPA(0x5000), 0, GMEM_R | GMEM_W | GMEM_X) == OK, "the last page of 48 bits");
	ok(stage2_lookup(&s, GPA(0xffffffffffff), &h, &order, &access) == OK && h.v == 0x5000 && order == 0 && access == 7, "is found");
	ok(stage2_protect(&s, GPA(0xfffffffff000), GMEM_R) == OK, "its rights are taken");
	ok(stage2_lookup(&s, GPA(0xfffffffff000), &h, &order, &access) == OK && h.v == 0x5000 && access == GMEM_R, "and the page stays");
	ok(stage2_map(&s, GPA(1ull << 48), HPA(0x5000), 0, GMEM_R) == E_RANGE, "beyond is refused");
	ok(stage2_map(&s, GPA(0x40000000), HPA(0x80000000), 18, GMEM_R | GMEM_W | GMEM_X) == OK, "1 GiB");
	ok(stage2_lookup(&s, GPA(0x7fffffff), &h, &order, &access) == OK && h.v == 0x80000000 && order == 18, "covers its end");
	ok(stage2_map(&s, GPA(0x200000), HPA(0x600000), 9, GMEM_R | GMEM_W) == OK, "2 MiB");
	ok(stage2_unmap(&s, GPA(0x3fffff), &h, &order) == OK && h.v == 0x600000 && order == 9, "is given back whole");
	ok(stage2_lookup(&s, GPA(0x200000), &h, &order, &access) == E_NOENT, "and is gone");
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
