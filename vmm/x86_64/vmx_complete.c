/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an emulated exit: results into registers (complete.h), then over the instruction, whose length the CPU tells; or the fault
 * that the handler asks for. Own CPU. */
#include "vmx.h"
#include "complete.h"
#include "x86.h"

void vmx_complete(struct vcpu *v, const struct hv_exit *e)
{
	struct vmx_vcpu *s = vmx_of(v);

	if (s->completed)
		return; /* the architecture's code, or the backend, has stepped over it already */
	s->completed = true;
	switch (complete_exit(s->regs.gpr, &s->regs.xcr0, e)) {
	case COMPLETE_NOTHING:
		break;
	case COMPLETE_STEP:
		vmx_skip_to(s, vmx_next_rip(s));
		break;
	case COMPLETE_GP:
		vmx_inject_exception(s, X86_EXC_GP, true, 0);
		break;
	case COMPLETE_UD:
		vmx_inject_exception(s, X86_EXC_UD, false, 0);
		break;
	case COMPLETE_MMIO:
		x86_mmio_finish(v, e);
		break;
	}
}
