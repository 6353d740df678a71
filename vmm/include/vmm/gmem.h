/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory: the only way to touch it. No host pointer ever comes out. A value is fetched once into a local,
 * checked there and used from there. Residency is the stage-2 table itself: pages come on first touch, zeroed.
 * Any CPU; internally locked per gmem. */
#ifndef VMM_GMEM_H
#define VMM_GMEM_H
#include <core/addr.h>
#include <core/err.h>
#include <core/page.h>
#include <stdbool.h>
#include <stdint.h>

struct gmem;
struct stage2_format; /* how leaf and table entries look: npt, ept, vmsa; see vmm/stage2.h */

#define GMEM_MAX_SLOTS 4
enum gmem_access { GMEM_R = 1, GMEM_W = 2, GMEM_X = 4 };

/* An empty guest-physical space. pool: charged for tables and pages, outlives it. max_page_order: 0 (4 KiB), 9 (2 MiB) or
 * 18 (1 GiB): the largest page used where alignment and slot allow. E_NOMEM. */
err_t gmem_create(struct pool *pool, const struct stage2_format *fmt, unsigned max_page_order, struct gmem **out) MUST_CHECK;
void gmem_destroy(struct gmem *m); /* accepts NULL; no vCPU may run on it */
/* Adds RAM [base, base+size), page aligned, not overlapping. E_INVAL, E_LIMIT. */
err_t gmem_add_ram(struct gmem *m, struct gpa base, uint64_t size) MUST_CHECK;
bool gmem_is_ram(const struct gmem *m, struct gpa a, uint64_t len);
uint64_t gmem_size(const struct gmem *m);
uint64_t gmem_resident_pages(const struct gmem *m);
/* Was there an E_NOMEM since the last gmem_clear? With overcommitted memory that is the guest's end, whichever device or walk met it. */
bool gmem_starved(const struct gmem *m);
/* Drops all pages (reset): content reads as zero again. No vCPU may run; the caller flushes TLBs before one does. */
void gmem_clear(struct gmem *m);
/* What the host has written so far becomes visible to a guest that runs with its caches off: once, between loading and the first entry. */
void gmem_publish(struct gmem *m);
/* hpa of the stage-2 root table, for the backend. */
struct hpa gmem_root(const struct gmem *m);

/* Copies; every byte must lie in RAM, else E_GUEST and nothing is copied. Pages are made resident. E_NOMEM. */
err_t gmem_read(struct gmem *m, struct gpa a, void *dst, uint64_t len) MUST_CHECK;
err_t gmem_write(struct gmem *m, struct gpa a, const void *src, uint64_t len) MUST_CHECK;
err_t gmem_zero(struct gmem *m, struct gpa a, uint64_t len) MUST_CHECK;
/* Naturally aligned single accesses with acquire/release order, for ring indices. E_GUEST. */
err_t gmem_load16(struct gmem *m, struct gpa a, uint16_t *out) MUST_CHECK;  /* acquire */
err_t gmem_store16(struct gmem *m, struct gpa a, uint16_t v) MUST_CHECK;    /* release */
err_t gmem_load32(struct gmem *m, struct gpa a, uint32_t *out) MUST_CHECK;
err_t gmem_store32(struct gmem *m, struct gpa a, uint32_t v) MUST_CHECK;
/* One load where the address is aligned; a copy of eight bytes, in one load too or not, where it is not. E_GUEST, E_NOMEM. */
err_t gmem_load64(struct gmem *m, struct gpa a, uint64_t *out) MUST_CHECK;
err_t gmem_store64(struct gmem *m, struct gpa a, uint64_t v) MUST_CHECK;
/* Compare and exchange of a naturally aligned word of 4 or 8 bytes. E_AGAIN: it is not old any more; E_GUEST. */
err_t gmem_cas(struct gmem *m, struct gpa a, unsigned size, uint64_t old, uint64_t value) MUST_CHECK;

/* ---- gmem_spot.c: places that each exit asks for, found once; a page that is there stays where it is until gmem_clear. A zeroed spot holds
 * nothing. It belongs to one gmem and must not outlive it. What is in these is gmem's own: the host's addresses must not be used elsewhere. */
struct gmem_spot { uint64_t host; uint32_t epoch; };
/* len bytes at a, in one page, which is made resident. E_GUEST, E_NOMEM. */
err_t gmem_spot(struct gmem *m, struct gpa a, unsigned len, struct gmem_spot *out) MUST_CHECK;
/* false: the spot does not hold any more, or never did. */
bool gmem_spot_load16(const struct gmem *m, const struct gmem_spot *s, uint16_t *out) MUST_CHECK; /* a naturally aligned word; acquire */
bool gmem_spot_read64(const struct gmem *m, const struct gmem_spot *s, unsigned off, uint64_t *out) MUST_CHECK; /* within the spot's bytes */
/* A word with the value that somebody saw in it, to ask later whether it is still there. E_GUEST: not aligned, or no RAM; E_NOMEM. */
struct gmem_seen { uint64_t host, value; };
err_t gmem_see64(struct gmem *m, struct gpa a, uint64_t value, struct gmem_seen *out) MUST_CHECK;
/* Does the spot hold, and do all words that were seen after it was found? */
bool gmem_seen_hold(const struct gmem *m, const struct gmem_spot *s, const struct gmem_seen *seen, unsigned n) MUST_CHECK;
/* That, and sixteen bytes of the spot's. *out is written in any case. */
bool gmem_seen_read128(const struct gmem *m, const struct gmem_spot *s, const struct gmem_seen *seen, unsigned n, unsigned off, uint64_t out[2]) MUST_CHECK;

/* Bytes that stay where they are. peek: those from off on, as many in one piece as *len says, at most as many as it said before. Any CPU. */
struct gmem_source { const void *(*peek)(void *ctx, uint64_t off, uint64_t *len); void *ctx; };
/* RAM at [a, a+len) holds the source's bytes from off on. They are copied when a page is touched, so the source stays until gmem_clear; a page
 * that is there gets them at once. No vCPU runs yet. E_GUEST: not RAM; E_LIMIT: that was done some times already, copy these. */
err_t gmem_back(struct gmem *m, struct gpa a, uint64_t len, const struct gmem_source *src, uint64_t off) MUST_CHECK;

/* Resolves a stage-2 fault: makes the page resident. OK: enter again; E_GUEST: no RAM there (a device or nothing); E_NOMEM. */
err_t gmem_fault(struct gmem *m, struct gpa a, unsigned access) MUST_CHECK;

/* Pinned runs of host-physical addresses for DMA: fills runs[0..max), *n. The pages stay until gmem_unpin of the same range.
 * E_GUEST: not RAM; E_RANGE: more than max runs; E_NOMEM; then nothing is pinned. The owner of a transfer ends it and unpins before
 * gmem_clear and gmem_destroy. */
struct gmem_run { struct hpa addr; uint64_t len; };
err_t gmem_pin(struct gmem *m, struct gpa a, uint64_t len, struct gmem_run *runs, unsigned max, unsigned *n) MUST_CHECK;
void gmem_unpin(struct gmem *m, struct gpa a, uint64_t len);

#endif
