/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of vmm/mem alone: what a guest memory is made of. Any CPU, as vmm/gmem.h says. Must not be included
 * elsewhere: the addresses in here lead to host pages. */
#ifndef VMM_MEM_GMEM_INTERNAL_H
#define VMM_MEM_GMEM_INTERNAL_H
#include <core/spinlock.h>
#include <stdatomic.h>
#include <vmm/gmem.h>
#include <vmm/stage2.h>

struct gmem_slot { uint64_t base, size; };

struct gmem {
	struct pool *pool;
	struct stage2 s2;                 /* changes under lock */
	unsigned max_order;
	unsigned nslots;                  /* constant once vCPUs or devices run */
	struct gmem_slot slots[GMEM_MAX_SLOTS];
	struct spinlock lock;
	_Atomic uint64_t resident;        /* pages */
	_Atomic uint64_t pinned;          /* bytes */
};

/* Makes the byte at a, which lies in RAM, resident: its host address and how many bytes follow in the same page. E_NOMEM, E_GUEST. */
err_t gmem_resolve(struct gmem *m, uint64_t a, struct hpa *h, uint64_t *run) MUST_CHECK;

#endif
