/* SPDX-License-Identifier: Apache-2.0 */
/* The vCPU run loop: called by the scheduler on the vCPU's CPU, enters the guest and handles its exits until the slice ends, the guest
 * sleeps, a host interrupt wants the CPU, or control wants the vCPU parked. No allocation, no waiting; knows no vendor. */
#include "vm_internal.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/panic.h>
#include <vmm/machine.h>

/* The one-shot is not re-armed for less than this: conversions of a guest's deadline jitter by nanoseconds. */
#define REARM_SLACK_NS (2 * NS_PER_US)

/* A guest does not sleep for less than this while another wants the CPU: each wake interrupts that one, which costs more than the
 * sleeper is charged. */
#define NAP_MIN_NS (50 * NS_PER_US)

enum step { STEP_AGAIN, STEP_LEAVE, STEP_SLEEP, STEP_PARK };
struct slice { uint64_t until_ns, armed_ns, wake_ns; struct hv_exit exit; };

/* The timers of this entry: the guest's own is the backend's where it has one, else the host's, which ends the slice. A guest that spins with
 * interrupts off is taken out by it all the same. */
static void timer_arm(struct vcpu *v, struct slice *s, uint64_t guest_ns)
{
	bool own = hv_current->vcpu_deadline && hv_current->vcpu_deadline(v, guest_ns < s->until_ns ? guest_ns : UINT64_MAX);
	uint64_t want = own ? s->until_ns : MIN(s->until_ns, guest_ns);
	uint64_t diff = want > s->armed_ns ? want - s->armed_ns : s->armed_ns - want;

	if (diff <= REARM_SLACK_NS)
		return;
	hal_timer_arm(want);
	s->armed_ns = want;
}

/* What keeps a vCPU from going straight back into its guest after a quick exit. Whoever asks for more than this has an interrupt pending
 * for this CPU, which ends the next run at once: mail, the slice's end, the guest's timer. */
static bool wanted(const struct vcpu *v)
{
	const struct vm *vm = v->vm;

	return atomic_load(&v->look) || atomic_load_explicit(&vm->parking, memory_order_relaxed) || gmem_starved(vm->mem) ||
	       atomic_load_explicit(&vm->deferred, memory_order_relaxed);
}

/* In and out of the guest until an exit is more than a quick one. */
static enum step guest(struct vcpu *v, struct slice *s)
{
	struct hv_exit *e = &s->exit;
	enum hv_exit_kind kind;
	bool stay;

	do {
		hv_current->vcpu_run(v, e);
		kind = e->kind;
		BUG_ON(kind >= HV_EXIT_KINDS);
		vcpu_count(&v->exits[kind]);
		stay = arch_vcpu_exit(v, e) || vcpu_exit(v, e);
	} while (e->quick && !wanted(v));
	if (hv_current->vcpu_settle)
		hv_current->vcpu_settle(v);
	if (kind != HV_EXIT_HOST)
		return stay ? STEP_AGAIN : STEP_LEAVE;
	s->armed_ns = 0; /* it may have been that one */
	return loop_take_interrupts() ? STEP_AGAIN : STEP_LEAVE;
}

static enum step step(struct vcpu *v, struct slice *s)
{
	uint64_t now;
	enum step r;

	if (gmem_starved(v->vm->mem)) /* whatever a device or a walk made of that, the guest must not see it */
		vm_crash(v->vm, "the node is out of memory");
	if (atomic_load(&v->vm->parking))
		return STEP_PARK;
	now = hal_clock_ns();
	if (now >= s->until_ns)
		return STEP_LEAVE;
	if (vm_deferred_run(v->vm))
		return STEP_AGAIN;
	atomic_store(&v->look, false);
	if (!arch_vcpu_prepare(v, now, &s->wake_ns))
		return STEP_SLEEP;
	timer_arm(v, s, arch_vcpu_next_timer(v));
	atomic_store(&v->where, VCPU_GUEST); /* see reach in vcpu.c */
	r = atomic_load(&v->look) ? STEP_AGAIN : guest(v, s);
	atomic_store(&v->where, VCPU_HOST);
	return r;
}

void vcpu_run(struct sched_entity *se, uint64_t until_ns)
{
	struct vcpu *v = container_of(se, struct vcpu, se);
	struct slice s = { .until_ns = until_ns, .armed_ns = until_ns };
	enum step r;

	timer_cancel(&v->wake_timer);
	if (vcpus_closed()) { /* the mail that switches the backend off here may have been worked off before this */
		sched_block(se);
		return;
	}
	atomic_store(&v->where, VCPU_HOST);
	do {
		r = step(v, &s);
		if (r == STEP_SLEEP) {
			atomic_store(&v->where, VCPU_OUT); /* from here on a kick wakes it */
			if (!atomic_load(&v->look))
				break;
			atomic_store(&v->where, VCPU_HOST);
			r = STEP_AGAIN;
		}
	} while (r == STEP_AGAIN);
	if (hv_current->vcpu_leave)
		hv_current->vcpu_leave(v);
	atomic_store(&v->where, VCPU_OUT);
	if (r == STEP_LEAVE)
		return;
	if (r == STEP_SLEEP && s.wake_ns != UINT64_MAX)
		timer_set(&v->wake_timer, sched_contended(se) ? MAX(s.wake_ns, hal_clock_ns() + NAP_MIN_NS) : s.wake_ns);
	sched_block(se); /* parked: until control's mail takes it out */
}
