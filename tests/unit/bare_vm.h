/* SPDX-License-Identifier: Apache-2.0 */
/* A VM without machine and scheduler, for tests of interrupt controllers and guest clocks: plain structs with a pool, memory and
 * buses. Defines vcpu_kick and vm_guest_reset as counters, so that the real ones are not linked. One include per program. */
#ifndef TESTS_UNIT_BARE_VM_H
#define TESTS_UNIT_BARE_VM_H
#include <string.h>
#include <core/arith.h>
#include <core/hal.h>
#include <fake/fake.h>
#include <vmm/stage2.h>
#include <vmm/vm.h>
#include <vmm/x86_64/ioapic.h>
#include <vmm/x86_64/lapic.h>

static struct vm bare;
static struct vcpu bare_vcpus[VM_MAX_VCPUS];
static unsigned kicks[VM_MAX_VCPUS], posts[VM_MAX_VCPUS], guest_resets; /* a post is a kick, too */

void vcpu_kick(struct vcpu *v) { kicks[v->index]++; }
void vcpu_post(struct vcpu *v) { kicks[v->index]++, posts[v->index]++; }
void vm_guest_reset(struct vm *vm) { (void)vm; guest_resets++; }

/* All LAPICs in reset state; true when that worked. */
static inline bool bare_init(unsigned n)
{
	memset(&bare, 0, sizeof bare);
	memset(bare_vcpus, 0, sizeof bare_vcpus);
	memset(kicks, 0, sizeof kicks);
	memset(posts, 0, sizeof posts);
	pool_init(&bare.pool, "bare", &pool_root, UINT64_MAX);
	bus_init(&bare.mmio, 1ull << 48);
	spin_init(&bare.lock);
	bare.vcpus = bare_vcpus;
	bare.nvcpus = n;
	bare.clock_offset_ns = -(int64_t)hal_clock_ns();
	bare.counter_offset = -(int64_t)hal_counter();
	for (unsigned i = 0; i < n; i++) {
		bare_vcpus[i].vm = &bare;
		bare_vcpus[i].index = i;
		bare_vcpus[i].counter_offset = bare.counter_offset;
		if (lapic_create(&bare_vcpus[i]) != OK)
			return false;
	}
	return gmem_create(&bare.pool, &stage2_npt, 0, &bare.mem) == OK && gmem_add_ram(bare.mem, GPA(0), MIB) == OK;
}

/* True when everything was given back. */
static inline bool bare_fini(void)
{
	for (unsigned i = 0; i < bare.nvcpus; i++)
		lapic_destroy(&bare_vcpus[i]);
	gmem_destroy(bare.mem);
	if (bare.pool.used_pages != 0)
		return false;
	pool_fini(&bare.pool);
	return true;
}

#endif
