/* SPDX-License-Identifier: Apache-2.0 */
/* Guest time: host time plus an offset per VM, zero at power-on, standing still while the VM is paused. The raw counter (TSC |
 * CNTVCT) moves by the same steps. CPU 0, while all vCPUs are parked. Knows no clock device. */
#include "vm_internal.h"
#include <core/hal.h>

void vm_clock_start(struct vm *vm)
{
	vm->started_ns = hal_clock_ns();
	vm->clock_offset_ns = -(int64_t)vm->started_ns;
	vm->counter_offset = -(int64_t)hal_counter();
	atomic_store(&vm->counter_skewed, false);
	for (unsigned i = 0; i < vm->nvcpus; i++)
		vm->vcpus[i].counter_offset = vm->counter_offset;
}

void vm_clock_pause(struct vm *vm)
{
	vm->paused_ns = hal_clock_ns();
	vm->paused_counter = (int64_t)hal_counter();
}

void vm_clock_resume(struct vm *vm)
{
	int64_t ticks = (int64_t)hal_counter() - vm->paused_counter;

	vm->clock_offset_ns -= (int64_t)(hal_clock_ns() - vm->paused_ns);
	vm->counter_offset -= ticks;
	for (unsigned i = 0; i < vm->nvcpus; i++)
		/* Keeps what the guest wrote to its own, which may be anything. */
		vm->vcpus[i].counter_offset = (int64_t)((uint64_t)vm->vcpus[i].counter_offset - (uint64_t)ticks);
}
