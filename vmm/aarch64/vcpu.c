/* SPDX-License-Identifier: Apache-2.0 */
/* A guest CPU: architecture state beside the backend's registers, reset, and what happens before each entry: CPU_ON, timers, stolen time,
 * waking for an interrupt. Own CPU, or vCPU parked. */
#include <vmm/machine.h>
#include "arm.h"
#include "inject.h"

void arch_hv_init(const struct hv_ops *ops)
{
	sysreg_init(ops->arch->host());
}

err_t arch_vcpu_init(struct vcpu *v)
{
	err_t err;

	v->arch = pool_alloc(&v->vm->pool, sizeof(struct arm_vcpu));
	if (!v->arch)
		return E_NOMEM;
	err = vgic_vcpu_init(v);
	if (err != OK) {
		arch_vcpu_fini(v);
		return err;
	}
	sysreg_reset(v);
	vpsci_reset(v);
	return OK;
}

void arch_vcpu_fini(struct vcpu *v)
{
	vgic_vcpu_fini(v);
	if (v->arch)
		pool_free(&v->vm->pool, v->arch, sizeof(struct arm_vcpu));
	v->arch = NULL;
}

void arch_vcpu_reset(struct vcpu *v)
{
	struct arch_regs r;

	vgic_vcpu_reset(v);
	sysreg_reset(v);
	vpsci_reset(v);
	regs_reset(&r);
	hv_current->arch->latch_reset(v);
	hv_current->vcpu_set_regs(v, &r);
	arm_of(v)->publish = v->index == 0; /* the loader writes what it starts */
	v->idle = false;
}

bool arch_vcpu_prepare(struct vcpu *v, uint64_t now_ns, uint64_t *wake_ns)
{
	struct arm_vcpu *a = arm_of(v);

	(void)now_ns; /* its timers compare counters */
	if (!vpsci_prepare(v)) {
		*wake_ns = UINT64_MAX;
		return false;
	}
	if (a->publish) {
		/* The first to run starts with MMU and caches off, and reads and fetches what lies in memory around the caches. */
		gmem_publish(v->vm->mem);
		a->publish = false;
	}
	vtimer_prepare(v);
	if (v->idle && vgic_pending(v))
		v->idle = false;
	if (v->idle) {
		*wake_ns = vtimer_deadline_ns(v);
		return false;
	}
	pvtime_prepare(v);
	return true;
}

uint64_t arch_vcpu_next_timer(struct vcpu *v)
{
	return ptimer_deadline_ns(v);
}

/* ---- exceptions ---- */

void arm_inject_abort(struct vcpu *v, uint64_t va, bool fetch, bool write, bool walk)
{
	const uint64_t esr = arm_esr_abort(arm_regs(v, REGS_CORE), fetch, write, walk);
	const struct hv_event ev = { .kind = HV_EVENT_EXCEPTION, .error = (uint32_t)esr, .has_error = true, .fault_address = va };

	(void)hv_current->vcpu_inject(v, &ev); /* an exception is always taken */
}
