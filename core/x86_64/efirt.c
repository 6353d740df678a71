/* SPDX-License-Identifier: Apache-2.0 */
/* The bracket around a call of UEFI runtime services: the page tables in which firmware code is executable, and
 * the FPU control words that its calling convention wants (UEFI 2.10 2.3.4.2). Vector registers are volatile here
 * as in every call. CPU 0, or any CPU that is about to reset the machine. */
#include "efirt.h"
#include "insn.h"
#include "paging.h"
#include <core/boot_info.h>

#define RUNTIME_SIGNATURE 0x56524553544e5552ull /* "RUNTSERV" */

const struct efi_runtime *efirt_enter(struct efirt_state *s)
{
	const uint32_t mxcsr = 0x1f80;
	const uint16_t fcw = 0x37f;
	const struct efi_runtime *rt;
	uint64_t va = boot_info ? boot_info->runtime_services.v : 0;

	if (!va || !paging_cr3_runtime())
		return NULL;
	s->cr3 = insn_read_cr3();
	insn_write_cr3(paging_cr3_runtime());
	rt = (const struct efi_runtime *)va;
	if (!paging_allows(va, false, false) || rt->signature != RUNTIME_SIGNATURE) {
		insn_write_cr3(s->cr3);
		return NULL;
	}
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(s->mxcsr), "=m"(s->fcw));
	__asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(mxcsr), "m"(fcw));
	return rt;
}

void efirt_leave(const struct efirt_state *s)
{
	insn_cli();
	__asm__ volatile("cld; ldmxcsr %0; fldcw %1" : : "m"(s->mxcsr), "m"(s->fcw));
	insn_write_cr3(s->cr3);
}
