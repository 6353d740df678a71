/* SPDX-License-Identifier: Apache-2.0 */
/* The self-test's view of aarch64: its page tables, control registers, and what a task keeps of floating point. */
#include "../machine.h"
#include "core/aarch64/pagetable.h"
#include "core/aarch64/paging.h"
#include "core/aarch64/sysreg.h"

#define DAIF_ALL 0x3c0ull
#define PAN_BIT (1ull << 22)

const char machine_protections[] = "MMU, caches and WXN are on, PAN where there is one; HCR_EL2 is the host's; interrupts are off";

static void sweep_table(const uint64_t *table, unsigned level, uint64_t va, struct sweep *s)
{
	bool has_el0 = el_state.vhe || !el_state.at2;

	for (unsigned i = 0; i < 512; i++) {
		uint64_t e = table[i], at = va + ((uint64_t)i << (12 + 9 * (level - 1)));

		if (!(e & PT_VALID))
			continue;
		if (level > 1 && (e & PT_TABLE))
			sweep_table((const uint64_t *)(e & PT_ADDR), level - 1, at, s);
		else
			sweep_leaf(s, at, !(e & PT_RO), !(e & (has_el0 ? PT_PXN : PT_UXN)));
	}
}

void machine_sweep(struct sweep *s)
{
	sweep_table(paging_top(), 4, 0, s);
}

bool machine_protected(void)
{
	uint64_t want = SCTLR_M | SCTLR_C | SCTLR_I | SCTLR_WXN;

	return (sysreg_sctlr() & want) == want && (SYSREG_READ("DAIF") & DAIF_ALL) == DAIF_ALL &&
	       (!el_state.at2 || SYSREG_READ("HCR_EL2") == el_state.hcr) && (!el_state.pan || (SYSREG_READ("S3_0_C4_C2_3") & PAN_BIT));
}

bool machine_no_thread(void)
{
	return SYSREG_READ("TPIDR_EL0") == 0;
}

bool machine_has_entropy(void)
{
	return el_state.rndr;
}

/* The rounding mode, and a register of those that a call preserves. */
void machine_words_set(unsigned i)
{
	uint64_t fpcr = (uint64_t)i << 22, d = 0x1234 + i;

	__asm__ volatile("msr fpcr, %0; fmov d9, %1" : : "r"(fpcr), "r"(d));
}

bool machine_words_kept(unsigned i)
{
	uint64_t fpcr, d;

	__asm__ volatile("mrs %0, fpcr; fmov %1, d9" : "=r"(fpcr), "=r"(d));
	return fpcr == (uint64_t)i << 22 && d == 0x1234 + i;
}

bool machine_checks(const char *what)
{
	(void)what;
	return false;
}
