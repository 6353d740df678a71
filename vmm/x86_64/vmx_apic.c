/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual-interrupt delivery and posted interrupts (SDM 3C 30): the CPU moves interrupts from the guest's APIC page into the guest by itself,
 * and takes new ones from a descriptor when another CPU notifies it. Outside of a run, and of quick exits whose handlers do not look at it
 * (vmx_exit_needs), the LAPIC model is the truth (lapic_page.c), and the descriptor's requests are its IRR: what was posted too late for a
 * run is simply pending. Own CPU, but for vmx_post (any). */
#include "vmx.h"
#include <core/page.h>
#include <core/x86_64/irq.h>
#include <stddef.h>

/* SDM 3C table 30-1 */
struct posted { _Atomic uint64_t requests[4]; atomic_uint outstanding, reserved[7]; };
_Static_assert(sizeof(struct posted) == 64 && offsetof(struct posted, outstanding) == 32, "SDM 3C 30.6");

static struct posted *posted_of(const struct vmx_vcpu *s)
{
	return s->posted.v ? hal_direct(s->posted) : NULL;
}

/* A page, of which 64 bytes are used: not every CPU (Bochs) takes a descriptor that does not begin one. */
err_t vmx_apic_init(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_of(v);
	err_t err;

	s->apic_home = vmx_has_interrupts();
	if (!(vmx_caps.pin & VMX_PIN_POSTED))
		return OK;
	err = page_alloc(&v->vm->pool, 0, PAGE_HOST, &s->posted);
	if (err == OK)
		lapic_irr_move(v, posted_of(s)->requests);
	return err;
}

void vmx_apic_fini(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_of(v);

	if (!s->posted.v)
		return;
	lapic_irr_move(v, NULL);
	page_free(&v->vm->pool, s->posted, 0, PAGE_HOST);
	s->posted = HPA(0);
}

void vmx_apic_controls(struct vmx_vcpu *s)
{
	s->x2apic = false;
	if (!vmx_has_interrupts())
		return;
	s->apic = (struct lapic_run){ 0 };
	for (unsigned i = 0; i < 4; i++)
		vmcs_write(VMCS_EOI_EXITS + 2 * i, 0);
	if (s->posted.v) {
		vmcs_write(VMCS_POSTED_VECTOR, IRQ_POSTED_VECTOR);
		vmcs_write(VMCS_POSTED, s->posted.v);
	}
}

static void set_x2apic(struct vmx_vcpu *s, bool on)
{
	if (s->x2apic == on)
		return;
	s->x2apic = on;
	vmcs_write(VMCS_MSR_BITMAP, vmx_maps_msr(on).v);
}

void vmx_apic_enter(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_of(v);
	struct posted *p = posted_of(s);
	struct lapic_run run;

	s->apic_home = false;
	/* First the notification, then the requests: one that comes in between is announced again, and found by the CPU itself. */
	if (p && atomic_load(&p->outstanding))
		atomic_store(&p->outstanding, 0);
	lapic_page_load(v, hal_direct(s->vapic), &run);
	vmcs_write(VMCS_GUEST_INTERRUPT_STATUS, run.requested | (uint64_t)run.in_service << 8);
	for (unsigned i = 0; i < 4; i++)
		if (run.eoi_exits[i] != s->apic.eoi_exits[i])
			vmcs_write(VMCS_EOI_EXITS + 2 * i, run.eoi_exits[i]);
	s->apic = run;
	set_x2apic(s, vmx_has2(VMX_PROC2_X2APIC) && lapic_x2_live(v));
}

void vmx_apic_leave(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_of(v);

	if (s->apic_home || !vmx_has_interrupts())
		return;
	s->apic_home = true;
	lapic_page_store(v, hal_direct(s->vapic), &s->apic);
	s->regs.cr8 = lapic_cr8(v);
}

/* Of the registers that are let through only SELF IPI comes here, with a vector that cannot be sent (SDM 3C 30.5). */
void vmx_apic_written(struct vcpu *v, unsigned offset)
{
	const volatile uint32_t *page = hal_direct(vmx_of(v)->vapic);

	offset &= 0xff0;
	if (lapic_msr_write(v, MSR_X2APIC_FIRST + offset / 16, page[offset / 4]) != OK)
		vmx_inject_exception(vmx_of(v), 13, true, 0);
}

bool vmx_post(struct vcpu *v)
{
	struct posted *p = posted_of(vmx_of(v));

	if (!p)
		return false;
	/* Whoever announces first notifies. */
	if (!(atomic_fetch_or(&p->outstanding, 1) & 1))
		irq_notify(v->cpu);
	return true;
}
