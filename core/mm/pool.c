/* SPDX-License-Identifier: Apache-2.0 */
/* Small objects from a quota pool. Pages are cut in granules of 16 bytes; an object is a run of them, so that objects of all sizes share a page
 * and a pool with a few of each takes one page, not one for each size. Any CPU, loop context; a lock per pool. Objects over half a page take
 * whole pages. A double or foreign free panics. Must not know what the objects are. */
#include <core/arith.h>
#include <core/hal.h>
#include <core/page.h>
#include <core/panic.h>
#include <string.h>

#define SLAB_MAGIC 0x51ab51abu
#define GRANULE 16u
#define GRANULES 250u
#define SMALL_MAX (GRANULES / 2 * GRANULE)
#define LISTS ARRAY_LEN(((struct pool *)NULL)->slabs)

struct slab {
	struct list link; /* in the pool's list of the logarithm of its longest free run; full: in none */
	struct pool *pool;
	uint32_t magic;
	uint8_t longest, nfree; /* granules */
	uint8_t list;           /* LISTS: none */
	uint64_t used[4], first[4]; /* a bit for each granule; first: where an object begins */
};
_Static_assert(sizeof(struct slab) + GRANULES * GRANULE == PAGE_SIZE && sizeof(struct slab) % GRANULE == 0, "objects are aligned to 16 bytes");
_Static_assert(GRANULES < 1u << 8 && GRANULES <= 64 * 4, "its fields hold it");

struct run { unsigned at, len; };

static unsigned granules_of(size_t size)
{
	return size ? (unsigned)((size + GRANULE - 1) / GRANULE) : 1;
}

static unsigned log_floor(unsigned n)
{
	return 31 - (unsigned)__builtin_clz(n);
}

static bool bit_get(const uint64_t *map, unsigned i)
{
	return map[i / 64] >> i % 64 & 1;
}

static void bit_put(uint64_t *map, unsigned i, bool value)
{
	map[i / 64] = (map[i / 64] & ~(1ull << i % 64)) | (uint64_t)value << i % 64;
}

/* The first granule from here on that is used, or free; GRANULES when there is none. */
static unsigned next_granule(const struct slab *s, unsigned from, bool used)
{
	while (from < GRANULES) {
		uint64_t word = (used ? s->used[from / 64] : ~s->used[from / 64]) >> from % 64;

		if (word)
			return MIN(from + (unsigned)__builtin_ctzll(word), GRANULES);
		from = (from | 63) + 1;
	}
	return GRANULES;
}

static struct run next_free_run(const struct slab *s, unsigned from)
{
	unsigned at = next_granule(s, from, false);

	return (struct run){ at, next_granule(s, at, true) - at };
}

/* Best fit: the shortest free run that holds n. */
static struct run run_find(const struct slab *s, unsigned n)
{
	struct run best = { GRANULES, GRANULES + 1 };

	for (struct run r = next_free_run(s, 0); r.len; r = next_free_run(s, r.at + r.len))
		if (r.len >= n && r.len < best.len)
			best = r;
	return best;
}

/* Order of the block for a large object; one beyond what page_alloc knows when it is absurd. */
static unsigned large_order(size_t size)
{
	unsigned order = 0;

	while (order < 40 && PAGE_SIZE << order < size)
		order++;
	return order;
}

void pool_init(struct pool *p, const char *name, struct pool *parent, uint64_t limit_pages)
{
	/* Every page comes from the root: a pool that hung elsewhere would not be counted. */
	if (!parent && p != &pool_root)
		parent = &pool_root;
	*p = (struct pool){ .name = name, .parent = parent, .limit_pages = limit_pages };
	for (unsigned i = 0; i < LISTS; i++)
		list_init(&p->slabs[i]);
}

void pool_fini(struct pool *p)
{
	uint64_t used = atomic_load_explicit(&p->used_pages, memory_order_relaxed);

	if (used)
		panic("pool %s ends with %llu pages still in use", p->name, (unsigned long long)used);
	pool_unreserve(p, p->role_reserved[1]);
	pool_unreserve_host(p, p->role_reserved[0]);
}

/* Under the pool's lock: into the list of what it can hold now. */
static void slab_relist(struct pool *p, struct slab *s)
{
	unsigned longest = 0, list;

	for (struct run r = next_free_run(s, 0); r.len; r = next_free_run(s, r.at + r.len))
		longest = MAX(longest, r.len);
	list = longest ? log_floor(longest) : (unsigned)LISTS;
	s->longest = (uint8_t)longest;
	if (s->list == list)
		return;
	list_remove(&s->link);
	s->list = (uint8_t)list;
	if (list < LISTS)
		list_push_front(&p->slabs[list], &s->link);
}

/* Under the pool's lock. */
static struct slab *slab_create(struct pool *p)
{
	struct hpa a;
	struct slab *s;

	if (page_alloc(p, 0, PAGE_HOST | PAGE_NOZERO, &a) != OK)
		return NULL;
	s = hal_direct(a);
	*s = (struct slab){ .pool = p, .magic = SLAB_MAGIC, .nfree = GRANULES, .list = LISTS };
	list_init(&s->link);
	slab_relist(p, s);
	return s;
}

/* Under the pool's lock: a page with a free run of n. In the first list only its first page is looked at, which may or may not have one; in
 * those behind it all have. */
static struct slab *slab_find(struct pool *p, unsigned n)
{
	for (unsigned list = log_floor(n); list < LISTS; list++) {
		struct slab *s = list_empty(&p->slabs[list]) ? NULL : list_entry(p->slabs[list].next, struct slab, link);

		if (s && s->longest >= n)
			return s;
	}
	return slab_create(p);
}

/* Under the pool's lock: n granules of a page that has so many in a row. */
static void *slab_take(struct pool *p, struct slab *s, unsigned n)
{
	struct run r = run_find(s, n);

	BUG_ON(r.at == GRANULES);
	for (unsigned i = 0; i < n; i++)
		bit_put(s->used, r.at + i, true);
	bit_put(s->first, r.at, true);
	s->nfree = (uint8_t)(s->nfree - n);
	slab_relist(p, s);
	return (char *)s + sizeof *s + (size_t)r.at * GRANULE;
}

static void *large_alloc(struct pool *p, size_t size)
{
	struct hpa a;

	return page_alloc(p, large_order(size), PAGE_HOST, &a) == OK ? hal_direct(a) : NULL;
}

void *pool_alloc(struct pool *p, size_t size)
{
	unsigned n = granules_of(size);
	struct slab *s;
	void *obj = NULL;

	if (size > SMALL_MAX)
		return large_alloc(p, size);
	spin_lock(&p->lock);
	s = slab_find(p, n);
	if (s)
		obj = slab_take(p, s, n);
	spin_unlock(&p->lock);
	if (obj)
		memset(obj, 0, (size_t)n * GRANULE);
	return obj;
}

/* How many granules the object that begins at this one has. */
static unsigned object_len(const struct slab *s, unsigned at)
{
	unsigned end = at + 1;

	while (end < GRANULES && bit_get(s->used, end) && !bit_get(s->first, end))
		end++;
	return end - at;
}

/* Under the pool's lock: returns what is wrong with the call, NULL when nothing is. *empty: the page can go. */
static const char *slab_put(struct pool *p, struct slab *s, const void *obj, unsigned n, bool *empty)
{
	size_t off = (size_t)((const char *)obj - (const char *)s);
	unsigned at;

	if (s->magic != SLAB_MAGIC || off < sizeof *s || off % GRANULE)
		return "not an object";
	if (s->pool != p)
		return "of another pool";
	at = (unsigned)((off - sizeof *s) / GRANULE);
	if (!bit_get(s->used, at))
		return "freed twice";
	if (!bit_get(s->first, at))
		return "not an object, but the inside of one";
	if (object_len(s, at) != n)
		return "allocated with another size";
	for (unsigned i = 0; i < n; i++)
		bit_put(s->used, at + i, false);
	bit_put(s->first, at, false);
	s->nfree = (uint8_t)(s->nfree + n);
	slab_relist(p, s);
	*empty = s->nfree == GRANULES;
	if (*empty) {
		list_remove(&s->link);
		s->magic = 0;
	}
	return NULL;
}

void pool_free(struct pool *p, void *obj, size_t size)
{
	const char *wrong;
	bool empty = false;
	struct slab *s;

	if (!obj)
		return;
	if (size > SMALL_MAX) {
		page_free(p, hal_hpa_of(obj), large_order(size), PAGE_HOST);
		return;
	}
	s = (struct slab *)align_down((uintptr_t)obj, PAGE_SIZE);
	spin_lock(&p->lock);
	wrong = slab_put(p, s, obj, granules_of(size), &empty);
	spin_unlock(&p->lock);
	if (wrong)
		panic("pool_free(%s, %p, %zu): %s", p->name, obj, size, wrong);
	if (empty)
		page_free(p, hal_hpa_of(s), 0, PAGE_HOST);
}
