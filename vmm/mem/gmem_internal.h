/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of vmm/mem alone: what a guest memory is made of. Any CPU, as vmm/gmem.h says. Must not be included
 * elsewhere: the addresses in here lead to host pages. */
#ifndef VMM_MEM_GMEM_INTERNAL_H
#define VMM_MEM_GMEM_INTERNAL_H
#include <core/arith.h>
#include <core/spinlock.h>
#include <stdatomic.h>
#include <vmm/gmem.h>
#include <vmm/stage2.h>

/* blocks: of each large page around the slot, where it lies when it is there as one page, 0 otherwise: what the stage-2 table says, without a
 * walk. NULL where there are no large pages. */
#define GMEM_BLOCK_ORDER 9
#define GMEM_BLOCK (PAGE_SIZE << GMEM_BLOCK_ORDER)
typedef uint64_t __attribute__((aligned(1))) gmem_unaligned_u64;
struct gmem_slot { uint64_t base, size; _Atomic uint64_t *blocks; };

/* RAM that gets these bytes of a source when it is first touched; of two that overlap, the later one's. */
#define GMEM_MAX_BACKINGS 6
struct gmem_backing { uint64_t base, size, offset; struct gmem_source source; };

struct gmem {
	struct pool *pool;
	struct stage2 s2;                 /* changes under lock */
	unsigned max_order;
	uint32_t epoch;                   /* from 1; each gmem_clear begins one, when no vCPU or device works */
	unsigned nslots;                  /* constant once vCPUs or devices run */
	struct gmem_slot slots[GMEM_MAX_SLOTS];
	unsigned nbackings;               /* constant once vCPUs or devices run, as they are */
	struct gmem_backing backings[GMEM_MAX_BACKINGS];
	struct spinlock lock;
	_Atomic uint64_t resident;        /* pages */
	_Atomic uint64_t pinned;          /* bytes */
	atomic_bool starved;              /* no page was left for one that was touched */
};

/* Makes the byte at a, which lies in RAM, resident: its host address and how many bytes follow in the same page. E_NOMEM, E_GUEST. */
err_t gmem_resolve(struct gmem *m, uint64_t a, struct hpa *h, uint64_t *run) MUST_CHECK;

/* gmem_back.c, under the lock. Does one backing give all of [base, base+size)? */
bool gmem_backed_whole(const struct gmem *m, uint64_t base, uint64_t size);
/* Gives a new page for [base, base+size), which lies at h, what the backings say. */
void gmem_back_fill(const struct gmem *m, struct hpa h, uint64_t base, uint64_t size);

/* The slot that holds the byte at a, or NULL. */
static inline const struct gmem_slot *gmem_slot_of(const struct gmem *m, uint64_t a)
{
	for (unsigned i = 0; i < m->nslots; i++)
		if (a - m->slots[i].base < m->slots[i].size)
			return &m->slots[i];
	return NULL;
}

/* The host address of len > 0 bytes at a that lie in one large page of RAM, which lies in the slot as a whole; 0: they do not, or it is not
 * known to be there. */
static inline uint64_t gmem_in_block(const struct gmem *m, uint64_t a, uint64_t len)
{
	const struct gmem_slot *s = gmem_slot_of(m, a);
	uint64_t into = a & (GMEM_BLOCK - 1), h;

	if (!s || !s->blocks || len > GMEM_BLOCK - into)
		return 0;
	a = s->base + index_clamp(a - s->base, s->size);
	h = atomic_load_explicit(&s->blocks[a / GMEM_BLOCK - s->base / GMEM_BLOCK], memory_order_acquire);
	return h ? h + into : 0;
}

#endif
