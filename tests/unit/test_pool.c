/* SPDX-License-Identifier: Apache-2.0 */
/* Quota pools: charging up the chain, reservations that never fail whatever others do, and small objects. */
#include "../../core/mm/mm_impl.h"
#include "../fake/fake.h"
#include "tap.h"
#include <core/page.h>
#include <stdlib.h>

#define RAM (64 * MIB)
#define MAX_PAGES (RAM / PAGE_SIZE)

static void test_charging(void)
{
	struct pool a, b, c;
	struct hpa p[8];
	uint64_t root = pool_root.used_pages;

	pool_init(&a, "a", &pool_root, 10);
	pool_init(&b, "b", &a, 4);
	pool_init(&c, "c", &a, UINT64_MAX);
	for (unsigned i = 0; i < 4; i++)
		if (page_alloc(&b, 0, PAGE_HOST, &p[i]) != OK)
			ok(false, "page %u within the quota", i);
	ok(b.used_pages == 4 && a.used_pages == 4 && pool_root.used_pages == root + 4, "parents are charged too");
	ok(page_alloc(&b, 0, PAGE_HOST, &p[4]) == E_NOMEM, "the own quota holds");
	ok(page_alloc(&c, 3, PAGE_HOST, &p[4]) == E_NOMEM, "the parent's quota holds");
	ok(a.used_pages == 4 && c.used_pages == 0, "a refused allocation leaves no charge");
	ok(page_alloc(&c, 2, PAGE_GUEST, &p[4]) == OK && a.used_pages == 8, "both roles count");
	ok(FAKE_PANICS(pool_fini(&b)), "a pool in use cannot end");
	page_free(&c, p[4], 2, PAGE_GUEST);
	for (unsigned i = 0; i < 4; i++)
		page_free(&b, p[i], 0, PAGE_HOST);
	ok(a.used_pages == 0 && pool_root.used_pages == root, "freeing uncharges the chain");
	pool_fini(&c);
	pool_fini(&b);
	pool_fini(&a);
}

static void test_reserve_accounting(void)
{
	struct pool a, b;
	struct hpa p, q;
	uint64_t root = pool_root.used_pages;
	struct page_stats st;

	pool_init(&a, "a", &pool_root, 100);
	pool_init(&b, "b", &a, UINT64_MAX);
	ok(pool_reserve(&b, 101) == E_NOMEM && a.used_pages == 0, "a reservation beyond the parent's quota");
	ok(pool_reserve(&b, 60) == OK && a.used_pages == 60 && b.used_pages == 0, "is charged to the parent at once");
	page_stats(&st);
	ok_eq(st.reserved, 60, "and shows as reserved");
	ok(page_alloc(&b, 0, PAGE_GUEST, &p) == OK && a.used_pages == 60, "allocations draw from it");
	ok(page_alloc(&b, 0, PAGE_HOST, &q) == OK && a.used_pages == 61, "those of the other role do not");
	page_stats(&st);
	ok_eq(st.reserved, 59, "one page less is outstanding");
	page_free(&b, p, 0, PAGE_GUEST);
	page_free(&b, q, 0, PAGE_HOST);
	page_stats(&st);
	ok(a.used_pages == 60 && st.reserved == 60, "a freed page counts as reserved again");
	ok(pool_reserve_host(&b, 40) == OK && a.used_pages == 100, "host pages are reserved on their own");
	ok(pool_reserve_host(&b, 1) == E_NOMEM, "within the same quota");
	pool_unreserve(&b, 60);
	ok_eq(a.used_pages, 40, "unreserving uncharges");
	ok(FAKE_PANICS(pool_unreserve(&b, 1)), "more than was reserved cannot be given back");
	ok(pool_reserve(&b, UINT64_MAX) == E_NOMEM && pool_reserve(&b, 1ull << 62) == E_NOMEM, "absurd numbers are refused");
	pool_fini(&b);
	ok(a.used_pages == 0 && pool_root.used_pages == root, "the end of a pool gives its reservation back");
	pool_fini(&a);
}

/* A pool that holds a reservation of both roles and the pages it has taken of it. */
struct tenant { struct pool pool; uint64_t want[2], have[2]; struct hpa pages[2][MAX_PAGES]; };
static struct tenant tenants[4];

/* Others who take whatever they can get. */
struct grabbed { struct hpa a; unsigned order, flags; };
static struct grabbed grabbed[MAX_PAGES];
static unsigned ngrabbed;

static void grab(void)
{
	struct grabbed g = { .order = rand() % 3 ? 0 : (unsigned)rand() % 11, .flags = rand() % 2 ? PAGE_GUEST : PAGE_HOST };

	if (ngrabbed < MAX_PAGES && page_alloc(&pool_core, g.order, g.flags | PAGE_NOZERO, &g.a) == OK)
		grabbed[ngrabbed++] = g;
}

static void ungrab(void)
{
	unsigned i;

	if (!ngrabbed)
		return;
	i = (unsigned)rand() % ngrabbed;
	page_free(&pool_core, grabbed[i].a, grabbed[i].order, grabbed[i].flags);
	grabbed[i] = grabbed[--ngrabbed];
}

static bool tenant_take(struct tenant *t, unsigned role)
{
	if (t->have[role] == t->want[role])
		return true;
	return page_alloc(&t->pool, 0, (role ? PAGE_GUEST : PAGE_HOST) | PAGE_NOZERO, &t->pages[role][t->have[role]++]) == OK;
}

static void tenant_drop(struct tenant *t, unsigned role)
{
	uint64_t i;
	struct hpa a;

	if (!t->have[role])
		return;
	i = (uint64_t)rand() % t->have[role];
	a = t->pages[role][i];
	t->pages[role][i] = t->pages[role][--t->have[role]];
	page_free(&t->pool, a, 0, role ? PAGE_GUEST : PAGE_HOST);
}

static bool tenant_start(struct tenant *t)
{
	pool_init(&t->pool, "tenant", &pool_root, UINT64_MAX);
	t->want[0] = (uint64_t)rand() % 700;
	t->want[1] = (uint64_t)rand() % 6000;
	t->have[0] = t->have[1] = 0;
	if (pool_reserve(&t->pool, t->want[1]) != OK)
		t->want[1] = 0;
	if (pool_reserve_host(&t->pool, t->want[0]) != OK)
		t->want[0] = 0;
	return t->want[1] != 0;
}

static void tenant_end(struct tenant *t)
{
	for (unsigned role = 0; role < 2; role++)
		while (t->have[role])
			tenant_drop(t, role);
	pool_fini(&t->pool);
}

/* One move of one party. False when a reserved page could not be had. */
static bool random_move(void)
{
	struct tenant *t = &tenants[rand() % 4];
	unsigned role = (unsigned)rand() % 2, n = (unsigned)rand() % 400;
	int move = rand() % 100;
	bool good = true;

	if (move < 45)
		for (unsigned i = 0; i < n && good; i++)
			good = tenant_take(t, role);
	else if (move < 60)
		for (unsigned i = 0; i < n; i++)
			tenant_drop(t, role);
	else if (move < 85)
		for (unsigned i = 0; i < n; i++)
			grab();
	else if (move < 98)
		for (unsigned i = 0; i < n; i++)
			ungrab();
	else
		tenant_end(t), tenant_start(t);
	return good && quota_feasible();
}

static void test_reservations_hold(void)
{
	struct page_stats before, after;
	bool good = true;
	unsigned given = 0;

	page_stats(&before);
	for (unsigned i = 0; i < 4; i++)
		given += tenant_start(&tenants[i]);
	for (unsigned i = 0; i < 6000 && good; i++)
		good = random_move();
	ok(given > 0 && good, "reserved pages are always there, of either role, however memory is cut up by others");
	for (unsigned i = 0; i < 4 && good; i++)
		for (unsigned role = 0; role < 2; role++)
			while (good && tenants[i].have[role] < tenants[i].want[role])
				good = tenant_take(&tenants[i], role);
	ok(good, "all reservations can be drawn in full at once");
	for (unsigned i = 0; i < 4; i++)
		tenant_end(&tenants[i]);
	while (ngrabbed)
		ungrab();
	page_stats(&after);
	ok(before.free == after.free && after.reserved == 0, "everything comes back");
}

static void test_whole_machine(void)
{
	struct pool p;
	uint64_t n = mm_counts.free_sbs * SB_PAGES, i;
	static struct hpa pages[MAX_PAGES];

	pool_init(&p, "all", &pool_root, UINT64_MAX);
	ok(pool_reserve(&p, n) == OK, "all whole superblocks can be promised to a guest");
	ok(pool_reserve(&p, 1) == E_NOMEM, "but no page more");
	for (i = 0; i < n; i++)
		if (page_alloc(&p, 0, PAGE_GUEST | PAGE_NOZERO, &pages[i]) != OK)
			break;
	ok_eq(i, n, "and it gets every one");
	while (i)
		page_free(&p, pages[--i], 0, PAGE_GUEST);
	pool_fini(&p);
}

#define NOBJ 3000
struct obj { uint8_t *p; size_t size; uint8_t tag; };
static struct obj objs[NOBJ];

static size_t random_size(void)
{
	return rand() % 20 ? 1 + (size_t)rand() % 2100 : 1 + (size_t)rand() % 20000;
}

static bool obj_intact(const struct obj *o)
{
	for (size_t i = 0; i < o->size; i++)
		if (o->p[i] != o->tag)
			return false;
	return true;
}

static bool obj_step(struct pool *p, struct obj *o)
{
	if (o->p) {
		if (!obj_intact(o))
			return false;
		pool_free(p, o->p, o->size);
		o->p = NULL;
		return true;
	}
	o->size = random_size();
	o->p = pool_alloc(p, o->size);
	o->tag = 0;
	if (!o->p || !is_aligned((uintptr_t)o->p, 16) || !obj_intact(o))
		return false;
	o->tag = (uint8_t)(1 + rand() % 255);
	memset(o->p, o->tag, o->size);
	return true;
}

static void test_objects(void)
{
	struct pool p;
	bool good = true;

	pool_init(&p, "objects", &pool_root, UINT64_MAX);
	for (unsigned i = 0; i < 60000 && good; i++)
		good = obj_step(&p, &objs[rand() % NOBJ]);
	ok(good, "objects are zeroed, aligned and do not touch each other");
	for (unsigned i = 0; i < NOBJ; i++)
		if (objs[i].p)
			pool_free(&p, objs[i].p, objs[i].size);
	ok_eq(p.used_pages, 0, "no page stays behind");
	pool_fini(&p);
}

/* What a VM has many sizes of and few of each. */
static void test_objects_share(void)
{
	static const size_t sizes[] = { 16, 448, 232, 216, 384, 208, 168, 256, 896, 100, 1 };
	void *at[ARRAY_LEN(sizes)], *last;
	struct pool p;

	pool_init(&p, "p", NULL, UINT64_MAX);
	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++)
		at[i] = pool_alloc(&p, sizes[i]);
	ok_eq(p.used_pages, 1, "objects of all sizes share a page");
	pool_free(&p, at[1], sizes[1]);
	last = pool_alloc(&p, sizes[1] - 8);
	ok(last == at[1] && p.used_pages == 1, "what one leaves another fills");
	at[1] = last;
	last = pool_alloc(&p, 2000);
	ok(last && p.used_pages == 2, "what does not fit takes another page");
	pool_free(&p, last, 2000);
	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++)
		pool_free(&p, at[i], sizes[i]);
	ok_eq(p.used_pages, 0, "and the pages go with them");
	pool_fini(&p);
}

static void test_object_misuse(void)
{
	struct pool p, q;
	char *a, *b;

	pool_init(&p, "p", NULL, 2);
	pool_init(&q, "q", NULL, UINT64_MAX);
	a = pool_alloc(&p, 100);
	b = pool_alloc(&p, 100);
	ok(p.used_pages == 1 && a && b, "two small objects share a page");
	ok(pool_alloc(&p, 5000) == NULL && pool_alloc(&p, SIZE_MAX) == NULL, "NULL beyond the quota");
	ok(FAKE_PANICS(pool_free(&q, a, 100)), "a free to another pool panics");
	spin_init(&q.lock);
	ok(FAKE_PANICS(pool_free(&p, a, 300)), "so does one with another size");
	ok(FAKE_PANICS(pool_free(&p, a + 16, 100)), "of an object's inside");
	pool_free(&p, a, 100);
	ok(FAKE_PANICS(pool_free(&p, a, 100)), "a second free panics");
	pool_free(&p, NULL, 100);
	pool_free(&p, b, 100);
	ok_eq(p.used_pages, 0, "the page went with the last object");
	pool_fini(&p);
	pool_fini(&q);
}

int main(void)
{
	srand(4);
	fake_init(RAM, 1);
	test_charging();
	test_reserve_accounting();
	test_reservations_hold();
	test_whole_machine();
	test_objects();
	test_objects_share();
	test_object_misuse();
	return tap_done();
}
