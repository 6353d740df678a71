/* SPDX-License-Identifier: Apache-2.0 */
/* Guest registers as the rest of the monitor sees them: EL1's come out of the CPU when somebody asks. Also the end of an emulated exit,
 * and exceptions. Own CPU, or vCPU parked. */
#include "el2.h"
#include <core/panic.h>
#include <string.h>
#include "inject.h"

static void refresh(struct el2_vcpu *s)
{
	if (!s->stale)
		return;
	BUG_ON(s->on != el2_cpu());
	hw_state_save(&s->f.regs, el2_features.vhe, el2_features.pauth);
	s->stale = false;
}

void el2_unload(struct el2_vcpu *s)
{
	el2_settle(s->v);
	refresh(s);
	if (s->on) {
		s->on->loaded = NULL;
		s->on->vttbr = el2_features.setup.vttbr;
		hw_set_vttbr(s->on->vttbr);
	}
	s->on = NULL;
}

static struct arch_regs *el2_regs(struct vcpu *v, enum regs_use use)
{
	struct el2_vcpu *s = el2_of(v);

	if (use == REGS_READ)
		refresh(s);
	else if (use == REGS_WRITE)
		el2_unload(s);
	return &s->f.regs;
}

void el2_get_regs(struct vcpu *v, struct arch_regs *r)
{
	*r = *el2_regs(v, REGS_READ);
}

void el2_set_regs(struct vcpu *v, const struct arch_regs *r)
{
	*el2_regs(v, REGS_WRITE) = *r;
}

/* ---- the end of an exit ---- */

static void step_over(struct el2_vcpu *s)
{
	s->f.regs.pc += s->step;
	/* As an instruction that was executed: a single step is done with it, and no branch came before the next (DDI0487, "Software Step exceptions"). */
	s->f.regs.pstate &= ~(PSTATE_SS | PSTATE_BTYPE);
}

static void undefined(struct el2_vcpu *s)
{
	el2_unload(s);
	arm_take_exception(&s->f.regs, arm_esr_undefined());
}

static uint64_t loaded_value(const struct hv_exit *e)
{
	unsigned bits = e->mmio.size * 8u;
	uint64_t v = e->mmio.value;

	if (bits < 64) {
		v &= (1ull << bits) - 1;
		if (e->mmio.sign_extend && (v >> (bits - 1) & 1))
			v |= ~0ull << bits;
	}
	return e->mmio.reg_size < 8 ? v & UINT32_MAX : v;
}

void el2_complete(struct vcpu *v, const struct hv_exit *e)
{
	struct el2_vcpu *s = el2_of(v);

	if (s->completed)
		return; /* the architecture's code has stepped over it already */
	s->completed = true;
	switch (e->kind) {
	case HV_EXIT_HOST:
	case HV_EXIT_TIMER:
	case HV_EXIT_STAGE2:
	case HV_EXIT_INVALID:
		return;
	case HV_EXIT_UNDEFINED:
		undefined(s);
		return;
	case HV_EXIT_SYSREG:
		if (e->sysreg.fault) {
			undefined(s);
			return;
		}
		if (!e->sysreg.write)
			regs_x_put(&s->f.regs, e->sysreg.rt, e->sysreg.value);
		break;
	case HV_EXIT_MMIO:
		if (!e->mmio.write)
			regs_x_put(&s->f.regs, e->mmio.reg, loaded_value(e));
		break;
	case HV_EXIT_CALL:
		s->f.regs.x[0] = e->call.result;
		break;
	default:
		break;
	}
	step_over(s);
}

/* Interrupts are the vgic's. An exception's error is its ESR_EL1; vector has no meaning. */
err_t el2_inject(struct vcpu *v, const struct hv_event *ev)
{
	struct el2_vcpu *s = el2_of(v);

	if (ev->kind != HV_EVENT_EXCEPTION)
		return E_INVAL;
	el2_unload(s);
	if (ev->has_error)
		s->f.regs.sys[SYS_FAR] = ev->fault_address;
	arm_take_exception(&s->f.regs, ev->error);
	s->completed = true;
	return OK;
}

/* ---- hv_arch_ops ---- */

static const struct arm_host *el2_host(void)
{
	return &el2_features.host;
}

static enum arm_access el2_access(struct vcpu *v, struct hv_exit *e)
{
	struct el2_vcpu *s = el2_of(v);

	return el2_exit_access(s->syndrome.esr, &s->f.regs, e);
}

static uint64_t el2_fault_va(struct vcpu *v)
{
	return el2_of(v)->syndrome.far;
}

static uint64_t *el2_vreg(struct vcpu *v, unsigned n)
{
	return el2_of(v)->fp.v[n];
}

static void el2_skip(struct vcpu *v)
{
	struct el2_vcpu *s = el2_of(v);

	step_over(s);
	s->completed = true;
}

static void el2_latch_reset(struct vcpu *v)
{
	struct el2_vcpu *s = el2_of(v);

	memset(&s->fp, 0, sizeof s->fp);
	memset(&s->debug, 0, sizeof s->debug);
	s->debug_live = false;
	s->completed = true;
}

const struct hv_arch_ops el2_arch_ops = {
	.host = el2_host,
	.regs = el2_regs,
	.access = el2_access,
	.fault_va = el2_fault_va,
	.vreg = el2_vreg,
	.skip = el2_skip,
	.latch_reset = el2_latch_reset,
};
