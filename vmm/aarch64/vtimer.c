/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's timers (DDI0487, "The Generic Timer in AArch64 state"). The virtual one is the CPU's own: the backend starts it at each entry
 * and stops it at each exit, so that it fires while its guest runs and at no other time. Its interrupt is linked: the guest's
 * deactivation ends the host's, which therefore has to be active while the guest's is pending or active (IHI0069, ICH_LR<n>_EL2.HW), and
 * is not signalled again meanwhile. The physical timer is emulated. Own CPU of the vCPU. */
#include <core/aarch64/gic.h>
#include <core/arith.h>
#include <core/hal.h>
#include <vmm/ticks.h>
#include "arm.h"

#define CTL_ENABLE 1ull
#define CTL_IMASK 2ull
#define CTL_ISTATUS 4ull

/* Own CPU: the host's interrupt is known to be inactive. Once it was made active a guest may end it at any time. */
static bool inactive[HAL_MAX_CPUS];

uint64_t arm_counter(const struct vcpu *v)
{
	return hal_counter() + (uint64_t)v->counter_offset;
}

/* Taken by the host after all: at the edge of an exit. It stays active; the next entry decides about that. */
static void host_irq(void *ctx)
{
	(void)ctx;
	inactive[hal_cpu_id()] = false;
}

err_t vtimer_cpu_enable(void)
{
	err_t err = gic_ppi_enable(gic_vtimer_ppi(), true, host_irq, NULL);

	if (err == OK) {
		gic_ppi_set_active(gic_vtimer_ppi(), false);
		inactive[hal_cpu_id()] = true;
	}
	return err;
}

void vtimer_cpu_disable(void)
{
	gic_ppi_disable(gic_vtimer_ppi());
}

static void link_set(bool active)
{
	bool *known = &inactive[hal_cpu_id()];

	if (!active && *known)
		return;
	gic_ppi_set_active(gic_vtimer_ppi(), active);
	*known = !active;
}

static bool condition(uint64_t ctl, uint64_t cval, uint64_t now)
{
	return (ctl & CTL_ENABLE) && now >= cval;
}

static bool line(uint64_t ctl, uint64_t cval, uint64_t now)
{
	return condition(ctl, cval, now) && !(ctl & CTL_IMASK);
}

uint64_t ptimer_ctl(struct vcpu *v)
{
	const struct arm_state *st = &arm_of(v)->st;

	return st->cntp_ctl | (condition(st->cntp_ctl, st->cntp_cval, arm_counter(v)) ? CTL_ISTATUS : 0);
}

/* Tells the levels; returns the virtual timer's. */
static bool levels(struct vcpu *v)
{
	const struct arch_regs *r = arm_regs(v, REGS_CORE);
	const uint64_t now = arm_counter(v);
	struct arm_vcpu *a = arm_of(v);
	const bool virtual = line(r->sys[SYS_CNTV_CTL], r->sys[SYS_CNTV_CVAL], now);

	a->looked_at = now;
	vgic_set_ppi(v, VIRT_PPI_VTIMER, virtual, gic_vtimer_ppi());
	vgic_set_ppi(v, VIRT_PPI_PTIMER, line(a->st.cntp_ctl, a->st.cntp_cval, now), 0);
	return virtual;
}

void vtimer_sync(struct vcpu *v)
{
	(void)levels(v);
}

void vtimer_prepare(struct vcpu *v)
{
	const bool level = levels(v);

	link_set(level || vgic_ppi_active(v, VIRT_PPI_VTIMER));
}

void vtimer_fired(struct vcpu *v)
{
	vgic_raise_ppi(v, VIRT_PPI_VTIMER, gic_vtimer_ppi());
	link_set(true);
}

/* When a timer will fire that had not when vtimer_prepare looked: one that has since is due at once, one that had has told its level. */
static uint64_t deadline_ns(struct vcpu *v, uint64_t ctl, uint64_t cval)
{
	uint64_t now = arm_of(v)->looked_at, ns;

	if ((ctl & (CTL_ENABLE | CTL_IMASK)) != CTL_ENABLE || now >= cval)
		return UINT64_MAX;
	if (!add_ok(hal_clock_ns(), ticks_to_ns(cval - now, hal_counter_hz()), &ns) || !add_ok(ns, 1, &ns))
		return UINT64_MAX;
	return ns;
}

uint64_t ptimer_deadline_ns(struct vcpu *v)
{
	return deadline_ns(v, arm_of(v)->st.cntp_ctl, arm_of(v)->st.cntp_cval);
}

uint64_t vtimer_deadline_ns(struct vcpu *v)
{
	const struct arch_regs *r = arm_regs(v, REGS_CORE);

	return MIN(deadline_ns(v, r->sys[SYS_CNTV_CTL], r->sys[SYS_CNTV_CVAL]), ptimer_deadline_ns(v));
}
