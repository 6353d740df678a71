/* SPDX-License-Identifier: Apache-2.0 */
/* Guest registers in and out of the VMCS and of the struct beside it. Own CPU, or vCPU parked. CR0 and CR4 are split by the guest/host
 * masks: the bits that VMX fixes are the host's, and the guest reads its own idea of them from the shadows (SDM 3C 25.6.6). */
#include "vmx.h"
#include "x86.h"
#include <stddef.h>
#include <string.h>

#define SHADOW ((uint64_t)(VMX_BLOCKED_BY_STI | VMX_BLOCKED_BY_SS))
#define VMX_SEG_FIELD(first, seg) ((first) + 2u * (seg))

/* SDM 3C table 25-2: what AMD packs into 12 bits lies apart, and "unusable" stands beside P. */
static uint32_t rights_of(const struct x86_seg *g)
{
	uint32_t rights = (g->attr & 0xffu) | (uint32_t)(g->attr & 0xf00u) << 4;

	return g->attr & SEG_ATTR_P ? rights : rights | VMX_RIGHTS_UNUSABLE;
}

static uint16_t attr_of(uint32_t rights)
{
	uint16_t attr = (uint16_t)((rights & 0xff) | ((rights >> 4) & 0xf00));

	return rights & VMX_RIGHTS_UNUSABLE ? attr & (uint16_t)~SEG_ATTR_P : attr;
}

static void seg_load(unsigned i, const struct x86_seg *g)
{
	vmcs_write(VMX_SEG_FIELD(VMCS_GUEST_ES_LIMIT, i), g->limit);
	vmcs_write(VMX_SEG_FIELD(VMCS_GUEST_ES_BASE, i), g->base);
	if (i >= SEG_GDTR)
		return;
	vmcs_write(VMX_SEG_FIELD(VMCS_GUEST_ES_SEL, i), g->selector);
	vmcs_write(VMX_SEG_FIELD(VMCS_GUEST_ES_RIGHTS, i), rights_of(g));
}

static void seg_store(unsigned i, struct x86_seg *g)
{
	*g = (struct x86_seg){ .limit = (uint32_t)vmcs_read(VMX_SEG_FIELD(VMCS_GUEST_ES_LIMIT, i)),
			       .base = vmcs_read(VMX_SEG_FIELD(VMCS_GUEST_ES_BASE, i)) };
	if (i >= SEG_GDTR)
		return;
	g->selector = (uint16_t)vmcs_read(VMX_SEG_FIELD(VMCS_GUEST_ES_SEL, i));
	g->attr = attr_of((uint32_t)vmcs_read(VMX_SEG_FIELD(VMCS_GUEST_ES_RIGHTS, i)));
}

/* ---- control registers and EFER; the VMCS is loaded ---- */

uint64_t vmx_read_cr0(const struct vmx_vcpu *s)
{
	return (vmcs_read(VMCS_GUEST_CR0) & ~VMX_CR0_HOST) | (s->cr0_shadow & VMX_CR0_HOST);
}

/* Caches are never off: CR0.CD would make every access uncached, and nothing here needs that. */
void vmx_write_cr0(struct vmx_vcpu *s, uint64_t v)
{
	uint64_t fixed0 = vmx_caps.cr0_fixed0 & ~(X86_CR0_PE | X86_CR0_PG); /* those two are free for an unrestricted guest */

	s->cr0_shadow = v;
	vmcs_write(VMCS_CR0_SHADOW, v);
	vmcs_write(VMCS_GUEST_CR0, ((v & ~(X86_CR0_CD | X86_CR0_NW)) | fixed0) & vmx_caps.cr0_fixed1);
}

uint64_t vmx_read_cr4(const struct vmx_vcpu *s)
{
	return (vmcs_read(VMCS_GUEST_CR4) & ~s->cr4_mask) | (s->cr4_shadow & s->cr4_mask);
}

/* Machine checks are the host's, whatever the guest says. */
void vmx_write_cr4(struct vmx_vcpu *s, uint64_t v)
{
	s->cr4_shadow = v;
	vmcs_write(VMCS_CR4_SHADOW, v);
	vmcs_write(VMCS_GUEST_CR4, (v | X86_CR4_MCE | vmx_caps.cr4_fixed0) & vmx_caps.cr4_fixed1);
}

void vmx_write_efer(struct vmx_vcpu *s, uint64_t v)
{
	vmcs_write(VMCS_GUEST_EFER, v);
	/* Exits write the control as well (SDM 3C 28.2): it is read back, not remembered. */
	vmcs_write(VMCS_ENTRY_CONTROLS, vmx_caps.entry | (v & X86_EFER_LMA ? VMX_ENTRY_GUEST_64 : 0));
	s->flush = true;
}

/* ---- whole ---- */

/* 64-bit places in arch_regs that have a field. */
struct reg_field { uint16_t offset; uint16_t field; };
#define AT(member) offsetof(struct arch_regs, member)
static const struct reg_field reg_fields[] = {
	{ AT(cr3), VMCS_GUEST_CR3 }, { AT(dr7), VMCS_GUEST_DR7 }, { AT(pat), VMCS_GUEST_PAT }, { AT(debugctl), VMCS_GUEST_DEBUGCTL },
	{ AT(sysenter_cs), VMCS_GUEST_SYSENTER_CS }, { AT(sysenter_esp), VMCS_GUEST_SYSENTER_ESP },
	{ AT(sysenter_eip), VMCS_GUEST_SYSENTER_EIP },
};

static uint64_t *place_of(struct vmx_vcpu *s, size_t offset)
{
	return (uint64_t *)((char *)&s->regs + offset);
}

void vmx_regs_load(struct vmx_vcpu *s)
{
	for (unsigned i = 0; i < sizeof(reg_fields) / sizeof(reg_fields[0]); i++)
		vmcs_write(reg_fields[i].field, *place_of(s, reg_fields[i].offset));
	for (unsigned i = 0; i < SEG_COUNT; i++)
		seg_load(i, &s->regs.seg[i]);
	for (unsigned i = 0; i < 4; i++)
		vmcs_write(VMCS_GUEST_PDPTE0 + 2 * i, s->pdpte[i]);
	vmx_write_cr0(s, s->regs.cr0);
	vmx_write_cr4(s, s->regs.cr4);
	vmx_write_efer(s, s->regs.efer);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, s->interruptibility);
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, s->pending_debug);
	s->flush = true;
}

void vmx_regs_store(struct vmx_vcpu *s)
{
	for (unsigned i = 0; i < sizeof(reg_fields) / sizeof(reg_fields[0]); i++)
		*place_of(s, reg_fields[i].offset) = vmcs_read(reg_fields[i].field);
	for (unsigned i = 0; i < SEG_COUNT; i++)
		seg_store(i, &s->regs.seg[i]);
	for (unsigned i = 0; i < 4; i++)
		s->pdpte[i] = vmcs_read(VMCS_GUEST_PDPTE0 + 2 * i);
	s->regs.cr0 = vmx_read_cr0(s);
	s->regs.cr4 = vmx_read_cr4(s);
	s->regs.efer = vmcs_read(VMCS_GUEST_EFER);
	s->interruptibility = (uint32_t)vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);
	s->pending_debug = vmcs_read(VMCS_GUEST_PENDING_DEBUG);
	vmx_msrs_store(s);
}

void vmx_get_regs(struct vcpu *v, struct arch_regs *r)
{
	struct vmx_vcpu *s = vmx_of(v);

	if (s->live) {
		vmx_use(s);
		vmx_regs_store(s);
	}
	*r = s->regs;
	r->version = ARCH_REGS_VERSION;
}

void vmx_set_regs(struct vcpu *v, const struct arch_regs *r)
{
	struct vmx_vcpu *s = vmx_of(v);

	if (s->live) {
		vmx_use(s);
		vmx_regs_store(s); /* keeps what arch_regs does not hold, and takes the MSRs out of the CPU */
	}
	s->regs = *r;
	s->regs.rflags |= X86_RFLAGS_FIXED;
	s->unsettled = true; /* TSC_AUX, too */
	if (s->live)
		vmx_regs_load(s);
	(void)vmx_pdptes_load(v); /* a state that cannot be is refused at entry */
}

/* ---- one by one ---- */

/* Where a register is: always in the struct; there, but perhaps newer in the CPU's MSRs; or in the VMCS while live and in the struct while
 * parked, two of them split by masks. */
enum place { NOWHERE, IN_MEMORY, IN_MSRS, IN_VMCS, IN_VMCS_SPLIT };
struct reg_place { uint16_t offset, field; uint8_t place; };
#define MEMORY(member) { AT(member), 0, IN_MEMORY }
#define MSRS(member) { AT(member), 0, IN_MSRS }
#define FIELD(member, field) { AT(member), field, IN_VMCS }
static const struct reg_place reg_places[X86_REGS] = {
	[X86_RIP] = MEMORY(rip), [X86_RFLAGS] = MEMORY(rflags), [X86_CR2] = MEMORY(cr2), [X86_CR8] = MEMORY(cr8), [X86_XCR0] = MEMORY(xcr0),
	[X86_TSC_AUX] = MEMORY(tsc_aux),
	[X86_STAR] = MSRS(star), [X86_LSTAR] = MSRS(lstar), [X86_CSTAR] = MSRS(cstar), [X86_SFMASK] = MSRS(sfmask),
	[X86_KERNEL_GS_BASE] = MSRS(kernel_gs_base),
	[X86_CR3] = FIELD(cr3, VMCS_GUEST_CR3), [X86_PAT] = FIELD(pat, VMCS_GUEST_PAT), [X86_DEBUGCTL] = FIELD(debugctl, VMCS_GUEST_DEBUGCTL),
	[X86_FS_BASE] = FIELD(seg[SEG_FS].base, VMCS_GUEST_FS_BASE), [X86_GS_BASE] = FIELD(seg[SEG_GS].base, VMCS_GUEST_GS_BASE),
	[X86_SYSENTER_CS] = FIELD(sysenter_cs, VMCS_GUEST_SYSENTER_CS), [X86_SYSENTER_ESP] = FIELD(sysenter_esp, VMCS_GUEST_SYSENTER_ESP),
	[X86_SYSENTER_EIP] = FIELD(sysenter_eip, VMCS_GUEST_SYSENTER_EIP), [X86_EFER] = FIELD(efer, VMCS_GUEST_EFER),
	[X86_CR0] = { AT(cr0), VMCS_GUEST_CR0, IN_VMCS_SPLIT }, [X86_CR4] = { AT(cr4), VMCS_GUEST_CR4, IN_VMCS_SPLIT },
};

static uint64_t cpl(struct vmx_vcpu *s)
{
	return s->live ? (vmcs_read(VMX_SEG_FIELD(VMCS_GUEST_ES_RIGHTS, SEG_SS)) >> 5) & 3 : (s->regs.seg[SEG_SS].attr >> 5) & 3u;
}

/* What is not simply in the struct; kept apart, since most calls are for what is. */
static __attribute__((noinline)) uint64_t other_get(struct vmx_vcpu *s, enum x86_reg r)
{
	const struct reg_place *p = &reg_places[r];

	if (p->place == IN_MEMORY || (p->place && !s->live))
		return *place_of(s, p->offset);
	if (p->place == IN_MSRS) {
		vmx_msrs_store(s);
		return *place_of(s, p->offset);
	}
	if (s->live)
		vmx_use(s);
	if (p->place == IN_VMCS)
		return vmcs_read(p->field);
	if (p->place == IN_VMCS_SPLIT)
		return r == X86_CR0 ? vmx_read_cr0(s) : vmx_read_cr4(s);
	return r == X86_CPL ? cpl(s) : 0;
}

static uint64_t vmx_reg_get(struct vcpu *v, enum x86_reg r)
{
	struct vmx_vcpu *s = vmx_of(v);

	return r < X86_GPR0 + REG_GPRS ? s->regs.gpr[r] : other_get(s, r);
}

static void live_set(struct vmx_vcpu *s, enum x86_reg r, uint64_t value)
{
	vmx_use(s);
	switch (r) {
	case X86_CR0:
		vmx_write_cr0(s, value);
		s->flush = true;
		break;
	case X86_CR4:
		vmx_write_cr4(s, value);
		s->flush = true;
		break;
	case X86_EFER:
		vmx_write_efer(s, value);
		break;
	default:
		vmcs_write(reg_places[r].field, value);
		s->flush |= r == X86_CR3;
		break;
	}
}

static __attribute__((noinline)) void other_set(struct vmx_vcpu *s, enum x86_reg r, uint64_t value)
{
	switch (reg_places[r].place) {
	case IN_MSRS:
		vmx_msrs_store(s);
		break;
	case IN_VMCS:
	case IN_VMCS_SPLIT:
		if (!s->live)
			break;
		live_set(s, r, value);
		return;
	case NOWHERE:
		if (r == X86_CR8_WATCH)
			s->cr8_watch = value != 0;
		return;
	default:
		break;
	}
	*place_of(s, reg_places[r].offset) = r == X86_CR8 ? value & 0xf : value;
	if (r == X86_TSC_AUX)
		s->unsettled = true;
}

static void vmx_reg_set(struct vcpu *v, enum x86_reg r, uint64_t value)
{
	struct vmx_vcpu *s = vmx_of(v);

	if (r < X86_GPR0 + REG_GPRS)
		s->regs.gpr[r] = value;
	else
		other_set(s, r, value);
}

static void vmx_seg_get(struct vcpu *v, unsigned seg, struct x86_seg *out)
{
	struct vmx_vcpu *s = vmx_of(v);

	if (!s->live) {
		*out = s->regs.seg[seg];
		return;
	}
	vmx_use(s);
	seg_store(seg, out);
}

static void vmx_mode_get(struct vcpu *v, struct x86_mode *out)
{
	struct vmx_vcpu *s = vmx_of(v);
	const struct arch_regs *r = &s->regs;

	if (!s->live) {
		*out = (struct x86_mode){ r->rip, r->rflags, r->cr0, r->cr3, r->cr4, r->efer, r->seg[SEG_CS], (uint8_t)cpl(s) };
		return;
	}
	vmx_use(s);
	out->rip = r->rip;
	out->rflags = r->rflags;
	out->cr0 = vmx_read_cr0(s);
	out->cr3 = vmcs_read(VMCS_GUEST_CR3);
	out->cr4 = vmx_read_cr4(s);
	out->efer = vmcs_read(VMCS_GUEST_EFER);
	out->cs = (struct x86_seg){ .attr = attr_of((uint32_t)vmcs_read(VMX_SEG_FIELD(VMCS_GUEST_ES_RIGHTS, SEG_CS))) };
	if (!x86_is_64bit(out)) /* else its base and limit mean nothing */
		seg_store(SEG_CS, &out->cs);
	out->cpl = (uint8_t)cpl(s);
}

/* ---- stepping and reset ---- */

static bool in_long_mode(void)
{
	return (vmcs_read(VMCS_GUEST_EFER) & X86_EFER_LMA) &&
	       (attr_of((uint32_t)vmcs_read(VMX_SEG_FIELD(VMCS_GUEST_ES_RIGHTS, SEG_CS))) & SEG_ATTR_L);
}

/* Breakpoints that MOV SS held back, and the single-step trap that the instruction would have ended with. */
static void step_traps(struct vmx_vcpu *s)
{
	uint64_t pending = vmcs_read(VMCS_GUEST_PENDING_DEBUG), bits = 0;

	if (pending & VMX_PENDING_BREAK)
		bits = pending & VMX_PENDING_POINTS;
	if (s->regs.rflags & X86_RFLAGS_TF)
		bits |= VMX_PENDING_STEP;
	if (pending)
		vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
	if (!bits)
		return;
	vmx_dr6_met(s, bits);
	vmx_inject_exception(s, 1, false, 0);
}

void vmx_end_shadow(void)
{
	const uint64_t held = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);

	if (held & SHADOW)
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, held & ~SHADOW);
}

static __attribute__((noinline)) void skip_with_care(struct vmx_vcpu *s, uint64_t rip)
{
	/* Without MOV SS's shadow nothing can be pending before an instruction that has begun (SDM 3B 18.3.1.4, 3C 27.7.3). */
	const bool traps = (s->frame.interruptibility & VMX_BLOCKED_BY_SS) || (s->regs.rflags & X86_RFLAGS_TF);

	s->regs.rip = in_long_mode() ? rip : rip & 0xffffffff;
	vmx_end_shadow();
	if (traps)
		step_traps(s);
}

void vmx_skip_to(struct vmx_vcpu *s, uint64_t rip)
{
	const bool crosses = (rip ^ s->regs.rip) >> 32; /* 4 GiB, beyond which there may be nothing */

	s->regs.rflags &= ~X86_RFLAGS_RF;
	if ((s->frame.interruptibility & SHADOW) || (s->regs.rflags & X86_RFLAGS_TF) || crosses)
		skip_with_care(s, rip);
	else
		s->regs.rip = rip;
}

static void vmx_skip(struct vcpu *v, unsigned len)
{
	struct vmx_vcpu *s = vmx_of(v);

	vmx_skip_to(s, s->regs.rip + len);
	s->completed = true;
}

static void vmx_latch_reset(struct vcpu *v, bool power_on)
{
	struct vmx_vcpu *s = vmx_of(v);

	s->event = 0;
	s->irq = 0;
	s->irq_sent = s->nmi_pending = s->cr8_watch = s->shutdown = false;
	s->interruptibility = 0;
	s->pending_debug = 0;
	s->completed = true;
	if (s->live) {
		vmx_use(s);
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
		vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
	}
	if (power_on)
		guest_fp_reset(&s->fp);
}

/* Not offered: no field of the VMCS switches SPEC_CTRL on the CPUs that are around. */
static bool vmx_has_spec_ctrl(void)
{
	return false;
}

static bool vmx_takes_interrupts(void)
{
	return vmx_has_interrupts();
}

static bool vmx_has_xsaves(void)
{
	return vmx_has2(VMX_PROC2_XSAVES);
}

const struct hv_arch_ops vmx_arch_ops = {
	.reg_get = vmx_reg_get,
	.reg_set = vmx_reg_set,
	.seg_get = vmx_seg_get,
	.mode_get = vmx_mode_get,
	.skip = vmx_skip,
	.latch_reset = vmx_latch_reset,
	.has_spec_ctrl = vmx_has_spec_ctrl,
	.has_xsaves = vmx_has_xsaves,
	.takes_interrupts = vmx_takes_interrupts,
};
