/* SPDX-License-Identifier: Apache-2.0 */
/* Physical memory: a buddy allocator over 2 MiB superblocks that belong to host or guests, and quota pools.
 * Any CPU (internally locked); not from interrupt handlers. */
#ifndef CORE_PAGE_H
#define CORE_PAGE_H
#include <core/addr.h>
#include <core/err.h>
#include <core/list.h>
#include <core/spinlock.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* A quota: pages charged to an owner. Parents are charged too. The creator destroys it, empty. */
struct pool {
	const char *name;
	struct pool *parent;
	uint64_t limit_pages;            /* UINT64_MAX: only the parent's limit */
	_Atomic uint64_t used_pages;     /* allocated from it, plus what its children are charged; any CPU reads */
	_Atomic uint64_t reserved_pages; /* sum of its reservations, used or not; any CPU reads */
	uint64_t role_used[2], role_reserved[2]; /* the same by role, host and guest; page allocator's lock */
	struct spinlock lock;            /* guards the small-object lists */
	struct list slabs[8];            /* pages of small objects by the room they have, see core/mm/pool.c */
};

extern struct pool pool_root; /* everything; its limit is the machine's memory */
extern struct pool pool_core; /* the machine layer and drivers */

/* parent NULL: pool_root. name stays the caller's. */
void pool_init(struct pool *p, const char *name, struct pool *parent, uint64_t limit_pages);
/* pool_fini: gives reservations back; panics (our bug) when pages are still allocated. */
void pool_fini(struct pool *p);
/* Reservations: charge pages of guest (host) memory now, so that allocating single pages (order 0, and small objects in
 * host memory) from p succeeds until so many are allocated, whatever others do. A page that is freed counts as reserved
 * again. pool_reserve is for guest pages; stage-2 tables and device state are host pages. E_NOMEM: quota or machine. */
err_t pool_reserve(struct pool *p, uint64_t pages) MUST_CHECK;
void pool_unreserve(struct pool *p, uint64_t pages);
err_t pool_reserve_host(struct pool *p, uint64_t pages) MUST_CHECK;
void pool_unreserve_host(struct pool *p, uint64_t pages);

/* Small objects, zeroed, 16-byte aligned. Up to any size (big ones take pages). Free with the same size. */
void *pool_alloc(struct pool *p, size_t size);
void pool_free(struct pool *p, void *obj, size_t size);

enum page_flags { PAGE_HOST = 0, PAGE_GUEST = 1, PAGE_BELOW_4G = 2, PAGE_NOZERO = 4 };
/* 2^order contiguous pages (order 0..18), naturally aligned, zeroed unless NOZERO. E_NOMEM. */
err_t page_alloc(struct pool *p, unsigned order, unsigned flags, struct hpa *out) MUST_CHECK;
/* Drops one reference; the last one frees and uncharges. flags: PAGE_GUEST or PAGE_HOST as allocated. */
void page_free(struct pool *p, struct hpa a, unsigned order, unsigned flags);
/* Reference counts of single (order 0) pages, for copy-on-write sharing. The page stays charged to the pool that
 * allocated it, and the last page_free must name that pool. */
void page_ref(struct hpa a);
unsigned page_refs(struct hpa a);

/* In pages: total == free + host + guest; reserved is the part of free that is promised to reservations. */
struct page_stats { uint64_t total, free, host, guest, reserved; };
void page_stats(struct page_stats *out);

/* From now on CPUs that would sleep zero some free memory ahead: guests' 2 MiB pages come sooner. Once. */
void page_zero_ahead(void);

/* Called once with boot_info's map, after hal_early_init. */
void page_init(void);

#endif
