/* SPDX-License-Identifier: Apache-2.0 */
/* Stage-2 entries of VMSAv8-64 against DDI0487, VTCR_EL2, and all of it through the portable walker. Host only. */
#include <core/arith.h>
#include <fake/aarch64/fake_hw.h>
#include <fake/fake.h>
#include <unit/tap.h>
#include "../../../vmm/aarch64/el2.h"

#define RWX (GMEM_R | GMEM_W | GMEM_X)

static void test_entries(void)
{
	const struct stage2_format *f = vmsa_format(4, false), *forced = vmsa_format(4, true);
	const uint64_t page = 0x0000123456789000ull;

	ok_eq(f->leaf(HPA(page), 0, RWX), page | 0x7ff, "4 KiB: valid, page, write-back, RW, inner shareable, AF");
	ok_eq(f->leaf(HPA(page), 0, GMEM_R), (int64_t)(page | 0x77f | 1ull << 54), "read only, no execute");
	ok_eq(f->leaf(HPA(0x200000), 1, RWX), 0x2007fd, "2 MiB is a block");
	ok_eq(f->leaf(HPA(0x40000000), 2, RWX), 0x400007fd, "1 GiB is a block");
	ok_eq(forced->leaf(HPA(page), 0, RWX), page | 0x7db, "forced write-back has another code");
	ok(!stage2_is_present(f, f->leaf(HPA(page), 0, 0)), "no rights: not valid");
	ok_eq(f->table(HPA(page)), page | 3, "a table");
	ok(stage2_is_leaf(f, f->leaf(HPA(page), 0, RWX), 0) && stage2_is_leaf(f, f->leaf(HPA(0), 1, RWX), 1) && !stage2_is_leaf(f, f->table(HPA(page)), 1), "leaves and tables");
	ok_eq(stage2_addr(f, f->leaf(HPA(page), 0, GMEM_R)).v, page, "the address comes back");
	for (unsigned a = 1; a < 8; a++)
		ok_eq(f->access(f->leaf(HPA(page), 0, a)), a, "rights come back");
	ok_eq(f->access(0x7fe), 0, "of what is not valid there are none");
}

static void test_sizes(void)
{
	ok(vmsa_format(0, false) == NULL && vmsa_format(1, true) == NULL, "32 and 36 bits are too short");
	for (unsigned range = 2; range <= 3; range++)
		ok(vmsa_format(range, false)->levels == 3 && vmsa_format(range, false)->max_gpa_bits == 39, "range %u: from level 1", range);
	for (unsigned range = 4; range <= 6; range++)
		ok(vmsa_format(range, true)->levels == 4 && vmsa_format(range, true)->max_gpa_bits == 44, "range %u: from level 0", range);
	ok(vmsa_guest_parange(vmsa_format(3, false)) == 2 && vmsa_guest_parange(vmsa_format(5, false)) == 4, "what guests are told");
	ok_eq(vmsa_vtcr(vmsa_format(2, false), 2, false), 0x80023559, "VTCR_EL2 of 40 bits: T0SZ 25, level 1");
	ok_eq(vmsa_vtcr(vmsa_format(4, false), 4, false), 0x80043594, "of 44: T0SZ 20, level 0");
	ok_eq(vmsa_vtcr(vmsa_format(6, false), 6, true), 0x800d3594, "of 52: what 4 KiB pages can, and 16 bits of VMID");
	ok(vmsa_format(4, false)->publish == hw_cache_publish && vmsa_format(4, true)->publish == hw_cache_publish_code,
	   "the data caches matter only where stage 1 may go around them");
}

static void test_walk(unsigned range)
{
	const struct stage2_format *f = vmsa_format(range, false);
	const uint64_t end = 1ull << f->max_gpa_bits;
	struct pool pool;
	struct stage2 s;
	unsigned order, access;
	struct hpa h;

	pool_init(&pool, "vmsa", &pool_root, UINT64_MAX);
	if (!ok(stage2_init(&s, f, &pool) == OK, "a root"))
		return;
	ok(stage2_map(&s, GPA(end - PAGE_SIZE), HPA(0x5000), 0, RWX) == OK, "the last page");
	ok(stage2_lookup(&s, GPA(end - 1), &h, &order, &access) == OK && h.v == 0x5000 && order == 0 && access == RWX, "is found");
	ok(stage2_map(&s, GPA(end), HPA(0x5000), 0, GMEM_R) == E_RANGE, "beyond is refused");
	ok(stage2_map(&s, GPA(0x40000000), HPA(0x80000000), 18, RWX) == OK, "1 GiB");
	ok(stage2_lookup(&s, GPA(0x7fffffff), &h, &order, &access) == OK && h.v == 0x80000000 && order == 18, "covers its end");
	stage2_fini(&s);
	ok_eq(pool.used_pages, 0, "tables came back");
	pool_fini(&pool);
}

int main(void)
{
	fake_init(16 * MIB, 1);
	fake_hw_reset();
	test_entries();
	test_sizes();
	test_walk(2);
	test_walk(4);
	return tap_done();
}
