/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an emulated exit: results into registers, then over the instruction; or the fault that the handler asks for. Own CPU.
 * Where the CPU does not tell the next RIP, the instruction's bytes are read from the guest (the slow path). */
#include "svm.h"
#include <vmm/x86_64/decode.h>
#include "x86.h"

static bool in_long_mode(const struct svm_vcpu *s)
{
	return (s->vmcb->s.efer & X86_EFER_LMA) && (s->vmcb->s.cs.attr & SEG_ATTR_L);
}

/* The opcode's length without prefixes, for bytes that cannot be read back (another vCPU has unmapped them meanwhile). */
static unsigned shortest(uint64_t code)
{
	switch (code) {
	case SVM_EXIT_HLT: return 1;
	case SVM_EXIT_VMMCALL:
	case SVM_EXIT_XSETBV: return 3;
	default: return 2;
	}
}

static unsigned insn_len(struct vcpu *v, const struct svm_vcpu *s)
{
	bool long_mode = in_long_mode(s);
	uint8_t bytes[X86_INSN_MAX];
	unsigned n = 0, len = 0;

	if (x86_fetch_hint(v, bytes, &n) == OK)
		len = svm_exit_insn_len(s->exit_code, s->vmcb->c.exit_info1, bytes, n, long_mode);
	if (!len && x86_fetch(v, bytes, &n) == OK)
		len = svm_exit_insn_len(s->exit_code, s->vmcb->c.exit_info1, bytes, n, long_mode);
	return len ? len : shortest(s->exit_code);
}

static void step_over(struct vcpu *v)
{
	struct svm_vcpu *s = svm_of(v);

	svm_skip_to(s, s->next_rip ? s->next_rip : s->exit_rip + insn_len(v, s));
}

static void complete_fault(struct svm_vcpu *s)
{
	svm_inject_exception(s, 13, true, 0);
}

static void set_edx_eax(struct svm_vcpu *s, uint64_t v)
{
	s->gpr[REG_RAX] = (uint32_t)v;
	s->gpr[REG_RDX] = v >> 32;
}

static void complete_in(struct svm_vcpu *s, const struct hv_exit *e)
{
	uint64_t *rax = &s->gpr[REG_RAX];

	switch (e->pio.size) {
	case 1:
		*rax = (*rax & ~0xffull) | (e->pio.value & 0xff);
		break;
	case 2:
		*rax = (*rax & ~0xffffull) | (e->pio.value & 0xffff);
		break;
	default:
		*rax = (uint32_t)e->pio.value;
		break;
	}
}

/* false: a fault takes the place of the step. */
static bool complete_values(struct svm_vcpu *s, const struct hv_exit *e)
{
	switch (e->kind) {
	case HV_EXIT_CPUID:
		s->gpr[REG_RAX] = e->cpuid.eax;
		s->gpr[REG_RBX] = e->cpuid.ebx;
		s->gpr[REG_RCX] = e->cpuid.ecx;
		s->gpr[REG_RDX] = e->cpuid.edx;
		return true;
	case HV_EXIT_RDMSR:
		if (e->msr.fault)
			return false;
		set_edx_eax(s, e->msr.value);
		return true;
	case HV_EXIT_WRMSR:
		return !e->msr.fault;
	case HV_EXIT_XSETBV:
		if (e->xsetbv.fault)
			return false;
		s->xcr0 = e->xsetbv.value;
		return true;
	case HV_EXIT_CALL:
		s->gpr[REG_RAX] = e->call.result;
		return true;
	case HV_EXIT_PIO:
		if (!e->pio.write && !e->pio.string)
			complete_in(s, e);
		return true;
	default:
		return true;
	}
}

void svm_complete(struct vcpu *v, const struct hv_exit *e)
{
	struct svm_vcpu *s = svm_of(v);

	if (s->completed)
		return; /* the architecture's code has stepped over it already */
	s->completed = true;
	switch (e->kind) {
	case HV_EXIT_HOST:
	case HV_EXIT_STAGE2:
	case HV_EXIT_IRQ_WINDOW:
	case HV_EXIT_SHUTDOWN:
	case HV_EXIT_INVALID:
		return; /* nothing was executed */
	case HV_EXIT_UNDEFINED:
		svm_inject_exception(s, 6, false, 0);
		return;
	case HV_EXIT_MMIO:
		x86_mmio_finish(v, e);
		return;
	default:
		break;
	}
	if (complete_values(s, e))
		step_over(v);
	else
		complete_fault(s);
}

/* MOV CR8, r64 is REX.R 0F 22 /0; LOCK MOV CR0 is its other name outside of 64-bit mode (APM 3 "MOV CRn"). */
void svm_cr8_write(struct vcpu *v, uint64_t info1)
{
	struct svm_vcpu *s = svm_of(v);
	uint8_t b[X86_INSN_MAX];
	unsigned n = 0, reg, len;
	struct x86_prefixes p;

	if (x86_fetch(v, b, &n) != OK)
		return; /* runs again and faults by itself */
	decode_prefixes(b, n, in_long_mode(s), &p);
	if (p.len + 3u > n || b[p.len] != 0x0f || b[p.len + 1] != 0x22)
		return;
	len = p.len + 3u;
	reg = (b[p.len + 2] & 7) | (p.rex & 1 ? 8u : 0u);
	if (svm_has(SVM_F_DECODE_ASSISTS) && (info1 >> 63))
		reg = info1 & 0xf;
	if (s->gpr[reg] > 0xf) {
		complete_fault(s);
		return;
	}
	s->vmcb->c.int_ctl = (s->vmcb->c.int_ctl & ~SVM_V_TPR) | s->gpr[reg];
	svm_skip_to(s, s->next_rip ? s->next_rip : s->exit_rip + len);
}
