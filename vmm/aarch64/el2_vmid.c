/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual machine identifiers (DDI0487, VTTBR_EL2.VMID): the same on all CPUs, since a guest's own TLB invalidations are broadcast by them.
 * They are handed out in order, one per VM; when they run out a new generation starts, in which every CPU empties its TLB before it
 * enters a guest again. A VM that runs meanwhile keeps its number. Any CPU; executes no instruction of EL2. */
#include "el2.h"
#include <string.h>

#define VMIDS_MAX 0x10000u
#define VMID_MASK 0xffffull
#define GENERATION (VMID_MASK + 1)

static struct {
	struct spinlock lock;              /* for all but the atomics */
	unsigned count, next;              /* 1..count-1; 0 belongs to the host */
	_Atomic uint64_t generation;       /* multiple of GENERATION */
	_Atomic uint64_t active[HAL_MAX_CPUS]; /* by its CPU before each run: generation and number */
	uint64_t held[HAL_MAX_CPUS];       /* what was active when this generation began */
	atomic_bool flush[HAL_MAX_CPUS];
	uint64_t used[VMIDS_MAX / 64];
} vmids;

void el2_vmid_init(unsigned bits)
{
	vmids.count = 1u << bits;
	vmids.next = 1;
	atomic_store(&vmids.generation, GENERATION);
}

static bool take(unsigned n)
{
	uint64_t bit = 1ull << (n % 64);
	bool was = vmids.used[n / 64] & bit;

	vmids.used[n / 64] |= bit;
	return !was;
}

static void generation_begin(void)
{
	atomic_fetch_add(&vmids.generation, GENERATION);
	/* Pairs with el2_vmid_enter: either it sees the new generation, or its VMID is seen here. */
	atomic_thread_fence(memory_order_seq_cst);
	memset(vmids.used, 0, vmids.count / 8);
	vmids.next = 1;
	for (unsigned cpu = 0; cpu < HAL_MAX_CPUS; cpu++) {
		uint64_t a = atomic_load(&vmids.active[cpu]);

		vmids.held[cpu] = a;
		if (a)
			(void)take(a & VMID_MASK);
		atomic_store(&vmids.flush[cpu], true);
	}
}

/* Is it in use somewhere since before this generation? Then it goes on under the same number. */
static bool renew_held(uint64_t old, uint64_t renewed)
{
	bool found = false;

	for (unsigned cpu = 0; old && cpu < HAL_MAX_CPUS; cpu++)
		if (vmids.held[cpu] == old) {
			vmids.held[cpu] = renewed;
			found = true;
		}
	return found;
}

static unsigned find_free(void)
{
	for (unsigned n = vmids.next; n < vmids.count; n++)
		if (take(n))
			return n;
	return 0;
}

/* Under the lock. */
static uint64_t assign(uint64_t old)
{
	uint64_t generation = atomic_load(&vmids.generation);
	unsigned n;

	if (renew_held(old, generation | (old & VMID_MASK)))
		return generation | (old & VMID_MASK);
	n = find_free();
	if (!n) {
		generation_begin();
		generation = atomic_load(&vmids.generation);
		if (renew_held(old, generation | (old & VMID_MASK)))
			return generation | (old & VMID_MASK);
		n = find_free(); /* there are more numbers than CPUs */
	}
	vmids.next = n + 1;
	return generation | n;
}

static bool is_current(uint64_t vmid)
{
	return vmid && (vmid & ~VMID_MASK) == atomic_load(&vmids.generation);
}

/* Only a number of the current generation is ever made active: an older one may belong to another VM by now. */
static bool keep(uint64_t own, unsigned cpu)
{
	if (!is_current(own))
		return false;
	atomic_store(&vmids.active[cpu], own);
	atomic_thread_fence(memory_order_seq_cst); /* see generation_begin */
	return is_current(own);
}

uint16_t el2_vmid_enter(_Atomic uint64_t *vmid, unsigned cpu, bool *flush)
{
	uint64_t own = atomic_load(vmid);

	if (!keep(own, cpu)) {
		spin_lock(&vmids.lock);
		own = atomic_load(vmid);
		if (!is_current(own)) {
			own = assign(own);
			atomic_store(vmid, own);
		}
		atomic_store(&vmids.active[cpu], own);
		spin_unlock(&vmids.lock);
	}
	*flush = atomic_exchange(&vmids.flush[cpu], false);
	return own & VMID_MASK;
}

uint16_t el2_vmid_last(const _Atomic uint64_t *vmid)
{
	return atomic_load(vmid) & VMID_MASK;
}
