/* SPDX-License-Identifier: Apache-2.0 */
/* Quotas: what a pool and its parents are charged, and whether the machine can keep what was promised.
 * Under page_lock. Must not know superblocks beyond their counts.
 *
 * A pool is charged, for each role, the larger of what it uses and what it has reserved, and passes that on to its
 * parent as use. So the root's use minus the pages really allocated is what reservations may still ask for. */
#include "mm_impl.h"

static uint64_t role_charge(const struct pool *p, enum role role)
{
	return MAX(p->role_used[role], p->role_reserved[role]);
}

static err_t counter_apply(uint64_t *v, int64_t delta)
{
	uint64_t n = delta < 0 ? 0 - (uint64_t)delta : (uint64_t)delta;

	if (delta < 0 ? *v < n : !add_ok(*v, n, &(uint64_t){0}))
		return E_RANGE;
	*v += (uint64_t)delta;
	return OK;
}

static void publish(struct pool *p)
{
	atomic_store_explicit(&p->used_pages, p->role_used[0] + p->role_used[1], memory_order_relaxed);
	atomic_store_explicit(&p->reserved_pages, p->role_reserved[0] + p->role_reserved[1], memory_order_relaxed);
}

/* Walks up with what each level's change means to its parent. Decreases are never refused by a limit. */
static err_t quota_change(struct pool *p, enum role role, int64_t reserve, int64_t use, bool commit)
{
	while (p && (reserve || use)) {
		uint64_t old = role_charge(p, role), other = role_charge(p, role ^ 1), charge;
		uint64_t used = p->role_used[role], reserved = p->role_reserved[role];

		if (counter_apply(&used, use) != OK || counter_apply(&reserved, reserve) != OK)
			return E_RANGE;
		charge = MAX(used, reserved);
		if (charge > old && (charge > p->limit_pages || other > p->limit_pages - charge))
			return E_NOMEM;
		if (commit) {
			p->role_used[role] = used;
			p->role_reserved[role] = reserved;
			publish(p);
		}
		use = (int64_t)(charge - old);
		reserve = 0;
		p = p->parent;
	}
	return OK;
}

static err_t quota_apply(struct pool *p, enum role role, int64_t reserve, int64_t use)
{
	err_t e = quota_change(p, role, reserve, use, false);

	return e == OK ? quota_change(p, role, reserve, use, true) : e;
}

err_t quota_use(struct pool *p, enum role role, int64_t delta)
{
	return quota_apply(p, role, 0, delta);
}

err_t quota_reserve(struct pool *p, enum role role, int64_t delta)
{
	return quota_apply(p, role, delta, 0);
}

/* Superblocks that a role's outstanding reservations still need when each page goes where it fits first. */
static uint64_t sbs_needed(enum role role)
{
	uint64_t outstanding = role_charge(&pool_root, role) - mm_counts.used[role];

	if (outstanding <= mm_counts.free_small[role])
		return 0;
	return (outstanding - mm_counts.free_small[role] + SB_PAGES - 1) / SB_PAGES;
}

/* A single page comes from a superblock of its role while one has room, else it opens a free one. Either way this
 * stays true by the next reserved page; frees only help. So it needs to be tested after everything else. */
bool quota_feasible(void)
{
	return sbs_needed(ROLE_HOST) + sbs_needed(ROLE_GUEST) <= mm_counts.free_sbs;
}
