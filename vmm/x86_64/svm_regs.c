/* SPDX-License-Identifier: Apache-2.0 */
/* Guest registers in and out of the VMCB and the save area beside it. Own CPU, or vCPU parked. EFER.SVME is a condition of
 * VMRUN (APM 2 15.5.1) and hidden from the guest. */
#include "svm.h"
#include <string.h>

static struct vmcb_seg *vmcb_seg(struct vmcb *b, unsigned seg)
{
	switch (seg) {
	case SEG_ES: return &b->s.es;
	case SEG_CS: return &b->s.cs;
	case SEG_SS: return &b->s.ss;
	case SEG_DS: return &b->s.ds;
	case SEG_FS: return &b->s.fs;
	case SEG_GS: return &b->s.gs;
	case SEG_LDTR: return &b->s.ldtr;
	case SEG_TR: return &b->s.tr;
	case SEG_GDTR: return &b->s.gdtr;
	default: return &b->s.idtr;
	}
}

static uint64_t svm_cr4(const struct svm_vcpu *s)
{
	return (s->vmcb->s.cr4 & ~X86_CR4_MCE) | (s->mce ? X86_CR4_MCE : 0);
}

/* A guest that reads CR4 itself sees MCE set: reads are not intercepted, and nothing in a guest depends on it being clear. */
void svm_set_cr4(struct svm_vcpu *s, uint64_t value)
{
	s->mce = value & X86_CR4_MCE;
	s->vmcb->s.cr4 = value | X86_CR4_MCE;
	s->clean &= ~SVM_CLEAN_CR;
	s->flush = true;
}

void svm_get_regs(struct vcpu *v, struct arch_regs *r)
{
	struct svm_vcpu *s = svm_of(v);
	struct vmcb *b = s->vmcb;

	memset(r, 0, sizeof(*r));
	r->version = ARCH_REGS_VERSION;
	memcpy(r->gpr, s->gpr, sizeof(r->gpr));
	r->rip = b->s.rip;
	r->rflags = b->s.rflags;
	for (unsigned i = 0; i < SEG_COUNT; i++) {
		const struct vmcb_seg *g = vmcb_seg(b, i);

		r->seg[i] = (struct x86_seg){ g->selector, g->attr, g->limit, g->base };
	}
	r->cr0 = b->s.cr0;
	r->cr2 = b->s.cr2;
	r->cr3 = b->s.cr3;
	r->cr4 = svm_cr4(s);
	r->cr8 = b->c.int_ctl & 0xf;
	r->efer = b->s.efer & ~X86_EFER_SVME;
	r->xcr0 = s->xcr0;
	memcpy(r->dr, s->dr, sizeof(r->dr));
	r->dr6 = b->s.dr6;
	r->dr7 = b->s.dr7;
	r->star = b->s.star;
	r->lstar = b->s.lstar;
	r->cstar = b->s.cstar;
	r->sfmask = b->s.sfmask;
	r->kernel_gs_base = b->s.kernel_gs_base;
	r->sysenter_cs = b->s.sysenter_cs;
	r->sysenter_esp = b->s.sysenter_esp;
	r->sysenter_eip = b->s.sysenter_eip;
	r->pat = b->s.g_pat;
	r->tsc_aux = s->tsc_aux;
	r->debugctl = b->s.debugctl;
}

void svm_set_regs(struct vcpu *v, const struct arch_regs *r)
{
	struct svm_vcpu *s = svm_of(v);
	struct vmcb *b = s->vmcb;

	memcpy(s->gpr, r->gpr, sizeof(s->gpr));
	b->s.rip = r->rip;
	b->s.rflags = r->rflags | X86_RFLAGS_FIXED;
	for (unsigned i = 0; i < SEG_COUNT; i++)
		*vmcb_seg(b, i) = (struct vmcb_seg){ r->seg[i].selector, r->seg[i].attr & 0xfff, r->seg[i].limit, r->seg[i].base };
	b->s.cpl = (r->seg[SEG_SS].attr >> 5) & 3;
	b->s.cr0 = r->cr0;
	b->s.cr2 = r->cr2;
	b->s.cr3 = r->cr3;
	svm_set_cr4(s, r->cr4);
	b->c.int_ctl = (b->c.int_ctl & ~SVM_V_TPR) | (r->cr8 & 0xf);
	b->s.efer = r->efer | X86_EFER_SVME;
	s->xcr0 = r->xcr0;
	memcpy(s->dr, r->dr, sizeof(s->dr));
	b->s.dr6 = r->dr6;
	b->s.dr7 = r->dr7;
	b->s.star = r->star;
	b->s.lstar = r->lstar;
	b->s.cstar = r->cstar;
	b->s.sfmask = r->sfmask;
	b->s.kernel_gs_base = r->kernel_gs_base;
	b->s.sysenter_cs = r->sysenter_cs;
	b->s.sysenter_esp = r->sysenter_esp;
	b->s.sysenter_eip = r->sysenter_eip;
	b->s.g_pat = r->pat;
	s->tsc_aux = r->tsc_aux;
	s->unsettled = s->asking = true;
	b->s.debugctl = r->debugctl;
	s->clean = 0;
}

/* 64-bit fields of the save area that have a name of their own; clean: the VMCB clean bits that they belong to. */
struct reg_place { uint16_t offset, clean; };
#define PLACE(name, field, bits) [name] = { offsetof(struct vmcb, s.field), bits }
static const struct reg_place reg_places[X86_REGS] = {
	PLACE(X86_RIP, rip, 0), PLACE(X86_RFLAGS, rflags, 0),
	PLACE(X86_CR0, cr0, SVM_CLEAN_CR), PLACE(X86_CR3, cr3, SVM_CLEAN_CR), PLACE(X86_CR4, cr4, SVM_CLEAN_CR),
	PLACE(X86_CR2, cr2, SVM_CLEAN_CR2), PLACE(X86_EFER, efer, SVM_CLEAN_CR),
	/* by VMLOAD and VMSAVE: no clean bit */
	PLACE(X86_FS_BASE, fs.base, 0), PLACE(X86_GS_BASE, gs.base, 0), PLACE(X86_KERNEL_GS_BASE, kernel_gs_base, 0),
	PLACE(X86_STAR, star, 0), PLACE(X86_LSTAR, lstar, 0), PLACE(X86_CSTAR, cstar, 0), PLACE(X86_SFMASK, sfmask, 0),
	PLACE(X86_SYSENTER_CS, sysenter_cs, 0), PLACE(X86_SYSENTER_ESP, sysenter_esp, 0), PLACE(X86_SYSENTER_EIP, sysenter_eip, 0),
	PLACE(X86_PAT, g_pat, SVM_CLEAN_NP), PLACE(X86_DEBUGCTL, debugctl, SVM_CLEAN_LBR), PLACE(X86_SPEC_CTRL, spec_ctrl, 0),
};

static uint64_t *reg_at(struct svm_vcpu *s, enum x86_reg r)
{
	if (reg_places[r].offset)
		return (uint64_t *)((char *)s->vmcb + reg_places[r].offset);
	if (r == X86_XCR0)
		return &s->xcr0;
	return r == X86_TSC_AUX ? &s->tsc_aux : NULL;
}

static uint64_t svm_reg_get(struct vcpu *v, enum x86_reg r)
{
	struct svm_vcpu *s = svm_of(v);
	uint64_t *p;

	if (r < X86_GPR0 + REG_GPRS)
		return s->gpr[r];
	switch (r) {
	case X86_CR4:
		return svm_cr4(s);
	case X86_CR8:
		return s->vmcb->c.int_ctl & 0xf;
	case X86_EFER:
		return s->vmcb->s.efer & ~X86_EFER_SVME;
	case X86_CPL:
		return s->vmcb->s.cpl;
	default:
		p = reg_at(s, r);
		return p ? *p : 0;
	}
}

static void svm_reg_set(struct vcpu *v, enum x86_reg r, uint64_t value)
{
	struct svm_vcpu *s = svm_of(v);
	uint64_t *p;

	if (r < X86_GPR0 + REG_GPRS) {
		s->gpr[r] = value;
		return;
	}
	if (r == X86_CR8) {
		s->vmcb->c.int_ctl = (s->vmcb->c.int_ctl & ~SVM_V_TPR) | (value & 0xf);
		s->clean &= ~SVM_CLEAN_TPR;
	}
	if (r == X86_TSC_AUX)
		s->unsettled = true;
	if (r == X86_CR4) {
		svm_set_cr4(s, value);
		return;
	}
	if (r == X86_CR8_WATCH)
		s->cr8_watch = value != 0;
	p = reg_at(s, r);
	if (!p)
		return;
	*p = r == X86_EFER ? value | X86_EFER_SVME : value;
	s->clean &= ~(uint32_t)reg_places[r].clean;
}

static void svm_seg_get(struct vcpu *v, unsigned seg, struct x86_seg *out)
{
	const struct vmcb_seg *g = vmcb_seg(svm_of(v)->vmcb, seg);

	*out = (struct x86_seg){ g->selector, g->attr, g->limit, g->base };
}

static void svm_mode_get(struct vcpu *v, struct x86_mode *out)
{
	const struct svm_vcpu *s = svm_of(v);
	const struct vmcb_save *b = &s->vmcb->s;

	out->rip = b->rip;
	out->rflags = b->rflags;
	out->cr0 = b->cr0;
	out->cr3 = b->cr3;
	out->cr4 = svm_cr4(s);
	out->efer = b->efer & ~X86_EFER_SVME;
	out->cs = (struct x86_seg){ b->cs.selector, b->cs.attr, b->cs.limit, b->cs.base };
	out->cpl = b->cpl;
}

static void svm_skip(struct vcpu *v, unsigned len)
{
	struct svm_vcpu *s = svm_of(v);

	svm_skip_to(s, s->vmcb->s.rip + len);
	s->completed = true;
}

static void svm_latch_reset(struct vcpu *v, bool power_on)
{
	struct svm_vcpu *s = svm_of(v);

	s->event = 0;
	s->irq = 0;
	s->nmi_pending = s->nmi_masked = s->cr8_watch = s->shutdown = false;
	s->nmi_iret_rip = UINT64_MAX;
	s->vmcb->c.int_state = 0;
	s->completed = true;
	if (power_on)
		guest_fp_reset(&s->fp);
}

static bool svm_has_spec_ctrl(void)
{
	return svm_has(SVM_F_SPEC_CTRL);
}

const struct hv_arch_ops svm_arch_ops = {
	.reg_get = svm_reg_get,
	.reg_set = svm_reg_set,
	.seg_get = svm_seg_get,
	.mode_get = svm_mode_get,
	.skip = svm_skip,
	.latch_reset = svm_latch_reset,
	.has_spec_ctrl = svm_has_spec_ctrl,
};
