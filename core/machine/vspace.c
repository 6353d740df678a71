/* SPDX-License-Identifier: Apache-2.0 */
/* The two areas above the identity map: device memory (bump allocated, forever) and stacks (slots of 512 KiB,
 * each with an unmapped page at least below and above). Any CPU. A freed slot is used again only by the CPU
 * that freed it: no other has used the addresses, so none holds a stale translation that matters. */
#include "paging.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/spinlock.h>

#define STACK_SLOT_BYTES (512 * KIB)
#define STACK_SLOTS 8192
#define STACK_MAX_BYTES (STACK_SLOT_BYTES - 2 * PAGE_SIZE)

/* Owner of each slot: 0 never used, else 1 + CPU, with the top bit while in use. */
#define SLOT_BUSY 0x80u
static uint8_t slots[STACK_SLOTS];
static struct spinlock slots_lock;

static uint64_t device_used = PAGE_SIZE;
static struct spinlock device_lock;

/* ---- devices */

static err_t device_reserve(uint64_t pa, uint64_t len, uint64_t *va)
{
	err_t e = E_NOMEM;
	uint64_t at;

	spin_lock(&device_lock);
	at = device_used;
	/* The same offset within 2 MiB as the physical address, so that large pages fit. */
	if (len >= PAGING_BLOCK)
		at = align_up(at, PAGING_BLOCK) + (pa & (PAGING_BLOCK - 1));
	if (len < PAGING_SPAN && at + len + PAGE_SIZE < PAGING_SPAN) {
		device_used = at + len + PAGE_SIZE; /* an unmapped page between any two */
		*va = paging_devices + at;
		e = OK;
	}
	spin_unlock(&device_lock);
	return e;
}

err_t hal_map_device(struct hpa a, uint64_t size, unsigned flags, volatile void **out)
{
	unsigned how = (flags & HAL_MAP_RW ? PAGING_WRITE : 0) | (flags & HAL_MAP_UC ? PAGING_UC : 0) | (flags & HAL_MAP_WC ? PAGING_WC : 0);
	uint64_t base = align_down(a.v, PAGE_SIZE), end, va;
	err_t e;

	if (!size || !add_ok(a.v, size, &end) || end > paging_pa_end - 2 * PAGE_SIZE || (flags & HAL_MAP_UC && flags & HAL_MAP_WC))
		return E_INVAL;
	end = align_up(end, PAGE_SIZE);
	e = device_reserve(base, end - base, &va);
	if (e != OK)
		return e;
	e = paging_map(va, base, end - base, how);
	if (e != OK)
		return e;
	*out = (volatile void *)(va + (a.v - base));
	return OK;
}

/* ---- stacks */

static err_t slot_take(unsigned *out)
{
	uint8_t mine = (uint8_t)(1 + hal_cpu_id());
	err_t e = E_NOMEM;

	spin_lock(&slots_lock);
	for (unsigned i = 0; i < STACK_SLOTS; i++) {
		if (slots[i] != 0 && slots[i] != mine)
			continue;
		slots[i] = mine | SLOT_BUSY;
		*out = i;
		e = OK;
		break;
	}
	spin_unlock(&slots_lock);
	return e;
}

static void slot_put(unsigned slot)
{
	spin_lock(&slots_lock);
	slots[slot] = (uint8_t)(1 + hal_cpu_id());
	spin_unlock(&slots_lock);
}

/* Unmaps and frees [from, to), which is mapped by 4 KiB pages. */
static void stack_release(uint64_t from, uint64_t to)
{
	for (uint64_t va = from, pa; va < to; va += PAGE_SIZE)
		if (paging_lookup(va, &pa) && paging_unmap(va, PAGE_SIZE) == OK)
			paging_frame_free(hal_direct(HPA(pa)));
}

err_t hal_stack_alloc(size_t size, void **top)
{
	uint64_t end, bytes = align_up(size, PAGE_SIZE);
	unsigned slot;
	err_t e;

	if (!size || size > STACK_MAX_BYTES)
		return E_INVAL;
	e = slot_take(&slot);
	if (e != OK)
		return e;
	/* The last page of the slot stays unmapped too: it guards against running off the top. */
	end = paging_stacks + (slot + 1) * STACK_SLOT_BYTES - PAGE_SIZE;
	for (uint64_t va = end - bytes; va < end; va += PAGE_SIZE) {
		void *frame = paging_frame_alloc();

		e = frame ? paging_map(va, (uint64_t)frame, PAGE_SIZE, PAGING_WRITE) : E_NOMEM;
		if (e != OK) {
			if (frame)
				paging_frame_free(frame);
			stack_release(end - bytes, va);
			slot_put(slot);
			return e;
		}
	}
	*top = (void *)end;
	return OK;
}

void hal_stack_free(void *top, size_t size)
{
	uint64_t end = (uint64_t)top;
	unsigned slot = (unsigned)((end - paging_stacks) / STACK_SLOT_BYTES);

	stack_release(end - align_up(size, PAGE_SIZE), end);
	slot_put(slot);
}
