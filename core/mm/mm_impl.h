/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of the page allocator, shared by the files of core/mm and by nobody else.
 * A superblock is 2 MiB, the unit that changes between host and guest. One that is in use for small blocks is a little
 * buddy system of its own, kept in bitmaps outside of the memory itself; whole free ones form a second buddy system. */
#ifndef CORE_MM_IMPL_H
#define CORE_MM_IMPL_H
#include <core/arith.h>
#include <core/page.h>
#include <stdbool.h>
#include <stdint.h>

#define SB_SHIFT 21
#define SB_BYTES (1ull << SB_SHIFT)
#define SB_PAGES 512u
#define SB_ORDER 9          /* the page order of a whole superblock */
#define SB_MAX_ORDER 9      /* largest run: 2^9 superblocks, 1 GiB, page order 18 */
#define SB_NONE UINT32_MAX
#define PAGE_ORDER_MAX (SB_ORDER + SB_MAX_ORDER)

enum role { ROLE_HOST, ROLE_GUEST, ROLES };
enum sb_state { SB_SMALL, SB_FREE, SB_LARGE, SB_TAIL, SB_ASIDE }; /* SB_TAIL: not the first of a free or large run; SB_ASIDE: free, in no list */

struct superblock {
	uint64_t map[16];          /* free blocks: for order k, bit 1024 - (1024 >> k) + index */
	uint32_t number;           /* physical address >> SB_SHIFT */
	uint32_t next, prev;       /* list links, indices */
	uint16_t span;             /* which contiguous span it belongs to */
	uint16_t free_pages;
	uint16_t count[SB_ORDER];  /* free blocks of each order */
	uint8_t state, role;
	uint8_t run_order;         /* SB_FREE, SB_LARGE: log2 of the run's length */
	uint8_t list_order;        /* SB_SMALL: which list it is in; SB_ORDER: none */
	bool fixed;                /* holds pages that are not ours: host for ever */
	bool mapped_guest;         /* what the direct map was last told */
};

/* ---- sb_map.c: the buddy system inside one superblock; pure. */
/* Frees the block at page (aligned to 2^order) and merges it with its free neighbours. */
void sb_map_put(struct superblock *sb, unsigned page, unsigned order);
/* Takes a block of exactly this order, splitting a larger one; the first page. There must be one. */
unsigned sb_map_take(struct superblock *sb, unsigned order);
/* Order of the largest free block, -1 when full. */
int sb_map_max(const struct superblock *sb);
/* Marks everything free. */
void sb_map_fill(struct superblock *sb);

/* ---- superblock.c: lists of superblocks; under page_lock. Addresses are first pages of blocks. */
struct mm_counts { uint64_t total, free_sbs, free_small[ROLES], used[ROLES]; }; /* pages, free_sbs in superblocks */
extern struct mm_counts mm_counts;
/* A block of 2^order pages for a role, not charged and not yet mapped for it; false when there is none. */
bool mm_take(enum role role, unsigned order, bool below_4g, struct hpa *out);
void mm_put(struct hpa a, unsigned order);
/* Tells the direct map about the block's role where it has changed. */
void mm_map_role(struct hpa a, unsigned order);
/* A free superblock leaves the lists, and counts as free all the same; mapped for guests. false: there is none. */
bool mm_set_aside(struct hpa *out);
/* It comes to use as a block of SB_ORDER, and back from it, or into the lists. */
void mm_use_aside(struct hpa a, enum role role);
void mm_return_aside(struct hpa a);
void mm_release_aside(struct hpa a);
/* The superblock of an address, NULL when it is not ours. */
struct superblock *mm_lookup(struct hpa a);
/* The descriptor of a page in a superblock of ours. */
uint32_t *mm_page(struct hpa a);
/* Reads boot_info's map and builds the tables; returns how many pages it took for itself. */
uint64_t mm_init(void);

/* ---- zeroed.c: superblocks of zeros, set aside; under page_lock. */
/* One of them, in use for a guest now; false when there is none. */
bool zeroed_take(struct hpa *out);
/* It was not used after all. */
void zeroed_return(struct hpa a);
/* Puts all back into the lists; false when there are none. */
bool zeroed_release(void);
/* Superblocks have become free. */
void zeroed_look_again(void);

/* ---- quota.c: charging; under page_lock. */
/* Changes what p uses or has reserved by delta pages, up the chain. E_NOMEM: a quota forbids it, nothing changed. */
err_t quota_use(struct pool *p, enum role role, int64_t delta) MUST_CHECK;
err_t quota_reserve(struct pool *p, enum role role, int64_t delta) MUST_CHECK;
/* Can every outstanding reservation be served, page by page, in any order? */
bool quota_feasible(void);

extern struct spinlock page_lock;

#endif
