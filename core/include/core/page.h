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
	_Atomic uint64_t used_pages;
	uint64_t limit_pages; /* UINT64_MAX: only the parent's limit */
	struct spinlock lock; /* guards the small-object lists */
	struct list slabs[9]; /* 16 B .. 2 KiB partially used slabs, see core/mm/pool.c */
	_Atomic uint64_t reserved_pages; /* charged but not yet allocated, see pool_reserve */
};

extern struct pool pool_root; /* everything; its limit is the machine's memory */
extern struct pool pool_core; /* the machine layer and drivers */

void pool_init(struct pool *p, const char *name, struct pool *parent, uint64_t limit_pages);
/* pool_fini: panics (our bug) when pages are still charged. */
void pool_fini(struct pool *p);
/* Reservation: counts pages against the quota now, so that later page_alloc from it cannot meet an empty machine.
 * E_NOMEM. Allocations by the same pool draw from the reservation first. */
err_t pool_reserve(struct pool *p, uint64_t pages) MUST_CHECK;
void pool_unreserve(struct pool *p, uint64_t pages);

/* Small objects, zeroed, 16-byte aligned. Up to any size (big ones take pages). Free with the same size. */
void *pool_alloc(struct pool *p, size_t size);
void pool_free(struct pool *p, void *obj, size_t size);

enum page_flags { PAGE_HOST = 0, PAGE_GUEST = 1, PAGE_BELOW_4G = 2, PAGE_NOZERO = 4 };
/* 2^order contiguous pages (order 0..18), naturally aligned, zeroed unless NOZERO. E_NOMEM. */
err_t page_alloc(struct pool *p, unsigned order, unsigned flags, struct hpa *out) MUST_CHECK;
/* Drops one reference; the last one frees and uncharges. flags: PAGE_GUEST or PAGE_HOST as allocated. */
void page_free(struct pool *p, struct hpa a, unsigned order, unsigned flags);
/* Reference counts of single (order 0) pages, for copy-on-write sharing. */
void page_ref(struct hpa a);
unsigned page_refs(struct hpa a);

struct page_stats { uint64_t total, free, host, guest, reserved; }; /* pages */
void page_stats(struct page_stats *out);

/* Called once with boot_info's map, after hal_early_init. */
void page_init(void);

#endif
