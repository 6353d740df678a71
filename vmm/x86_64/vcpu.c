/* SPDX-License-Identifier: Apache-2.0 */
/* A guest CPU of the PC: architecture state beside the backend's registers, reset and start-up, and what happens before each entry:
 * timer, INIT and SIPI, NMI, interrupts by priority, paravirtual time. Own CPU, or vCPU parked. */
#include <core/hal.h>
#include <vmm/machine.h>
#include <vmm/x86_64/lapic.h>
#include "x86.h"

void arch_hv_init(const struct hv_ops *ops)
{
	cpuid_init(NULL, hal_counter_hz(), ops->arch->has_spec_ctrl(), ops->arch->has_xsaves && ops->arch->has_xsaves());
}

err_t arch_vcpu_init(struct vcpu *v)
{
	err_t err;

	v->arch = pool_alloc(&v->vm->pool, sizeof(struct x86_vcpu));
	if (!v->arch)
		return E_NOMEM;
	err = lapic_create(v);
	if (err != OK) {
		arch_vcpu_fini(v);
		return err;
	}
	msr_reset(v);
	pvclock_reset(&x86_of(v)->pv, v);
	return OK;
}

void arch_vcpu_fini(struct vcpu *v)
{
	lapic_destroy(v);
	if (v->arch)
		pool_free(&v->vm->pool, v->arch, sizeof(struct x86_vcpu));
	v->arch = NULL;
}

void arch_vcpu_reset(struct vcpu *v)
{
	struct arch_regs r;

	lapic_reset(v);
	msr_reset(v);
	pvclock_reset(&x86_of(v)->pv, v);
	regs_reset(&r);
	hv_current->arch->latch_reset(v, true);
	hv_current->vcpu_set_regs(v, &r);
	for (unsigned i = 0; i < X86_FETCH_PAGES; i++)
		x86_of(v)->fetch[i] = (struct gpt_memo){ 0 };
	v->idle = false;
}

static void start_up(struct vcpu *v, uint8_t vector)
{
	struct arch_regs r;

	hv_current->vcpu_get_regs(v, &r);
	regs_sipi(&r, vector);
	hv_current->arch->latch_reset(v, false);
	hv_current->vcpu_set_regs(v, &r);
	v->idle = false;
}

/* The signals that come before any interrupt (SDM 3A table 6-2). false: waits for a SIPI. */
static __attribute__((noinline)) bool take_signals(struct vcpu *v)
{
	const struct hv_event nmi = { .kind = HV_EVENT_NMI, .vector = 2 };
	uint8_t vector;

	if (lapic_take_init(v)) {
		hv_current->arch->latch_reset(v, false);
		v->idle = false;
	}
	if (lapic_take_sipi(v, &vector))
		start_up(v, vector);
	if (lapic_waits_for_sipi(v))
		return false;
	if (lapic_take_nmi(v) && hv_current->vcpu_inject(v, &nmi) == OK)
		v->idle = false;
	return true;
}

static __attribute__((noinline)) void take_interrupt(struct vcpu *v, uint8_t vector)
{
	const struct hv_event ev = { .kind = HV_EVENT_INTERRUPT, .vector = vector };

	if (v->idle && !(x86_reg(v, X86_RFLAGS) & X86_RFLAGS_IF))
		return;
	if (x86_takes_interrupts()) {
		v->idle = false;
		return;
	}
	if (hv_current->vcpu_inject(v, &ev) != OK)
		return;
	lapic_ack(v, vector);
	v->idle = false;
}

bool arch_vcpu_prepare(struct vcpu *v, uint64_t now_ns, uint64_t *wake_ns)
{
	int vector;
	uint8_t cr8;

	if (lapic_timer_deadline_ns(v) <= now_ns)
		lapic_timer_expire(v, now_ns);
	if (lapic_signalled(v) && !take_signals(v)) {
		*wake_ns = UINT64_MAX;
		return false;
	}
	vector = lapic_pending(v);
	if (vector >= 0)
		take_interrupt(v, (uint8_t)vector);
	if (v->idle) {
		*wake_ns = lapic_timer_deadline_ns(v);
		return false;
	}
	cr8 = lapic_cr8(v);
	if (cr8 != x86_reg(v, X86_CR8))
		x86_reg_put(v, X86_CR8, cr8);
	/* Something waits for a lower priority: be told when the guest sets one. */
	x86_reg_put(v, X86_CR8_WATCH, !x86_takes_interrupts() && cr8 != 0 && lapic_highest_irr(v) >= 0);
	pvclock_update(&x86_of(v)->pv, v);
	return true;
}

uint64_t arch_vcpu_next_timer(struct vcpu *v)
{
	return lapic_timer_deadline_ns(v);
}
