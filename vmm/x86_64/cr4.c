/* SPDX-License-Identifier: Apache-2.0 */
/* Which writes to CR4 a guest may make: what CPUID offers it, and the rules of SDM 2B "MOV - Move to/from Control Registers" (APM 2 3.1.3).
 * Pure but for the CPUID table. Knows no backend. */
#include <vmm/x86_64/cpuid.h>
#include <vmm/x86_64/regs.h>
#include "x86.h"

#define CR3_PCID 0xfffull

/* CR4 bits that a guest may set, by the feature that CPUID offers. */
static const struct { uint32_t leaf; uint8_t reg, bit, cr4; } cr4_bits[] = {
	{ 1, CPUID_EDX, 1, 0 }, { 1, CPUID_EDX, 1, 1 }, { 1, CPUID_EDX, 4, 2 }, { 1, CPUID_EDX, 2, 3 }, { 1, CPUID_EDX, 3, 4 },
	{ 1, CPUID_EDX, 6, 5 }, { 1, CPUID_EDX, 13, 7 }, { 1, CPUID_EDX, 24, 9 }, { 1, CPUID_EDX, 25, 10 }, { 7, CPUID_ECX, 2, 11 },
	{ 7, CPUID_EBX, 0, 16 }, { 1, CPUID_ECX, 17, 17 }, { 1, CPUID_ECX, 26, 18 }, { 7, CPUID_EBX, 7, 20 }, { 7, CPUID_EBX, 20, 21 },
	{ 7, CPUID_ECX, 3, 22 },
};

uint64_t x86_cr4_legal(void)
{
	/* MCE and PCE are taken and have no effect: machine checks are the host's, and RDPMC always faults. */
	uint64_t legal = X86_CR4_MCE | X86_CR4_PCE;

	for (unsigned i = 0; i < sizeof(cr4_bits) / sizeof(cr4_bits[0]); i++) {
		const struct cpuid_view view = { .nvcpus = 1 };
		struct cpuid_regs r;
		uint32_t value;

		cpuid_read(&view, cr4_bits[i].leaf, 0, &r);
		value = cr4_bits[i].reg == CPUID_EBX ? r.ebx : cr4_bits[i].reg == CPUID_ECX ? r.ecx : r.edx;
		if (value & (1u << cr4_bits[i].bit))
			legal |= 1ull << cr4_bits[i].cr4;
	}
	return legal;
}

bool x86_cr4_may_be(uint64_t old, uint64_t value, uint64_t efer, uint64_t cr3)
{
	uint64_t set = value & ~old;

	if (value & ~x86_cr4_legal())
		return false;
	if ((efer & X86_EFER_LMA) && !(value & X86_CR4_PAE))
		return false;
	return !(set & X86_CR4_PCIDE) || ((efer & X86_EFER_LMA) && !(cr3 & CR3_PCID));
}
