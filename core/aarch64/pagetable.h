/* SPDX-License-Identifier: Apache-2.0 */
/* Building and walking stage 1 tables of the 4 KiB granule, four levels (DDI0487 D8.2, D8.3). Knows flags and levels, not what is mapped or
 * why. Changes are serialised by the caller; a walk may run at any time. Within core/aarch64 only; pure, runs on the host in tests. */
#ifndef CORE_AARCH64_PAGETABLE_H
#define CORE_AARCH64_PAGETABLE_H
#include "../machine/paging.h"

#define PT_VALID (1ull << 0)
#define PT_TABLE (1ull << 1)      /* a table; at the last level, a page */
#define PT_ATTR_SHIFT 2           /* index into MAIR */
#define PT_USER (1ull << 6)       /* AP[1]: EL0 may access; reads as one where the regime has no EL0 */
#define PT_RO (1ull << 7)         /* AP[2] */
#define PT_SH_INNER (3ull << 8)
#define PT_AF (1ull << 10)
#define PT_PXN (1ull << 53)       /* not for EL1 or EL2; without meaning where the regime has no EL0 */
#define PT_UXN (1ull << 54)       /* not for EL0; XN where the regime has no EL0 */
#define PT_ADDR 0x0000fffffffff000ull

/* MAIR_ELx as these tables index it. */
enum { PT_NORMAL, PT_DEVICE, PT_UNCACHED };
#define PT_MAIR 0x4404ffull /* write-back, write-allocate; Device-nGnRE; Normal Non-cacheable (MAIR_EL1) */

struct pagetable {
	uint64_t *top;
	uint64_t *(*alloc)(void); /* zeroed */
	/* When set, tables that are also reachable from here are shared: they are cloned before a change. */
	const uint64_t *shared_top;
	bool has_el0; /* the regime knows EL0: EL1&0, EL2&0 with VHE */
	bool live;    /* a CPU may be walking it: entries go from invalid to valid and back only */
};

/* Maps [va, va+len) to pa by paging_flags, with 2 MiB blocks where both are aligned; 4 KiB aligned. Until the table is live it replaces what
 * was there, splitting blocks; afterwards that is E_STATE. E_NOMEM when tables run out (what was mapped until then stays mapped). */
err_t pt_map(struct pagetable *t, uint64_t va, uint64_t pa, uint64_t len, unsigned flags) MUST_CHECK;
/* Removes [va, va+len); tables stay. E_STATE: part of a block of a live table. */
err_t pt_unmap(struct pagetable *t, uint64_t va, uint64_t len) MUST_CHECK;
/* The entry that maps va: NULL when none. *level is 1 (4 KiB), 2 (2 MiB) or 3 (1 GiB). */
uint64_t *pt_walk(const uint64_t *top, uint64_t va, unsigned *level);

#endif
