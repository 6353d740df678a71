/* SPDX-License-Identifier: Apache-2.0 */
/* Portable exits: what the architecture's code leaves of an exit, one row of a const table per kind. On the vCPU's CPU; takes vm->lock
 * around the buses. All values are the guest's: unclaimed addresses read as all ones and are counted, and what cannot go on
 * crashes this VM alone. */
#include "vm_internal.h"
#include <core/arith.h>
#include <core/panic.h>
#include <vmm/machine.h>

#define WHERE_MAX 48

static uint64_t ones(unsigned size)
{
	return size >= 8 ? UINT64_MAX : (1ull << (size * 8)) - 1;
}

static void count(_Atomic uint64_t *c)
{
	atomic_fetch_add_explicit(c, 1, memory_order_relaxed);
}

/* One access on a bus. Inlined: the way of each notification. */
static inline __attribute__((always_inline)) void bus_access(struct vm *vm, struct bus *b, uint64_t addr, unsigned size, bool write, uint64_t *value, _Atomic uint64_t *unknown)
{
	bool claimed;

	spin_lock(&vm->lock);
	if (write)
		claimed = bus_write(b, addr, size, *value);
	else
		claimed = bus_read(b, addr, size, value);
	spin_unlock(&vm->lock);
	if (claimed)
		return;
	count(unknown);
	if (!write)
		*value = ones(size);
}

static bool exit_mmio(struct vcpu *v, struct hv_exit *e)
{
	bus_access(v->vm, &v->vm->mmio, e->mmio.addr.v, e->mmio.size, e->mmio.write, &e->mmio.value, &v->vm->counters.unknown_mmio);
	hv_current->vcpu_complete(v, e);
	return true;
}

static bool exit_pio(struct vcpu *v, struct hv_exit *e)
{
	bus_access(v->vm, &v->vm->pio, e->pio.port, e->pio.size, e->pio.write, &e->pio.value, &v->vm->counters.unknown_ports);
	hv_current->vcpu_complete(v, e);
	return true;
}

static bool exit_host(struct vcpu *v, struct hv_exit *e)
{
	(void)v, (void)e;
	return false; /* the run loop takes the interrupt */
}

static bool exit_timer(struct vcpu *v, struct hv_exit *e)
{
	(void)v, (void)e;
	return true; /* the run loop looks at the clock, and arch_vcpu_prepare at the guest's timer */
}

static bool exit_idle(struct vcpu *v, struct hv_exit *e)
{
	hv_current->vcpu_complete(v, e);
	v->idle = true; /* arch_vcpu_prepare decides whether there is something to wake for */
	return true;
}

static bool exit_pause(struct vcpu *v, struct hv_exit *e)
{
	hv_current->vcpu_complete(v, e);
	/* It spins for somebody who may be waiting for this CPU. */
	return !sched_give_way(&v->se);
}

static bool exit_call(struct vcpu *v, struct hv_exit *e)
{
	e->call.result = UINT64_MAX; /* -1: no such call; none is offered */
	hv_current->vcpu_complete(v, e);
	return true;
}

static bool exit_shutdown(struct vcpu *v, struct hv_exit *e)
{
	char where[WHERE_MAX];

	(void)e;
	arch_vcpu_where(v, where, sizeof where);
	vm_crash(v->vm, "triple fault at %s (vcpu %u)", where, v->index);
	return true; /* the run loop sees that it must park */
}

static bool exit_invalid(struct vcpu *v, struct hv_exit *e)
{
	char where[WHERE_MAX];

	arch_vcpu_where(v, where, sizeof where);
	vm_crash(v->vm, "the CPU refused to enter the guest: %s (code 0x%llx) at %s (vcpu %u)", e->invalid.text ? e->invalid.text : "no reason known",
		 (unsigned long long)e->invalid.code, where, v->index);
	return true;
}

/* The architecture finishes its own kinds; one that it leaves is a gap in it, which costs the guest its life and nobody else's. */
static bool exit_unhandled(struct vcpu *v, struct hv_exit *e)
{
	char where[WHERE_MAX];

	arch_vcpu_where(v, where, sizeof where);
	vm_crash(v->vm, "exit of kind %u is not handled, at %s (vcpu %u)", (unsigned)e->kind, where, v->index);
	return true;
}

static bool (*const exit_table[HV_EXIT_KINDS])(struct vcpu *v, struct hv_exit *e) = {
	[HV_EXIT_HOST] = exit_host,
	[HV_EXIT_TIMER] = exit_timer,
	[HV_EXIT_MMIO] = exit_mmio,
	[HV_EXIT_PIO] = exit_pio,
	[HV_EXIT_IDLE] = exit_idle,
	[HV_EXIT_PAUSE] = exit_pause,
	[HV_EXIT_CALL] = exit_call,
	[HV_EXIT_SHUTDOWN] = exit_shutdown,
	[HV_EXIT_INVALID] = exit_invalid,
	/* The architecture's own. */
	[HV_EXIT_STAGE2] = exit_unhandled,
	[HV_EXIT_CPUID] = exit_unhandled,
	[HV_EXIT_RDMSR] = exit_unhandled,
	[HV_EXIT_WRMSR] = exit_unhandled,
	[HV_EXIT_XSETBV] = exit_unhandled,
	[HV_EXIT_SYSREG] = exit_unhandled,
	[HV_EXIT_IRQ_WINDOW] = exit_unhandled,
	[HV_EXIT_UNDEFINED] = exit_unhandled,
};

bool vcpu_exit(struct vcpu *v, struct hv_exit *e)
{
	BUG_ON(e->kind >= HV_EXIT_KINDS);
	return exit_table[e->kind](v, e);
}
