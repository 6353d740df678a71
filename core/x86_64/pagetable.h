/* SPDX-License-Identifier: Apache-2.0 */
/* Building and walking x86-64 page tables (SDM 3A 4.5). Knows flags and levels, not what is mapped or why.
 * Changes are serialised by the caller; a walk may run at any time. Within core/x86_64 only. */
#ifndef CORE_X86_64_PAGETABLE_H
#define CORE_X86_64_PAGETABLE_H
#include <core/err.h>
#include <stdbool.h>
#include <stdint.h>

#define PT_PRESENT (1ull << 0)
#define PT_WRITE (1ull << 1)
#define PT_USER (1ull << 2)
#define PT_PWT (1ull << 3)
#define PT_PCD (1ull << 4)
#define PT_ACCESSED (1ull << 5)
#define PT_DIRTY (1ull << 6)
#define PT_LARGE (1ull << 7)     /* level 2 and up */
#define PT_PAT_4K (1ull << 7)    /* level 1 */
#define PT_PAT_LARGE (1ull << 12)
#define PT_NX (1ull << 63)
#define PT_ADDR 0x000ffffffffff000ull

/* Leaf flags of the caller: PRESENT is implied; the memory type is by index into the PAT (cpu.c). */
#define PT_TYPE_UC (PT_PCD | PT_PWT)
#define PT_TYPE_WC PT_PAT_4K

#define PT_BLOCK (2ull << 20)

/* A tree of four levels. pages come zeroed from alloc. */
struct pagetable {
	uint64_t *top;
	uint64_t *(*alloc)(void);
	/* When set, tables that are also reachable from here are shared: they are cloned before a change. */
	const uint64_t *shared_top;
};

/* Maps [va, va+len) to pa, with 2 MiB pages where both are aligned; 4 KiB aligned; replaces what was there,
 * splitting large pages. E_NOMEM when tables run out (what was mapped until then stays mapped). */
err_t pt_map(struct pagetable *t, uint64_t va, uint64_t pa, uint64_t len, uint64_t flags) MUST_CHECK;
/* Removes [va, va+len); tables stay. */
err_t pt_unmap(struct pagetable *t, uint64_t va, uint64_t len) MUST_CHECK;
/* The entry that maps va: NULL when none. *level is 1 (4 KiB), 2 (2 MiB) or 3 (1 GiB); *perms is the AND of W
 * and U over all levels and the OR of NX. */
uint64_t *pt_walk(const uint64_t *top, uint64_t va, unsigned *level, uint64_t *perms);

#endif
