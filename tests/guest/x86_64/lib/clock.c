/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks of the guest: TSC (frequency from CPUID, or measured against the PM timer), the PM timer, KVM's paravirtual clock. */
#include "guest.h"

enum { PM_TIMER = 0x608, PM_MASK = 0xffffff, PM_HZ = 3579545, MSR_KVM_SYSTEM_TIME = 0x4b564d01 };

struct pvclock { uint32_t version, pad; uint64_t tsc, system_ns; uint32_t mul; int8_t shift; uint8_t flags, pad2[2]; };
_Static_assert(sizeof(struct pvclock) == 32, "KVM's pvclock_vcpu_time_info");

uint64_t tsc_hz;
static volatile struct pvclock pv __attribute__((aligned(64)));

uint32_t pm_timer(void)
{
	return inl(PM_TIMER) & PM_MASK;
}

uint32_t pm_elapsed(uint32_t since)
{
	return (pm_timer() - since) & PM_MASK;
}

static uint64_t measure(void)
{
	uint32_t from = pm_timer(), ticks;
	uint64_t tsc = rdtsc();

	while ((ticks = pm_elapsed(from)) < PM_HZ / 50)
		pause();
	return (rdtsc() - tsc) * PM_HZ / ticks;
}

void clock_init(void)
{
	struct regs r = cpuid(0x15, 0);

	if (cpuid(0, 0).eax >= 0x15 && r.eax && r.ebx && r.ecx)
		tsc_hz = (uint64_t)r.ecx * r.ebx / r.eax;
	else
		tsc_hz = measure();
}

bool kvmclock_init(void)
{
	if (cpuid(0x40000000, 0).ebx != 0x4b4d564b || !(cpuid(0x40000001, 0).eax & 1 << 3))
		return false;
	wrmsr(MSR_KVM_SYSTEM_TIME, (uint64_t)&pv | 1);
	return WAIT(pv.version && !(pv.version & 1) && pv.mul);
}

uint64_t kvmclock_ns(void)
{
	uint32_t version;
	uint64_t ns;

	do {
		uint64_t delta;

		version = pv.version;
		__asm__ volatile("" ::: "memory");
		delta = rdtsc() - pv.tsc;
		delta = pv.shift < 0 ? delta >> -pv.shift : delta << pv.shift;
		ns = pv.system_ns + (uint64_t)((unsigned __int128)delta * pv.mul >> 32);
		__asm__ volatile("" ::: "memory");
	} while ((version & 1) || version != pv.version);
	return ns;
}
