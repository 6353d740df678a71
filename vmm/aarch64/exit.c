/* SPDX-License-Identifier: Apache-2.0 */
/* The aarch64 part of an exit: what is architecture but not the backend's (system registers, firmware calls, faults of stage 2). Own CPU of
 * the vCPU. Everything else is left to vmm/vm/exit.c. */
#include <core/arith.h>
#include <core/fmt.h>
#include <vmm/machine.h>
#include "arm.h"

static bool done(struct vcpu *v, const struct hv_exit *e)
{
	hv_current->vcpu_complete(v, e);
	return true;
}

/* The first bytes behind RAM: may be the rest of an access that began in it, which the syndrome describes as if all of it were here. */
static bool may_reach_out_of_ram(const struct vcpu *v, struct gpa a)
{
	return is_aligned(a.v, PAGE_SIZE) && a.v > 0 && gmem_is_ram(v->vm->mem, GPA(a.v - 1), 1) && !gmem_is_ram(v->vm->mem, a, 1);
}

/* The distributor and the redistributors show what the guest did to its interrupts and its timer, as far as they are not in
 * the CPU. A redistributor has the timer's; true when nothing had to come out, so that the guest may go on at once. */
static bool settle_gic(struct vcpu *v, struct gpa a)
{
	if (a.v >= VIRT_GICD && a.v < VIRT_GICD + VIRT_GICD_SIZE && vgic_unloaded(v))
		return true;
	if (a.v < VIRT_GICD || a.v >= VIRT_GICR + VIRT_GICR_STRIDE * v->vm->nvcpus)
		return true;
	hv_current->vcpu_settle(v);
	vtimer_sync(v);
	return false;
}

/* Outside of RAM. */
static bool exit_device(struct vcpu *v, struct hv_exit *e)
{
	const struct gpa a = e->stage2.addr;
	const bool write = e->stage2.access & GMEM_W;

	if (e->stage2.walk || (e->stage2.access & GMEM_X)) {
		arm_inject_abort(v, hv_current->arch->fault_va(v), e->stage2.access & GMEM_X, false, e->stage2.walk);
		return true;
	}
	switch (hv_current->arch->access(v, e)) {
	case ACCESS_MMIO:
		if (!may_reach_out_of_ram(v, a)) {
			e->quick = settle_gic(v, a); /* a device that has something for the guest asks for a look */
			return false;
		}
		break;
	case ACCESS_NONE:
		hv_current->arch->skip(v);
		return true;
	default:
		break;
	}
	hv_current->vcpu_settle(v);
	vtimer_sync(v);
	arm_emulate(v, write);
	return true;
}

static bool exit_stage2(struct vcpu *v, struct hv_exit *e)
{
	err_t err = OK;

	if (e->stage2.addr.v == ARM_GPA_UNKNOWN)
		err = arm_translate(v, hv_current->arch->fault_va(v), &e->stage2.addr);
	if (err == E_GUEST)
		return true; /* mapped no longer: the guest runs into that itself */
	if (err == OK)
		err = gmem_fault(v->vm->mem, e->stage2.addr, e->stage2.access);
	switch (err) {
	case OK:
		e->quick = true;
		return true;
	case E_NOMEM:
		vm_crash(v->vm, "the node is out of memory at guest-physical 0x%llx (vcpu %u)", (unsigned long long)e->stage2.addr.v, v->index);
		return true;
	default:
		return exit_device(v, e);
	}
}

/* Whom it has sent an SGI to is woken by this CPU's mail, which has come and ends the next run before it has begun: the loop may as well look
 * into it now. */
static bool gives_way(struct vcpu *v, struct hv_exit *e)
{
	struct arm_vcpu *a = arm_of(v);

	if (!a->give_way)
		return false;
	a->give_way = false;
	e->quick = false;
	e->kind = HV_EXIT_HOST;
	return true;
}

bool arch_vcpu_exit(struct vcpu *v, struct hv_exit *e)
{
	switch (e->kind) {
	case HV_EXIT_STAGE2:
		return exit_stage2(v, e);
	case HV_EXIT_SYSREG:
		sysreg_exit(v, e);
		return done(v, e) && !gives_way(v, e);
	case HV_EXIT_CALL:
		vpsci_call(v, e);
		return done(v, e);
	case HV_EXIT_UNDEFINED:
		return done(v, e);
	case HV_EXIT_TIMER:
		vtimer_fired(v);
		e->quick = true;
		return true;
	default:
		return false;
	}
}

void arch_vcpu_where(struct vcpu *v, char *buf, size_t n)
{
	fmt_buf(buf, n, "pc=0x%llx", (unsigned long long)arm_regs(v, REGS_CORE)->pc);
}
