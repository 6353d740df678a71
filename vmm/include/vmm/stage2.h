/* SPDX-License-Identifier: Apache-2.0 */
/* Second-level page tables, one walker for all formats: 4 KiB granule, 9 bits a level, 4 levels (3 for formats that say so).
 * The format's const functions encode and decode entries; the walker knows no vendor bit. Caller serialises changes;
 * look-ups may run at the same time as stage2_map. */
#ifndef VMM_STAGE2_H
#define VMM_STAGE2_H
#include <core/addr.h>
#include <core/err.h>
#include <core/page.h>
#include <stdbool.h>
#include <stdint.h>

struct stage2_format {
	const char *name;
	unsigned levels;                                        /* root level is levels - 1 */
	uint64_t max_gpa_bits;
	uint64_t (*leaf)(struct hpa a, unsigned level, unsigned access); /* access: GMEM_* */
	uint64_t (*table)(struct hpa next);
	uint64_t present;                                       /* an entry with any of these bits is there */
	uint64_t large, large_is;                               /* a page above level 0: what these bits are; level 3 has tables alone */
	uint64_t addr;                                          /* the bits of the address */
	unsigned (*access)(uint64_t e);                         /* GMEM_* of a leaf */
	/* Where guests may look past the caches: makes what the host has written to [p, p+len) all that they can find there. May be NULL. */
	void (*publish)(const void *p, uint64_t len);
};
extern const struct stage2_format stage2_npt; /* AMD nested paging, APM 2 15.25; vmm/x86_64/npt.c */
extern const struct stage2_format stage2_ept; /* Intel extended page tables, SDM 3C 29.3; vmm/x86_64/ept.c */

static inline bool stage2_is_present(const struct stage2_format *f, uint64_t e) { return e & f->present; }
static inline bool stage2_is_leaf(const struct stage2_format *f, uint64_t e, unsigned level)
{
	return level == 0 || (level <= 2 && (e & f->large) == f->large_is);
}
static inline struct hpa stage2_addr(const struct stage2_format *f, uint64_t e) { return HPA(e & f->addr); }

struct stage2 { const struct stage2_format *fmt; struct pool *pool; struct hpa root; };

err_t stage2_init(struct stage2 *s, const struct stage2_format *fmt, struct pool *pool) MUST_CHECK;
void stage2_fini(struct stage2 *s); /* frees tables, not leaves; accepts a half-built one */
/* Maps one page of 2^order pages (order 0, 9, 18). E_EXIST when something is there, E_NOMEM, E_RANGE (also for no access at all). */
err_t stage2_map(struct stage2 *s, struct gpa a, struct hpa h, unsigned order, unsigned access) MUST_CHECK;
/* Looks up: leaf's base, order and access. E_NOENT. */
err_t stage2_lookup(const struct stage2 *s, struct gpa a, struct hpa *h, unsigned *order, unsigned *access) MUST_CHECK;
/* Is there neither a page nor a table where a page of this order would go? false also outside of the space. */
bool stage2_vacant(const struct stage2 *s, struct gpa a, unsigned order);
/* Removes the leaf that covers a and returns it; the caller flushes TLBs before the page is reused. E_NOENT. */
err_t stage2_unmap(struct stage2 *s, struct gpa a, struct hpa *h, unsigned *order) MUST_CHECK;
/* Changes the access of the leaf that covers a; the caller flushes TLBs when it takes rights away. E_NOENT, E_RANGE (no access at all: unmap). */
err_t stage2_protect(struct stage2 *s, struct gpa a, unsigned access) MUST_CHECK;
/* Removes all leaves, giving each to drop (may be NULL), and frees all tables but the root. Nobody else uses it meanwhile; the caller
 * flushes TLBs before the next guest entry. */
void stage2_clear(struct stage2 *s, void (*drop)(void *ctx, struct hpa h, unsigned order), void *ctx);
/* Calls fn for each leaf. Nobody changes the table meanwhile. */
void stage2_each(const struct stage2 *s, void (*fn)(void *ctx, struct hpa h, unsigned order), void *ctx);

#endif
