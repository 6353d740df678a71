/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's own local APIC, by the xAPIC page or the x2APIC MSRs, whichever this CPU is in (SDM 3A 11). */
#include "guest.h"

enum { BASE_X2 = 1 << 10, BASE_ENABLE = 1 << 11, SVR_ENABLE = 0x100, ICR_BUSY = 0x1000 };
bool apic_x2[MAX_CPUS];

static bool x2(void) { return apic_x2[cpu_self()->index]; }

uint32_t apic_read(unsigned reg)
{
	return x2() ? (uint32_t)rdmsr(0x800 + reg / 16) : read32(APIC_BASE + reg);
}

void apic_write(unsigned reg, uint32_t v)
{
	if (x2())
		wrmsr(0x800 + reg / 16, v);
	else
		write32(APIC_BASE + reg, v);
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

void apic_enable(void)
{
	apic_x2[cpu_self()->index] = rdmsr(MSR_APIC_BASE) & BASE_X2;
	apic_write(APIC_SVR, SVR_ENABLE | 0xff);
}

void apic_enter_x2(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | BASE_X2 | BASE_ENABLE);
	apic_enable();
}

void apic_ipi(uint32_t low, uint32_t dest)
{
	if (x2()) {
		wrmsr(0x830, (uint64_t)dest << 32 | low);
		return;
	}
	while (read32(APIC_BASE + APIC_ICR) & ICR_BUSY)
		pause();
	write32(APIC_BASE + APIC_ICR_HIGH, dest << 24);
	write32(APIC_BASE + APIC_ICR, low);
}
