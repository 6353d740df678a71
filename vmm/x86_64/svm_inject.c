/* SPDX-License-Identifier: Apache-2.0 */
/* Events into a guest (APM 2 15.20, 15.21). Exceptions and NMIs go by EVENTINJ. External interrupts go by V_IRQ: the CPU itself
 * delivers them once the guest can take one, so that no exit is spent on waiting, and what was not delivered by the next exit
 * is taken back. (EVENTINJ of type INTR is not used: QEMU's TCG can deliver it a second time.) V_IGN_TPR: the interrupt
 * controller has looked at the priority already; while one is queued, writes to CR8 are intercepted.
 * Own CPU. Knows no interrupt controller. */
#include "svm.h"

enum { EXC_PF = 14 };

void svm_inject_exception(struct svm_vcpu *s, uint8_t vector, bool has_error, uint32_t error)
{
	if (guest_event_is(s->event, GUEST_EVENT_NMI)) {
		/* The NMI has not been delivered: it will come after the exception. */
		s->nmi_masked = false;
		s->nmi_pending = true;
	}
	s->event = guest_event_combine(s->event, guest_event_exception(vector, has_error, error));
	s->asking = true;
	if (!s->event)
		s->shutdown = true;
}

/* NMIs stay blocked until the handler's IRET, which is intercepted for that. One more is latched meanwhile, as a CPU does. */
static bool commit_nmi(struct svm_vcpu *s)
{
	if (s->nmi_masked || (s->event & GUEST_EVENT_VALID) || (s->vmcb->c.int_state & SVM_INT_SHADOW))
		return false;
	if (s->nmi_iret_rip == s->vmcb->s.rip)
		return false; /* that IRET is yet to run */
	s->nmi_iret_rip = UINT64_MAX;
	s->event = GUEST_EVENT_NMI_NOW;
	s->nmi_masked = true;
	s->nmi_pending = false;
	return true;
}

err_t svm_inject(struct vcpu *v, const struct hv_event *ev)
{
	struct svm_vcpu *s = svm_of(v);

	switch (ev->kind) {
	case HV_EVENT_INTERRUPT:
		if (s->irq)
			return E_AGAIN;
		s->irq = ev->vector;
		s->asking = true;
		return OK;
	case HV_EVENT_NMI:
		s->nmi_pending = true;
		return OK;
	case HV_EVENT_EXCEPTION:
		if (ev->vector == EXC_PF) {
			s->vmcb->s.cr2 = ev->fault_address;
			s->clean &= ~SVM_CLEAN_CR2;
		}
		svm_inject_exception(s, ev->vector, ev->has_error, ev->error);
		return OK;
	}
	return E_INVAL;
}

static void set_intercept1(struct svm_vcpu *s, uint32_t bit, bool on)
{
	uint32_t old = s->vmcb->c.intercept1, now = on ? old | bit : old & ~bit;

	if (now == old)
		return;
	s->vmcb->c.intercept1 = now;
	s->clean &= ~SVM_CLEAN_I;
}

void svm_inject_commit(struct svm_vcpu *s)
{
	struct vmcb *b = s->vmcb;
	uint64_t ctl = b->c.int_ctl & SVM_V_TPR;
	bool blocked = false, window = false;
	uint32_t cr;

	if (s->nmi_pending && !commit_nmi(s))
		window = !s->nmi_masked;
	ctl |= SVM_V_INTR_MASKING;
	if (s->irq) {
		ctl |= SVM_V_IRQ | SVM_V_IGN_TPR | (uint64_t)(s->irq >> 4) << SVM_V_PRIO_SHIFT | (uint64_t)s->irq << SVM_V_VECTOR_SHIFT;
		blocked = !(b->s.rflags & X86_RFLAGS_IF) || (b->c.int_state & SVM_INT_SHADOW) || (s->event & GUEST_EVENT_VALID);
		/* With a window wanted too, V_IRQ's intercept comes in place of its delivery, and both are chosen anew then. */
	} else if (window) {
		/* An NMI waits for a shadow, an earlier event or an IRET to pass: come back when an interrupt could be taken. */
		ctl |= SVM_V_IRQ | SVM_V_IGN_TPR | 0xfull << SVM_V_PRIO_SHIFT;
	}
	if (b->c.int_ctl != ctl) {
		b->c.int_ctl = ctl;
		s->clean &= ~SVM_CLEAN_TPR;
	}
	b->c.event_inj = s->event;
	set_intercept1(s, SVM_I1_VINTR, window);
	set_intercept1(s, SVM_I1_IRET, s->nmi_masked);
	cr = SVM_CR4_WRITE_INTERCEPT | (s->cr8_watch || blocked ? SVM_CR8_WRITE_INTERCEPT : 0);
	if (b->c.intercept_cr != cr) {
		b->c.intercept_cr = cr;
		s->clean &= ~SVM_CLEAN_I;
	}
	/* Once more, to take it back. */
	s->asking = s->event || s->irq || window || s->nmi_masked || s->cr8_watch || b->c.tlb_control != SVM_TLB_KEEP;
}
