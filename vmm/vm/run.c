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

enum step { STEP_AGAIN, STEP_LEAVE, STEP_SLEEP };
struct slice { uint64_t until_ns, armed_ns, wake_ns; };

/* Host timer for this entry: the slice's end or the guest's own timer. A guest that spins with interrupts off is taken out by
 * it all the same. */
static void timer_arm(struct slice *s, uint64_t guest_ns)
{
	uint64_t want = MIN(s->until_ns, guest_ns);
	uint64_t diff = want > s->armed_ns ? want - s->armed_ns : s->armed_ns - want;

	if (diff <= REARM_SLACK_NS)
		return;
	hal_timer_arm(want);
	s->armed_ns = want;
}

static enum step step(struct vcpu *v, struct slice *s)
{
	struct hv_exit e;
	enum hv_exit_kind kind;

	if (atomic_load(&v->vm->parking)) {
		s->wake_ns = UINT64_MAX;
		return STEP_SLEEP; /* until control's mail takes it out */
	}
	if (hal_clock_ns() >= s->until_ns)
		return STEP_LEAVE;
	atomic_store(&v->where, VCPU_GUEST);
	atomic_thread_fence(memory_order_seq_cst); /* see vcpu_kick */
	if (!arch_vcpu_prepare(v, &s->wake_ns))
		return STEP_SLEEP;
	timer_arm(s, arch_vcpu_next_timer(v));
	hv_current->vcpu_run(v, &e);
	atomic_store(&v->where, VCPU_HOST);

	kind = e.kind;
	BUG_ON(kind >= HV_EXIT_KINDS);
	atomic_fetch_add_explicit(&v->vm->counters.exits[kind], 1, memory_order_relaxed);
	if (!arch_vcpu_exit(v, &e) && !vcpu_exit(v, &e))
		return STEP_LEAVE;
	return kind == HV_EXIT_HOST ? STEP_LEAVE : STEP_AGAIN;
}

void vcpu_run(struct sched_entity *se, uint64_t until_ns)
{
	struct vcpu *v = container_of(se, struct vcpu, se);
	struct slice s = { .until_ns = until_ns, .armed_ns = until_ns };
	enum step r;

	timer_cancel(&v->wake_timer);
	atomic_store(&v->where, VCPU_HOST);
	do
		r = step(v, &s);
	while (r == STEP_AGAIN);
	atomic_store(&v->where, VCPU_OUT);
	if (r != STEP_SLEEP)
		return;
	if (s.wake_ns != UINT64_MAX)
		timer_set(&v->wake_timer, sched_contended(se) ? MAX(s.wake_ns, hal_clock_ns() + NAP_MIN_NS) : s.wake_ns);
	/* A kick since prepare looked has set the entity's wake flag: then this does not block. */
	sched_block(se);
}
