/* SPDX-License-Identifier: Apache-2.0 */
/* Physical pages: allocation, freeing, references, reservations. Any CPU, loop context; one lock, which is not held
 * while the caller's pages are zeroed. A double or foreign free is our own bug and panics. Must not know what pages are used for. */
#include "mm_impl.h"
#include <core/hal.h>
#include <core/log.h>
#include <core/panic.h>
#include <string.h>

/* A page descriptor: order + 1 of the block that starts here (0: none does) and its references. */
#define DESC_ORDER_MASK 0xffu
#define DESC_REF 0x100u
#define DESC_REF_SHIFT 8
#define DESC_REFS_MAX 0xffffffu

struct pool pool_root = { .name = "root" };
struct pool pool_core = { .name = "core", .parent = &pool_root };
struct spinlock page_lock;

static enum role role_of(unsigned flags)
{
	return flags & PAGE_GUEST ? ROLE_GUEST : ROLE_HOST;
}

/* Under the lock. *zeroed: it holds zeros. */
static bool block_take(unsigned order, unsigned flags, struct hpa *out, bool *zeroed)
{
	*zeroed = order == SB_ORDER && (flags & (PAGE_GUEST | PAGE_NOZERO | PAGE_BELOW_4G)) == PAGE_GUEST && zeroed_take(out);
	if (*zeroed || mm_take(role_of(flags), order, flags & PAGE_BELOW_4G, out))
		return true;
	return zeroed_release() && mm_take(role_of(flags), order, flags & PAGE_BELOW_4G, out);
}

/* Under the lock. */
static err_t alloc_locked(struct pool *p, unsigned order, unsigned flags, struct hpa *out, bool *zeroed)
{
	enum role role = role_of(flags);
	int64_t n = (int64_t)1 << order;
	err_t e = quota_use(p, role, n);

	if (e != OK)
		return E_NOMEM;
	if (!block_take(order, flags, out, zeroed)) {
		e = quota_use(p, role, -n);
		BUG_ON(e != OK);
		return E_NOMEM;
	}
	if (!quota_feasible()) { /* it would have taken what is promised to others */
		if (*zeroed)
			zeroed_return(*out);
		else
			mm_put(*out, order);
		e = quota_use(p, role, -n);
		BUG_ON(e != OK);
		return E_NOMEM;
	}
	mm_map_role(*out, order);
	*mm_page(*out) = DESC_REF | (order + 1);
	return OK;
}

err_t page_alloc(struct pool *p, unsigned order, unsigned flags, struct hpa *out)
{
	struct hpa a;
	bool zeroed;
	err_t e;

	if (order > PAGE_ORDER_MAX)
		return E_NOMEM;
	spin_lock(&page_lock);
	e = alloc_locked(p, order, flags, &a, &zeroed);
	spin_unlock(&page_lock);
	if (e != OK)
		return e;
	if (!zeroed && !(flags & PAGE_NOZERO)) {
		if (flags & PAGE_GUEST)
			hal_guest_access_begin();
		memset(hal_direct(a), 0, PAGE_SIZE << order);
		if (flags & PAGE_GUEST)
			hal_guest_access_end();
	}
	*out = a;
	return OK;
}

/* Under the lock: drops a reference. Returns what is wrong with the call, NULL when nothing is. */
static const char *free_locked(struct pool *p, struct hpa a, unsigned order, enum role role)
{
	struct superblock *sb = mm_lookup(a);
	uint32_t *desc;

	if (!sb || !is_aligned(a.v, PAGE_SIZE))
		return "not a page of ours";
	desc = mm_page(a);
	if (!(*desc & DESC_ORDER_MASK))
		return "not allocated (freed twice?)";
	if ((*desc & DESC_ORDER_MASK) != order + 1)
		return "allocated with another order";
	if (sb->role != role)
		return "allocated for another role";
	if (*desc >> DESC_REF_SHIFT > 1) {
		*desc -= DESC_REF;
		return NULL;
	}
	if (quota_use(p, role, -((int64_t)1 << order)) != OK)
		return "not charged to this pool";
	*desc = 0;
	mm_put(a, order);
	if (order >= SB_ORDER)
		zeroed_look_again();
	return NULL;
}

void page_free(struct pool *p, struct hpa a, unsigned order, unsigned flags)
{
	const char *wrong;

	spin_lock(&page_lock);
	wrong = free_locked(p, a, order, role_of(flags));
	spin_unlock(&page_lock);
	if (wrong)
		panic("page_free(%s, 0x%llx, order %u): %s", p->name, (unsigned long long)a.v, order, wrong);
}

/* Under the lock: the descriptor of an allocated single page, NULL when it is none. */
static uint32_t *single_page(struct hpa a)
{
	uint32_t *desc;

	if (!mm_lookup(a) || !is_aligned(a.v, PAGE_SIZE))
		return NULL;
	desc = mm_page(a);
	return (*desc & DESC_ORDER_MASK) == 1 ? desc : NULL;
}

void page_ref(struct hpa a)
{
	uint32_t *desc;
	bool ok;

	spin_lock(&page_lock);
	desc = single_page(a);
	ok = desc && *desc >> DESC_REF_SHIFT < DESC_REFS_MAX;
	if (ok)
		*desc += DESC_REF;
	spin_unlock(&page_lock);
	if (!ok)
		panic("page_ref(0x%llx): not an allocated single page, or too many references", (unsigned long long)a.v);
}

unsigned page_refs(struct hpa a)
{
	uint32_t *desc;
	unsigned refs;

	spin_lock(&page_lock);
	desc = single_page(a);
	refs = desc ? *desc >> DESC_REF_SHIFT : 0;
	spin_unlock(&page_lock);
	return refs;
}

static err_t reserve(struct pool *p, enum role role, uint64_t n)
{
	err_t e;

	if (n > INT64_MAX)
		return E_NOMEM;
	spin_lock(&page_lock);
	e = quota_reserve(p, role, (int64_t)n) == OK ? OK : E_NOMEM;
	if (e == OK && !quota_feasible()) {
		e = quota_reserve(p, role, -(int64_t)n);
		BUG_ON(e != OK);
		e = E_NOMEM;
	}
	spin_unlock(&page_lock);
	return e;
}

static void unreserve(struct pool *p, enum role role, uint64_t n)
{
	err_t e = E_RANGE;

	spin_lock(&page_lock);
	if (n <= INT64_MAX)
		e = quota_reserve(p, role, -(int64_t)n);
	spin_unlock(&page_lock);
	if (e != OK)
		panic("pool %s: more unreserved than was reserved", p->name);
}

err_t pool_reserve(struct pool *p, uint64_t n)
{
	return reserve(p, ROLE_GUEST, n);
}

void pool_unreserve(struct pool *p, uint64_t n)
{
	unreserve(p, ROLE_GUEST, n);
}

err_t pool_reserve_host(struct pool *p, uint64_t n)
{
	return reserve(p, ROLE_HOST, n);
}

void pool_unreserve_host(struct pool *p, uint64_t n)
{
	unreserve(p, ROLE_HOST, n);
}

void page_stats(struct page_stats *out)
{
	struct page_stats s = {0};

	spin_lock(&page_lock);
	s.total = mm_counts.total;
	s.free = mm_counts.free_sbs * SB_PAGES + mm_counts.free_small[ROLE_HOST] + mm_counts.free_small[ROLE_GUEST];
	s.guest = mm_counts.used[ROLE_GUEST];
	s.host = s.total - s.free - s.guest;
	s.reserved = pool_root.role_used[ROLE_HOST] + pool_root.role_used[ROLE_GUEST] -
		     mm_counts.used[ROLE_HOST] - mm_counts.used[ROLE_GUEST];
	spin_unlock(&page_lock);
	*out = s;
}

void page_init(void)
{
	uint64_t own = mm_init();

	pool_init(&pool_root, "root", NULL, mm_counts.total - own);
	pool_init(&pool_core, "core", &pool_root, UINT64_MAX);
	log_info("mm", "%llu MiB of memory, %llu KiB of it for page descriptors",
		 (unsigned long long)(mm_counts.total / 256), (unsigned long long)(own * 4));
}
