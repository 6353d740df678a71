/* SPDX-License-Identifier: Apache-2.0 */
/* Privileged instructions on the host: MSRs and control registers are cells, and the tables have one task state segment.
 * Nothing is checked; a test looks at the cells. */
#include "fake_cpu.h"
#include <core/panic.h>
#include <stdint.h>
#include <string.h>

struct fake_cpu fake_cpu;
/* At 8: a 64-bit TSS whose base is 0x1122334455667788. */
static const uint32_t gdt[] = { 0, 0, 0x77880067, 0x55008b66, 0x11223344, 0 };

static uint64_t *cell(uint32_t msr)
{
	for (unsigned i = 0; i < fake_cpu.msrs_used; i++)
		if (fake_cpu.msrs[i].index == msr)
			return &fake_cpu.msrs[i].value;
	if (fake_cpu.msrs_used == FAKE_CPU_MSRS)
		panic("too many MSRs");
	fake_cpu.msrs[fake_cpu.msrs_used].index = msr;
	return &fake_cpu.msrs[fake_cpu.msrs_used++].value;
}

uint64_t cpu_rdmsr(uint32_t msr)
{
	fake_cpu.reads++;
	return *cell(msr);
}

void cpu_wrmsr(uint32_t msr, uint64_t v)
{
	fake_cpu.writes++;
	*cell(msr) = v;
}

uint64_t cpu_cr0(void) { return fake_cpu.cr0; }
uint64_t cpu_cr3(void) { return fake_cpu.cr3; }
uint64_t cpu_cr4(void) { return fake_cpu.cr4; }
void cpu_set_cr0(uint64_t v) { fake_cpu.cr0 = v; }
void cpu_set_cr4(uint64_t v) { fake_cpu.cr4 = v; }

void cpu_load_tables(const struct host_tables *t)
{
	(void)t;
	fake_cpu.table_loads++;
}

void cpu_machine_check(void) { fake_cpu.machine_checks++; }

void cpu_tables(struct host_tables *t)
{
	memset(t, 0, sizeof(*t));
	t->gdt.base = (uintptr_t)gdt;
	t->cs = 0x10;
	t->ss = 0x18;
	t->tr = 8;
}
