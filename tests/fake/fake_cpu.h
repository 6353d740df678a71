/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_cpu.c. */
#ifndef TESTS_FAKE_CPU_H
#define TESTS_FAKE_CPU_H
#include "../../vmm/x86_64/host_cpu.h"

#define FAKE_CPU_MSRS 64
struct fake_cpu {
	uint64_t cr0, cr3, cr4;
	struct { uint32_t index; uint64_t value; } msrs[FAKE_CPU_MSRS];
	unsigned msrs_used, reads, writes, table_loads, machine_checks;
};
extern struct fake_cpu fake_cpu;

#endif
