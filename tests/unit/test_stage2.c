/* SPDX-License-Identifier: Apache-2.0 */
/* The stage-2 walker against a model, on the nested-paging format: sizes, collisions, bounds, and every page back at the end. */
#include <core/arith.h>
#include <core/page.h>
#include <fake/fake.h>
#include <stdlib.h>
#include <unit/tap.h>
#include <vmm/gmem.h>
#include <vmm/stage2.h>

#define RWX (GMEM_R | GMEM_W | GMEM_X)

static struct pool pool;

static void test_sizes(void)
{
	struct stage2 s;
	struct hpa h;
	unsigned order, access;

	ok_eq(stage2_init(&s, &stage2_npt, &pool), OK, "a new space");
	ok_eq(stage2_lookup(&s, GPA(0), &h, &order, &access), E_NOENT, "is empty");
	ok_eq(stage2_map(&s, GPA(0x1000), HPA(0xabc000), 0, RWX), OK, "4 KiB");
	ok_eq(stage2_map(&s, GPA(0x200000), HPA(0x40000000), 9, GMEM_R), OK, "2 MiB");
	ok_eq(stage2_map(&s, GPA(1 * GIB), HPA(2 * GIB), 18, GMEM_R | GMEM_W), OK, "1 GiB");
	ok(stage2_lookup(&s, GPA(0x1fff), &h, &order, &access) == OK && h.v == 0xabc000 && order == 0 && access == RWX, "4 KiB found");
	ok(stage2_lookup(&s, GPA(0x3fffff), &h, &order, &access) == OK && h.v == 0x40000000 && order == 9 && access == GMEM_R,
	   "2 MiB found by its last byte");
	ok(stage2_lookup(&s, GPA(2 * GIB - 1), &h, &order, &access) == OK && h.v == 2 * GIB && order == 18 &&
	   access == (GMEM_R | GMEM_W), "1 GiB found by its last byte");
	ok_eq(stage2_lookup(&s, GPA(2 * GIB), &h, &order, &access), E_NOENT, "and not one byte more");
	ok_eq(stage2_map(&s, GPA(0x1000), HPA(0), 0, RWX), E_EXIST, "twice the same page");
	ok_eq(stage2_map(&s, GPA(0), HPA(0), 9, RWX), E_EXIST, "a large page over a table");
	ok_eq(stage2_map(&s, GPA(0x201000), HPA(0), 0, RWX), E_EXIST, "a small page under a large one");
	ok_eq(stage2_map(&s, GPA(0x1000), HPA(0), 9, RWX), E_RANGE, "unaligned guest address");
	ok_eq(stage2_map(&s, GPA(0x400000), HPA(0x1000), 9, RWX), E_RANGE, "unaligned host address");
	ok_eq(stage2_map(&s, GPA(0x400000), HPA(0), 3, RWX), E_RANGE, "an order that no page has");
	ok_eq(stage2_map(&s, GPA(0), HPA(0), 27, RWX), E_RANGE, "512 GiB pages do not exist");
	ok_eq(stage2_map(&s, GPA(0x5000), HPA(0x5000), 0, 0), E_RANGE, "a page without any right");
	ok(!stage2_vacant(&s, GPA(0), 9) && stage2_vacant(&s, GPA(0x400000), 9) && !stage2_vacant(&s, GPA(0x201000), 0), "vacancy");
	ok_eq(stage2_protect(&s, GPA(0x1234), GMEM_R), OK, "protect");
	ok(stage2_lookup(&s, GPA(0x1000), &h, &order, &access) == OK && access == GMEM_R && h.v == 0xabc000, "rights are less, the page is the same");
	ok_eq(stage2_protect(&s, GPA(0x9000), GMEM_R), E_NOENT, "protect nothing");
	ok(stage2_unmap(&s, GPA(0x1fffff + 2), &h, &order) == OK && h.v == 0x40000000 && order == 9, "unmap gives the page back");
	ok_eq(stage2_unmap(&s, GPA(0x200000), &h, &order), E_NOENT, "once");
	stage2_fini(&s);
	stage2_fini(&s);
	ok_eq(pool.used_pages, 0, "all tables are back");
}

static void test_bounds(void)
{
	struct stage2 s;
	struct hpa h;
	unsigned order, access;

	ok_eq(stage2_init(&s, &stage2_npt, &pool), OK, "a space of 48 bits");
	ok_eq(stage2_map(&s, GPA((1ull << 48) - PAGE_SIZE), HPA(0x1000), 0, RWX), OK, "its last page");
	ok_eq(stage2_map(&s, GPA(1ull << 48), HPA(0x1000), 0, RWX), E_RANGE, "the page behind it does not wrap to 0");
	ok_eq(stage2_lookup(&s, GPA(1ull << 48), &h, &order, &access), E_NOENT, "nor does a look-up");
	ok_eq(stage2_lookup(&s, GPA(UINT64_MAX), &h, &order, &access), E_NOENT, "the very last byte");
	ok_eq(stage2_unmap(&s, GPA(1ull << 63), &h, &order), E_NOENT, "unmap out of range");
	ok(!stage2_vacant(&s, GPA(1ull << 48), 0), "nothing fits out of range");
	stage2_fini(&s);
}

/* ---- a random walk against a flat model of 4 KiB pages in 4 GiB + a little */

#define MODEL_PAGES (1u << 18)
static struct { uint64_t h; uint8_t order, access, used; } model[MODEL_PAGES];
static unsigned dropped, live;

static void count_drop(void *ctx, struct hpa h, unsigned order)
{
	(void)ctx, (void)h, (void)order;
	dropped++;
}

static bool model_free(uint32_t page, unsigned order)
{
	for (uint32_t i = page; i < page + (1u << order); i++)
		if (model[i].used)
			return false;
	return true;
}

static void model_set(uint32_t page, unsigned order, uint64_t h, unsigned access, bool used)
{
	for (uint32_t i = page; i < page + (1u << order); i++)
		model[i] = (typeof(model[0])){ h, (uint8_t)order, (uint8_t)access, used };
}

static bool model_step(struct stage2 *s)
{
	static const unsigned orders[] = { 0, 0, 0, 9 };
	unsigned order = orders[rand() % 4], got_order, got_access, access = 1 + (unsigned)rand() % 7 | GMEM_R;
	uint32_t page = (uint32_t)rand() % MODEL_PAGES & ~((1u << order) - 1);
	uint64_t h = (uint64_t)(rand() % 4096) << (12 + order);
	struct gpa a = GPA((uint64_t)page << 12);
	struct hpa got;

	switch (rand() % 4) {
	case 0:
	case 1: {
		err_t err = stage2_map(s, a, HPA(h), order, access);

		/* Tables left by unmapped small pages may still refuse a large one. */
		if (err == E_EXIST)
			return !model_free(page, order) || order > 0;
		if (err != OK || !model_free(page, order))
			return false;
		model_set(page, order, h, access, true);
		live++;
		return true;
	}
	case 2: {
		uint32_t first = page & ~((1u << model[page].order) - 1);
		err_t err = stage2_unmap(s, a, &got, &got_order);

		if (err != OK)
			return err == E_NOENT && !model[page].used;
		if (!model[page].used || got.v != model[page].h || got_order != model[page].order)
			return false;
		live--;
		model_set(first, got_order, 0, 0, false);
		return true;
	}
	default:
		if (stage2_lookup(s, a, &got, &got_order, &got_access) != OK)
			return !model[page].used;
		return model[page].used && got.v == model[page].h && got_order == model[page].order && got_access == model[page].access;
	}
}

static void test_model(void)
{
	struct stage2 s;
	bool same = true;

	ok_eq(stage2_init(&s, &stage2_npt, &pool), OK, "random steps");
	srand(1);
	for (unsigned i = 0; same && i < 200000; i++)
		same = model_step(&s);
	ok(same, "200000 random steps agree with the model");
	stage2_clear(&s, count_drop, NULL);
	ok_eq(dropped, live, "clear drops each leaf once");
	ok_eq(pool.used_pages, 1, "and leaves the root alone");
	ok_eq(stage2_map(&s, GPA(0), HPA(0), 9, RWX), OK, "a large page fits where tables were");
	stage2_fini(&s);
	ok_eq(pool.used_pages, 0, "all tables are back");
}

static void test_no_memory(void)
{
	struct stage2 s;
	struct pool small;

	pool_init(&small, "small", &pool_root, 3);
	ok_eq(stage2_init(&s, &stage2_npt, &small), OK, "a pool of three pages");
	ok_eq(stage2_map(&s, GPA(0), HPA(0), 0, RWX), E_NOMEM, "cannot hold three levels of tables");
	ok_eq(stage2_map(&s, GPA(0), HPA(0), 9, RWX), OK, "but two");
	stage2_fini(&s);
	ok_eq(small.used_pages, 0, "which come back");
	pool_fini(&small);
	pool_init(&small, "none", &pool_root, 0);
	s = (struct stage2){ 0 };
	ok_eq(stage2_init(&s, &stage2_npt, &small), E_NOMEM, "no root");
	stage2_fini(&s);
	pool_fini(&small);
}

int main(void)
{
	fake_init(32 * MIB, 1);
	pool_init(&pool, "test", &pool_root, UINT64_MAX);
	test_sizes();
	test_bounds();
	test_model();
	test_no_memory();
	pool_fini(&pool);
	return tap_done();
}
