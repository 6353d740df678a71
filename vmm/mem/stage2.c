/* SPDX-License-Identifier: Apache-2.0 */
/* Second-level page tables: one walker for all formats. Runs on any CPU under the owner's lock (gmem); look-ups need none,
 * since an entry becomes visible by one release store after what it points to. Knows no vendor bit and no guest memory
 * slots; table pages are host pages of the owner's pool. */
#include <core/arith.h>
#include <core/hal.h>
#include <core/panic.h>
#include <vmm/stage2.h>

enum { LEVEL_BITS = 9, ENTRIES = 1 << LEVEL_BITS, MAX_LEVELS = 4, MAX_LEAF_LEVEL = 2 };

static uint64_t *table_at(struct hpa a)
{
	return hal_direct(a);
}

static uint64_t entry_get(const uint64_t *e)
{
	return __atomic_load_n(e, __ATOMIC_ACQUIRE);
}

static void entry_set(uint64_t *e, uint64_t v)
{
	__atomic_store_n(e, v, __ATOMIC_RELEASE);
}

static unsigned index_at(struct gpa a, unsigned level)
{
	return (a.v >> (PAGE_SHIFT + LEVEL_BITS * level)) & (ENTRIES - 1);
}

static bool gpa_fits(const struct stage2 *s, struct gpa a)
{
	uint64_t bits = MIN((uint64_t)PAGE_SHIFT + LEVEL_BITS * s->fmt->levels, s->fmt->max_gpa_bits);

	return bits >= 64 || a.v >> bits == 0;
}

/* Order of a page to the level of its leaf: 0, 9, 18 -> 0, 1, 2. */
static bool order_level(const struct stage2 *s, unsigned order, unsigned *level)
{
	if (order % LEVEL_BITS != 0 || order / LEVEL_BITS > MAX_LEAF_LEVEL || order / LEVEL_BITS >= s->fmt->levels)
		return false;
	*level = order / LEVEL_BITS;
	return true;
}

err_t stage2_init(struct stage2 *s, const struct stage2_format *fmt, struct pool *pool)
{
	struct stage2 n = { .fmt = fmt, .pool = pool };
	err_t err;

	BUG_ON(fmt->levels == 0 || fmt->levels > MAX_LEVELS);
	err = page_alloc(pool, 0, PAGE_HOST, &n.root);
	if (err != OK)
		return err;
	*s = n;
	return OK;
}

/* Empties a table; depth is bounded by the level, which goes down with each step. */
static void table_clear(struct stage2 *s, struct hpa table, unsigned level, void (*drop)(void *, struct hpa, unsigned), void *ctx)
{
	uint64_t *t = table_at(table);

	for (unsigned i = 0; i < ENTRIES; i++) {
		uint64_t e = entry_get(&t[i]);

		if (!stage2_is_present(s->fmt, e))
			continue;
		entry_set(&t[i], 0);
		if (level == 0 || stage2_is_leaf(s->fmt, e, level)) {
			if (drop)
				drop(ctx, stage2_addr(s->fmt, e), level * LEVEL_BITS);
			continue;
		}
		table_clear(s, stage2_addr(s->fmt, e), level - 1, drop, ctx);
		page_free(s->pool, stage2_addr(s->fmt, e), 0, PAGE_HOST);
	}
}

void stage2_clear(struct stage2 *s, void (*drop)(void *ctx, struct hpa h, unsigned order), void *ctx)
{
	if (s->root.v)
		table_clear(s, s->root, s->fmt->levels - 1, drop, ctx);
}

static void table_each(const struct stage2 *s, struct hpa table, unsigned level, void (*fn)(void *, struct hpa, unsigned), void *ctx)
{
	const uint64_t *t = table_at(table);

	for (unsigned i = 0; i < ENTRIES; i++) {
		uint64_t e = entry_get(&t[i]);

		if (!stage2_is_present(s->fmt, e))
			continue;
		if (level == 0 || stage2_is_leaf(s->fmt, e, level))
			fn(ctx, stage2_addr(s->fmt, e), level * LEVEL_BITS);
		else
			table_each(s, stage2_addr(s->fmt, e), level - 1, fn, ctx);
	}
}

void stage2_each(const struct stage2 *s, void (*fn)(void *ctx, struct hpa h, unsigned order), void *ctx)
{
	table_each(s, s->root, s->fmt->levels - 1, fn, ctx);
}

void stage2_fini(struct stage2 *s)
{
	if (!s->root.v)
		return;
	stage2_clear(s, NULL, NULL);
	page_free(s->pool, s->root, 0, PAGE_HOST);
	s->root = HPA(0);
}

/* Walks down to the entry at the wanted level, or to the leaf or hole above it: *at is the level where it stopped. */
static uint64_t *walk(const struct stage2 *s, struct gpa a, unsigned level, unsigned *at)
{
	struct hpa table = s->root;

	for (unsigned l = s->fmt->levels - 1;; l--) {
		uint64_t *slot = &table_at(table)[index_at(a, l)];
		uint64_t e = entry_get(slot);

		if (l == level || !stage2_is_present(s->fmt, e) || stage2_is_leaf(s->fmt, e, l)) {
			*at = l;
			return slot;
		}
		table = stage2_addr(s->fmt, e);
	}
}

err_t stage2_map(struct stage2 *s, struct gpa a, struct hpa h, unsigned order, unsigned access)
{
	unsigned level, at;
	uint64_t *slot;

	if (!order_level(s, order, &level) || !gpa_fits(s, a) || access == 0)
		return E_RANGE;
	if (!is_aligned(a.v, PAGE_SIZE << order) || !is_aligned(h.v, PAGE_SIZE << order))
		return E_RANGE;
	for (;;) {
		struct hpa table;
		err_t err;

		slot = walk(s, a, level, &at);
		if (stage2_is_present(s->fmt, entry_get(slot)))
			return E_EXIST;
		if (at == level)
			break;
		err = page_alloc(s->pool, 0, PAGE_HOST, &table);
		if (err != OK)
			return err; /* tables made so far stay: they are empty and the next map uses them */
		entry_set(slot, s->fmt->table(table));
	}
	entry_set(slot, s->fmt->leaf(h, level, access));
	return OK;
}

/* The slot of the leaf that covers a, and its level. */
static err_t leaf_find(const struct stage2 *s, struct gpa a, uint64_t **slot, unsigned *level)
{
	uint64_t *found;
	unsigned at;

	if (!gpa_fits(s, a))
		return E_NOENT;
	found = walk(s, a, 0, &at);
	if (!stage2_is_present(s->fmt, entry_get(found)))
		return E_NOENT;
	*slot = found;
	*level = at;
	return OK;
}

err_t stage2_lookup(const struct stage2 *s, struct gpa a, struct hpa *h, unsigned *order, unsigned *access)
{
	unsigned level;
	uint64_t *slot, e;
	err_t err = leaf_find(s, a, &slot, &level);

	if (err != OK)
		return err;
	e = entry_get(slot);
	*h = stage2_addr(s->fmt, e);
	*order = level * LEVEL_BITS;
	*access = s->fmt->access(e);
	return OK;
}

bool stage2_vacant(const struct stage2 *s, struct gpa a, unsigned order)
{
	unsigned level, at;

	if (!order_level(s, order, &level) || !gpa_fits(s, a))
		return false;
	return !stage2_is_present(s->fmt, entry_get(walk(s, a, level, &at)));
}

err_t stage2_unmap(struct stage2 *s, struct gpa a, struct hpa *h, unsigned *order)
{
	unsigned level;
	uint64_t *slot;
	err_t err = leaf_find(s, a, &slot, &level);

	if (err != OK)
		return err;
	*h = stage2_addr(s->fmt, entry_get(slot));
	*order = level * LEVEL_BITS;
	entry_set(slot, 0); /* tables stay: a CPU may still walk them until the caller's flush */
	return OK;
}

err_t stage2_protect(struct stage2 *s, struct gpa a, unsigned access)
{
	unsigned level;
	uint64_t *slot;
	err_t err = access ? leaf_find(s, a, &slot, &level) : E_RANGE;

	if (err != OK)
		return err;
	entry_set(slot, s->fmt->leaf(stage2_addr(s->fmt, entry_get(slot)), level, access));
	return OK;
}
