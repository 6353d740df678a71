/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest sees in CPUID: a const table says per leaf and register which bits of the host's are offered, which are set, and why
 * (vmm/x86_64/cpuid_table.c). All else reads as zero. Pure but for cpuid_init, which reads the host's leaves once. */
#ifndef VMM_X86_64_CPUID_H
#define VMM_X86_64_CPUID_H
#include <stdbool.h>
#include <stdint.h>

struct cpuid_regs { uint32_t eax, ebx, ecx, edx; };
typedef void (*cpuid_host_fn)(uint32_t leaf, uint32_t subleaf, struct cpuid_regs *out);

/* Builds the offered leaves from the host's. NULL: the CPUID instruction. Before the first guest, CPU 0. spec_ctrl, xsaves: the backend
 * switches SPEC_CTRL with the guest, and lets XSAVES run in it. */
void cpuid_init(cpuid_host_fn host, uint64_t counter_hz, bool spec_ctrl, bool xsaves);
/* Components that a guest may enable in XCR0; 0: no XSAVE is offered. */
uint64_t cpuid_xcr0_allowed(void);
bool cpuid_offers_spec_ctrl(void);
bool cpuid_offers_xsaves(void);
uint8_t cpuid_phys_bits(void);

/* What differs between vCPUs and moments. */
struct cpuid_view {
	uint32_t apic_id, nvcpus;
	uint64_t xcr0;
	bool osxsave, ospke, apic_on;
};
/* A leaf that all vCPUs read alike at any time, constant; NULL: it is none. */
const struct cpuid_regs *cpuid_fixed(uint32_t leaf);
void cpuid_read(const struct cpuid_view *v, uint32_t leaf, uint32_t subleaf, struct cpuid_regs *out);

/* The table, for tests and for people: one row per group of bits with the reason that it is or is not there. */
enum cpuid_reg { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX };
struct cpuid_row {
	uint32_t leaf, subleaf;
	uint8_t reg;
	uint32_t pass;         /* offered where the host has it */
	uint32_t set;          /* always there: the monitor provides it */
	const char *why;
};
extern const struct cpuid_row cpuid_rows[];
extern const unsigned cpuid_nrows;

#endif
