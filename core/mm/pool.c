/* SPDX-License-Identifier: Apache-2.0 */
/* Small objects from a quota pool: each page holds objects of one size behind a header with a bitmap of the free ones.
 * Any CPU, loop context; a lock per pool. Objects over 2 KiB take whole pages. A double or foreign free panics.
 * Must not know what the objects are. */
#include <core/arith.h>
#include <core/hal.h>
#include <core/page.h>
#include <core/panic.h>
#include <string.h>

#define SLAB_MAGIC 0x51ab51abu
#define SLAB_CLASSES 9

/* The larger sizes divide what the header leaves of a page. */
static const uint16_t slab_sizes[SLAB_CLASSES] = { 16, 32, 64, 128, 256, 512, 1008, 1344, 2016 };

struct slab {
	struct list link; /* in the pool's list of its class while it has free objects */
	struct pool *pool;
	uint32_t magic;
	uint16_t class, nfree;
	uint64_t free_map[4]; /* up to 252 objects */
};
_Static_assert(sizeof(struct slab) == 64, "objects start 16-byte aligned after the header");

static unsigned slab_capacity(unsigned class)
{
	return (unsigned)((PAGE_SIZE - sizeof(struct slab)) / slab_sizes[class]);
}

/* The smallest class that holds size, SLAB_CLASSES when it needs pages. */
static unsigned slab_class(size_t size)
{
	unsigned class = 0;

	while (class < SLAB_CLASSES && slab_sizes[class] < size)
		class++;
	return class;
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
	for (unsigned i = 0; i < SLAB_CLASSES; i++)
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

/* Under the pool's lock. */
static struct slab *slab_create(struct pool *p, unsigned class)
{
	struct hpa a;
	struct slab *s;

	if (page_alloc(p, 0, PAGE_HOST | PAGE_NOZERO, &a) != OK)
		return NULL;
	s = hal_direct(a);
	*s = (struct slab){ .pool = p, .magic = SLAB_MAGIC, .class = (uint16_t)class };
	s->nfree = (uint16_t)slab_capacity(class);
	for (unsigned i = 0; i < s->nfree; i++)
		s->free_map[i / 64] |= 1ull << i % 64;
	list_push_front(&p->slabs[class], &s->link);
	return s;
}

static void *slab_take(struct slab *s)
{
	unsigned word = 0, i;

	while (!s->free_map[word]) {
		word++;
		BUG_ON(word == ARRAY_LEN(s->free_map));
	}
	i = word * 64 + (unsigned)__builtin_ctzll(s->free_map[word]);
	s->free_map[word] &= s->free_map[word] - 1;
	if (--s->nfree == 0)
		list_remove(&s->link);
	return (char *)s + sizeof *s + (size_t)i * slab_sizes[s->class];
}

static void *large_alloc(struct pool *p, size_t size)
{
	struct hpa a;

	return page_alloc(p, large_order(size), PAGE_HOST, &a) == OK ? hal_direct(a) : NULL;
}

void *pool_alloc(struct pool *p, size_t size)
{
	unsigned class = slab_class(size);
	struct slab *s;
	void *obj = NULL;

	if (class == SLAB_CLASSES)
		return large_alloc(p, size);
	spin_lock(&p->lock);
	if (list_empty(&p->slabs[class]))
		s = slab_create(p, class);
	else
		s = list_entry(p->slabs[class].next, struct slab, link);
	if (s)
		obj = slab_take(s);
	spin_unlock(&p->lock);
	if (obj)
		memset(obj, 0, slab_sizes[class]);
	return obj;
}

/* Under the pool's lock: returns what is wrong with the call, NULL when nothing is. *empty: the page can go. */
static const char *slab_put(struct pool *p, struct slab *s, const void *obj, unsigned class, bool *empty)
{
	size_t off = (size_t)((const char *)obj - (const char *)s);
	unsigned i;

	if (s->magic != SLAB_MAGIC || off < sizeof *s || (off - sizeof *s) % slab_sizes[class])
		return "not an object";
	if (s->pool != p)
		return "of another pool";
	if (s->class != class)
		return "allocated with another size";
	i = (unsigned)((off - sizeof *s) / slab_sizes[class]);
	if (i >= slab_capacity(class) || s->free_map[i / 64] >> i % 64 & 1)
		return "freed twice";
	s->free_map[i / 64] |= 1ull << i % 64;
	if (s->nfree++ == 0)
		list_push_front(&p->slabs[class], &s->link);
	*empty = s->nfree == slab_capacity(class);
	if (*empty) {
		list_remove(&s->link);
		s->magic = 0;
	}
	return NULL;
}

void pool_free(struct pool *p, void *obj, size_t size)
{
	unsigned class = slab_class(size);
	const char *wrong;
	bool empty = false;
	struct slab *s;

	if (!obj)
		return;
	if (class == SLAB_CLASSES) {
		page_free(p, hal_hpa_of(obj), large_order(size), PAGE_HOST);
		return;
	}
	s = (struct slab *)align_down((uintptr_t)obj, PAGE_SIZE);
	spin_lock(&p->lock);
	wrong = slab_put(p, s, obj, class, &empty);
	spin_unlock(&p->lock);
	if (wrong)
		panic("pool_free(%s, %p, %zu): %s", p->name, obj, size, wrong);
	if (empty)
		page_free(p, hal_hpa_of(s), 0, PAGE_HOST);
}
