/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an emulated exit: results into registers (complete.h), then over the instruction; or the fault that the handler asks
 * for. Own CPU. */
#include "svm.h"
#include <vmm/x86_64/decode.h>
#include "complete.h"
#include "x86.h"

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
		svm_step_over(v);
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

/* MOV CRn, r is 0F 22 /n; CR8 is REX.R 0F 22 /0, or LOCK MOV CR0 outside of 64-bit mode (APM 3 "MOV CRn"). Which register the value
 * comes from, and the instruction's length (0: the next RIP is known). */
static bool cr_write_decode(struct vcpu *v, struct svm_vcpu *s, uint64_t info1, unsigned *reg, unsigned *len)
{
	struct x86_code code;
	const uint8_t *b = code.b;
	struct x86_prefixes p;
	struct x86_mode m;

	if (svm_has(SVM_F_DECODE_ASSISTS) && (info1 >> 63) && svm_next_rip(s)) {
		*reg = info1 & 0xf; /* APM 2 15.8.1 */
		*len = 0;
		return true;
	}
	svm_arch_ops.mode_get(v, &m);
	if (x86_fetch(v, &m, &code) != OK)
		return false;
	decode_prefixes(b, code.n, svm_long_mode(s->vmcb), &p);
	if (p.len + 3u > code.n || b[p.len] != 0x0f || b[p.len + 1] != 0x22)
		return false;
	*len = p.len + 3u;
	*reg = (b[p.len + 2] & 7) | (p.rex & 1 ? 8u : 0u);
	return true;
}

static bool cr8_write(struct svm_vcpu *s, uint64_t value)
{
	if (value > 0xf)
		return false;
	s->vmcb->c.int_ctl = (s->vmcb->c.int_ctl & ~SVM_V_TPR) | value;
	s->clean &= ~SVM_CLEAN_TPR; /* the CPU did not write it itself */
	return true;
}

static bool cr4_write(struct vcpu *v, struct svm_vcpu *s, uint64_t value)
{
	if (!x86_cr4_may_be(svm_arch_ops.reg_get(v, X86_CR4), value, s->vmcb->s.efer, s->vmcb->s.cr3))
		return false;
	svm_set_cr4(s, value);
	return true;
}

void svm_cr_write(struct vcpu *v, uint64_t info1)
{
	struct svm_vcpu *s = svm_of(v);
	unsigned reg, len;
	uint64_t value;

	if (!cr_write_decode(v, s, info1, &reg, &len))
		return; /* runs again and faults by itself */
	value = svm_long_mode(s->vmcb) ? s->gpr[reg] : (uint32_t)s->gpr[reg];
	if (s->vmcb->c.exit_code == SVM_EXIT_CR4_WRITE ? cr4_write(v, s, value) : cr8_write(s, value))
		svm_skip_to(s, len ? s->vmcb->s.rip + len : svm_next_rip(s));
	else
		svm_inject_exception(s, X86_EXC_GP, true, 0);
}
