/* SPDX-License-Identifier: Apache-2.0 */
/* Accesses to control registers that the hardware leaves to us: writes that touch a bit of the host's (SDM 3C 26.1.3), and CR8 where there
 * is no TPR shadow. Legality as in SDM 2B "MOV - Move to/from Control Registers". Own CPU, its VMCS loaded. */
#include "vmx.h"
#include "x86.h"
#include <vmm/x86_64/cpuid.h>

#define EFER_LONG (X86_EFER_LME | X86_EFER_LMA)
#define CR0_LEGAL (X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | \
		   X86_CR0_CD | X86_CR0_PG)
#define CR3_NO_FLUSH (1ull << 63)

uint64_t vmx_cr4_legal(void)
{
	return x86_cr4_legal();
}

/* ---- PAE directory entries ---- */

bool vmx_pdptes_load(struct vcpu *v)
{
	const uint64_t reserved = 0x1e6ull | ~((1ull << cpuid_phys_bits()) - 1); /* SDM 3A table 4-8 */
	struct vmx_vcpu *s = vmx_of(v);
	const struct hv_arch_ops *a = &vmx_arch_ops;
	uint64_t e[4];

	if (!(a->reg_get(v, X86_CR0) & X86_CR0_PG) || !(a->reg_get(v, X86_CR4) & X86_CR4_PAE) || (a->reg_get(v, X86_EFER) & X86_EFER_LMA))
		return true;
	if (gmem_read(v->vm->mem, GPA(a->reg_get(v, X86_CR3) & 0xffffffe0), e, sizeof(e)) != OK)
		return false;
	for (unsigned i = 0; i < 4; i++)
		if ((e[i] & 1) && (e[i] & reserved))
			return false;
	for (unsigned i = 0; i < 4; i++) {
		s->pdpte[i] = e[i];
		if (s->live)
			vmcs_write(VMCS_GUEST_PDPTE0 + 2 * i, e[i]);
	}
	return true;
}

/* ---- writes; false: #GP and nothing has changed ---- */

static bool code_is_64(struct vcpu *v)
{
	struct x86_seg cs;

	vmx_arch_ops.seg_get(v, SEG_CS, &cs);
	return cs.attr & SEG_ATTR_L;
}

static bool write_cr0(struct vcpu *v, uint64_t value)
{
	struct vmx_vcpu *s = vmx_of(v);
	uint64_t old = vmx_read_cr0(s), cr4 = vmx_read_cr4(s), old_efer = vmcs_read(VMCS_GUEST_EFER), efer = old_efer;

	if (value >> 32)
		return false;
	value = (value & CR0_LEGAL) | X86_CR0_ET;
	if (((value & X86_CR0_PG) && !(value & X86_CR0_PE)) || ((value & X86_CR0_NW) && !(value & X86_CR0_CD)))
		return false;
	if (!(old & X86_CR0_PG) && (value & X86_CR0_PG) && (efer & X86_EFER_LME)) {
		if (!(cr4 & X86_CR4_PAE) || code_is_64(v))
			return false;
		efer |= X86_EFER_LMA;
	}
	if ((old & X86_CR0_PG) && !(value & X86_CR0_PG)) {
		if ((cr4 & X86_CR4_PCIDE) || ((efer & X86_EFER_LMA) && code_is_64(v)))
			return false;
		efer &= ~X86_EFER_LMA;
	}
	vmx_write_cr0(s, value);
	vmx_write_efer(s, efer);
	if (vmx_pdptes_load(v))
		return true;
	vmx_write_cr0(s, old);
	vmx_write_efer(s, old_efer);
	return false;
}

static bool write_cr4(struct vcpu *v, uint64_t value)
{
	struct vmx_vcpu *s = vmx_of(v);
	uint64_t old = vmx_read_cr4(s);

	if (!x86_cr4_may_be(old, value, vmcs_read(VMCS_GUEST_EFER), vmcs_read(VMCS_GUEST_CR3)))
		return false;
	vmx_write_cr4(s, value);
	s->flush = true;
	if (vmx_pdptes_load(v))
		return true;
	vmx_write_cr4(s, old);
	return false;
}

/* Only on CPUs that cannot let the guest do it. */
static bool write_cr3(struct vcpu *v, uint64_t value)
{
	struct vmx_vcpu *s = vmx_of(v);
	uint64_t old = vmcs_read(VMCS_GUEST_CR3);

	if (vmx_read_cr4(s) & X86_CR4_PCIDE)
		value &= ~CR3_NO_FLUSH;
	if ((vmcs_read(VMCS_GUEST_EFER) & X86_EFER_LMA) && value >> cpuid_phys_bits())
		return false;
	vmcs_write(VMCS_GUEST_CR3, value);
	s->flush = true;
	if (vmx_pdptes_load(v))
		return true;
	vmcs_write(VMCS_GUEST_CR3, old);
	return false;
}

static bool write_cr8(struct vmx_vcpu *s, uint64_t value)
{
	if (value > 0xf)
		return false;
	s->regs.cr8 = value;
	return true;
}

static bool write_cr(struct vcpu *v, unsigned number, uint64_t value)
{
	switch (number) {
	case 0: return write_cr0(v, value);
	case 3: return write_cr3(v, value);
	case 4: return write_cr4(v, value);
	case 8: return write_cr8(vmx_of(v), value);
	default: return false;
	}
}

/* LMSW can set PE and not clear it (SDM 2A LMSW). */
static bool write_msw(struct vcpu *v, uint64_t source)
{
	uint64_t old = vmx_read_cr0(vmx_of(v));

	return write_cr0(v, (old & ~0xeull) | (source & 0xf));
}

static bool access(struct vcpu *v, struct vmx_vcpu *s, uint64_t q)
{
	uint64_t *gpr = &s->regs.gpr[VMX_CR_GPR(q)];
	bool wide = (vmcs_read(VMCS_GUEST_EFER) & X86_EFER_LMA) && code_is_64(v);

	switch (VMX_CR_KIND(q)) {
	case VMX_CR_TO:
		return write_cr(v, VMX_CR_NUMBER(q), wide ? *gpr : (uint32_t)*gpr);
	case VMX_CR_FROM:
		*gpr = VMX_CR_NUMBER(q) == 8 ? s->regs.cr8 : vmcs_read(VMCS_GUEST_CR3);
		return true;
	case VMX_CR_CLTS:
		return write_cr0(v, vmx_read_cr0(vmx_of(v)) & ~X86_CR0_TS);
	default:
		return write_msw(v, q >> 16);
	}
}

void vmx_cr_access(struct vcpu *v, uint64_t qualification)
{
	struct vmx_vcpu *s = vmx_of(v);

	if (access(v, s, qualification))
		vmx_skip_to(s, vmx_next_rip(s));
	else
		vmx_inject_exception(s, 13, true, 0);
	s->completed = true;
}
