/* SPDX-License-Identifier: Apache-2.0 */
/* x86-64's part of the bracket around UEFI runtime services (core/machine/efirt.h): CR3 and the FPU's control words. */
#include "../machine/efirt.h"
#include "insn.h"
#include "paging.h"

bool efirt_arch_open(struct efirt_state *s)
{
	const uint32_t mxcsr = 0x1f80;
	const uint16_t fcw = 0x37f;
	uint32_t old_mxcsr;
	uint16_t old_fcw;

	if (!paging_cr3_runtime())
		return false;
	s->view = insn_read_cr3();
	insn_write_cr3(paging_cr3_runtime());
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(old_mxcsr), "=m"(old_fcw));
	__asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(mxcsr), "m"(fcw));
	s->fp = (uint64_t)old_fcw << 32 | old_mxcsr;
	return true;
}

void efirt_arch_close(const struct efirt_state *s)
{
	uint32_t mxcsr = (uint32_t)s->fp;
	uint16_t fcw = (uint16_t)(s->fp >> 32);

	insn_cli();
	__asm__ volatile("cld; ldmxcsr %0; fldcw %1" : : "m"(mxcsr), "m"(fcw));
	insn_write_cr3(s->view);
}
