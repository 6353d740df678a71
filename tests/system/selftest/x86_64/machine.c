/* SPDX-License-Identifier: Apache-2.0 */
/* The self-test's view of x86-64: its page tables, control registers and FPU words. */
#include "../machine.h"
#include "core/x86_64/cpu.h"
#include "core/x86_64/insn.h"
#include "core/x86_64/pagetable.h"
#include "core/x86_64/paging.h"

const char machine_protections[] = "write protection, execute disable, SMEP, SMAP and UMIP are on; interrupts are off";

static void sweep_table(const uint64_t *table, unsigned level, uint64_t va, uint64_t perms, struct sweep *s)
{
	for (unsigned i = 0; i < 512; i++) {
		uint64_t e = table[i], at = va + ((uint64_t)i << (12 + 9 * (level - 1))), p;

		if (!(e & PT_PRESENT))
			continue;
		p = (perms & e & PT_WRITE) | ((perms | e) & PT_NX);
		if (level > 1 && !(e & PT_LARGE))
			sweep_table((const uint64_t *)(e & PT_ADDR), level - 1, at, p, s);
		else
			sweep_leaf(s, at, p & PT_WRITE, !(p & PT_NX));
	}
}

void machine_sweep(struct sweep *s)
{
	sweep_table(paging_top(), 4, 0, PT_WRITE, s);
}

bool machine_protected(void)
{
	uint64_t cr4 = insn_read_cr4();

	return (insn_read_cr0() & CR0_WP) && (insn_rdmsr(MSR_EFER) & EFER_NXE) && !(insn_flags() & 0x200) &&
	       (!cpu_features.smep || (cr4 & CR4_SMEP)) && (!cpu_features.smap || (cr4 & CR4_SMAP)) &&
	       (!cpu_features.umip || (cr4 & CR4_UMIP));
}

bool machine_no_thread(void)
{
	return insn_rdmsr(MSR_FS_BASE) == 0;
}

bool machine_has_entropy(void)
{
	return cpu_features.rdrand || cpu_features.rdseed;
}

/* Rounding modes of SSE and x87. */
void machine_words_set(unsigned i)
{
	uint32_t mxcsr = 0x1f80 | i << 13;
	uint16_t fcw = (uint16_t)(0x37f | i << 10);

	__asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(mxcsr), "m"(fcw));
}

bool machine_words_kept(unsigned i)
{
	uint32_t mxcsr;
	uint16_t fcw;

	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(fcw));
	return mxcsr == (0x1f80 | i << 13) && fcw == (uint16_t)(0x37f | i << 10);
}
