/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine's CPUs can do, probed once on the boot CPU, and the control registers that every CPU
 * gets. Within core/x86_64 only; the monitor probes virtualisation features by itself. */
#ifndef CORE_X86_64_CPU_H
#define CORE_X86_64_CPU_H
#include <core/err.h>
#include <stdbool.h>
#include <stdint.h>

struct cpu_features {
	bool nx, smep, smap, umip, xsave, x2apic, tsc_deadline, invariant_tsc, rdrand, rdseed, la57_on, hypervisor;
	unsigned phys_bits;
	uint64_t xcr0; /* user state components that are enabled; 0 without XSAVE */
	char model[49];
};
extern struct cpu_features cpu_features;

/* Boot CPU, first thing. E_UNSUPPORTED when the CPU cannot run us (no NX). */
err_t cpu_probe(void) MUST_CHECK;
/* Every CPU: CR0, CR4, EFER, PAT, XCR0. The page tables may be the firmware's or ours. */
void cpu_setup(void);
/* CR4 with which a starting CPU enters long mode. */
uint64_t cpu_boot_cr4(void);

#endif
