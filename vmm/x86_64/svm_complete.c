/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an emulated exit: results into registers (complete.c), then over the instruction; or the fault that the handler asks
 * for. Own CPU.
 * Where the CPU does not tell the next RIP, the instruction's bytes are read from the guest (the slow path). */
#include "svm.h"
#include <vmm/x86_64/decode.h>
#include "complete.h"
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

void svm_complete(struct vcpu *v, const struct hv_exit *e)
{
	struct svm_vcpu *s = svm_of(v);

	if (s->completed)
		return; /* the architecture's code has stepped over it already */
	s->completed = true;
	switch (complete_exit(s->gpr, &s->xcr0, e)) {
	case COMPLETE_NOTHING:
		break;
	case COMPLETE_STEP:
		step_over(v);
		break;
	case COMPLETE_GP:
		svm_inject_exception(s, X86_EXC_GP, true, 0);
		break;
	case COMPLETE_UD:
		svm_inject_exception(s, X86_EXC_UD, false, 0);
		break;
	case COMPLETE_MMIO:
		x86_mmio_finish(v, e);
		break;
	}
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
		svm_inject_exception(s, X86_EXC_GP, true, 0);
		return;
	}
	s->vmcb->c.int_ctl = (s->vmcb->c.int_ctl & ~SVM_V_TPR) | s->gpr[reg];
	svm_skip_to(s, s->next_rip ? s->next_rip : s->exit_rip + len);
}
