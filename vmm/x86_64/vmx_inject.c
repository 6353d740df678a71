/* SPDX-License-Identifier: Apache-2.0 */
/* Events into a guest (SDM 3C 25.8.3, 27.6). One event goes with an entry; what cannot go asks for a window, an exit as soon as the guest
 * can take it. An external interrupt that did not go is taken back at the next exit, so that the controller chooses anew.
 * Own CPU, its VMCS loaded at commit. Knows no interrupt controller. */
#include "vmx.h"

enum { EXC_PF = 14 };

void vmx_inject_exception(struct vmx_vcpu *s, uint8_t vector, bool has_error, uint32_t error)
{
	if (guest_event_is(s->event, GUEST_EVENT_NMI))
		s->nmi_pending = true; /* it has not been delivered: it will come after the exception */
	s->event = guest_event_combine(s->event, guest_event_exception(vector, has_error, error));
	s->loud = true;
	if (!s->event)
		s->shutdown = true;
}

err_t vmx_inject(struct vcpu *v, const struct hv_event *ev)
{
	struct vmx_vcpu *s = vmx_of(v);

	switch (ev->kind) {
	case HV_EVENT_INTERRUPT:
		if (s->irq)
			return E_AGAIN;
		s->irq = ev->vector;
		s->loud = true;
		return OK;
	case HV_EVENT_NMI:
		s->nmi_pending = true;
		return OK;
	case HV_EVENT_EXCEPTION:
		if (ev->vector == EXC_PF)
			s->regs.cr2 = ev->fault_address;
		vmx_inject_exception(s, ev->vector, ev->has_error, ev->error);
		return OK;
	}
	return E_INVAL;
}

/* What goes with this entry: an exception or an NMI that was in delivery, a new NMI, an interrupt; the rest waits for its window. */
static uint64_t choose(struct vmx_vcpu *s, bool *nmi_window, bool *irq_window)
{
	uint64_t held = s->nmi_pending || s->irq ? vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) : 0;
	bool shadow = held & (VMX_BLOCKED_BY_STI | VMX_BLOCKED_BY_SS);

	if (s->nmi_pending) {
		if (!s->event && !shadow && !(held & VMX_BLOCKED_BY_NMI)) {
			s->event = GUEST_EVENT_NMI_NOW;
			s->nmi_pending = false;
		} else {
			*nmi_window = true;
		}
	}
	s->irq_sent = false;
	if (s->irq) {
		if (!s->event && !shadow && (s->regs.rflags & X86_RFLAGS_IF)) {
			s->irq_sent = true;
			return GUEST_EVENT_VALID | GUEST_EVENT_INTR << 8 | s->irq;
		}
		*irq_window = true;
	}
	return s->event;
}

static void write_event(uint64_t event, uint8_t insn_len)
{
	/* In real mode there are no error codes (SDM 3C 27.2.1.3). */
	if ((event & GUEST_EVENT_ERROR) && !(vmcs_read(VMCS_GUEST_CR0) & X86_CR0_PE))
		event &= ~GUEST_EVENT_ERROR;
	if (event & GUEST_EVENT_ERROR)
		vmcs_write(VMCS_ENTRY_ERROR_CODE, event >> 32);
	if (guest_event_is(event, GUEST_EVENT_INT1))
		vmcs_write(VMCS_ENTRY_INSN_LEN, insn_len);
	vmcs_write(VMCS_ENTRY_EVENT, event & 0xffffffff);
}

void vmx_inject_commit(struct vmx_vcpu *s)
{
	bool nmi_window = false, irq_window = false;
	uint64_t event = choose(s, &nmi_window, &irq_window);
	uint32_t threshold = s->cr8_watch ? (uint32_t)s->regs.cr8 : 0;

	vmx_set_proc(s, VMX_PROC_NMI_WINDOW, nmi_window);
	vmx_set_proc(s, VMX_PROC_INTERRUPT_WINDOW, irq_window);
	if (vmx_has_tpr_shadow() && s->tpr_threshold != threshold) {
		s->tpr_threshold = threshold;
		vmcs_write(VMCS_TPR_THRESHOLD, threshold);
	}
	if (event) /* the CPU clears the valid bit at each exit (SDM 3C 28.2) */
		write_event(event, s->event_insn_len);
	s->loud = event || nmi_window || irq_window || threshold;
}
