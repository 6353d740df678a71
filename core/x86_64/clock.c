/* SPDX-License-Identifier: Apache-2.0 */
/* Time since boot from the TSC (SDM 3B 18.17, 19.7.3). Any CPU reads; the rate is set once on the boot CPU.
 * Until the rate is known the time stands at zero. */
#include "clock_impl.h"
#include "cpu.h"
#include "insn.h"
#include "percpu.h"
#include <core/arch.h>
#include <core/arith.h>
#include <core/log.h>
#include <core/panic.h>

#define HYPERVISOR_LEAF 0x40000000u
#define HYPERVISOR_TIMING_LEAF 0x40000010u

static struct {
	uint64_t base;      /* TSC at time zero */
	uint64_t hz;
	uint64_t ns_per_tick; /* fixed point, 32 fraction bits; ns = ticks * this >> 32 */
	const char *source;
} tsc;

static void clock_set_hz(uint64_t hz, const char *source)
{
	tsc.ns_per_tick = (NS_PER_S << 32) / hz; /* 10^9 << 32 fits 62 bits */
	tsc.source = source;
	tsc.hz = hz;
}

/* CPUID 15H gives the ratio to a crystal and, on newer CPUs, the crystal's rate; a hypervisor may give kHz. */
static uint64_t clock_cpuid_hz(const char **source)
{
	struct cpuid r;

	if (insn_cpuid(0, 0).a >= 0x15) {
		r = insn_cpuid(0x15, 0);
		if (r.a && r.b && r.c) {
			*source = "CPUID";
			return (uint64_t)r.c * r.b / r.a;
		}
	}
	if (cpu_features.hypervisor && insn_cpuid(HYPERVISOR_LEAF, 0).a >= HYPERVISOR_TIMING_LEAF &&
	    insn_cpuid(HYPERVISOR_LEAF, 0).a < HYPERVISOR_LEAF + 0x100) {
		*source = "the hypervisor";
		return insn_cpuid(HYPERVISOR_TIMING_LEAF, 0).a * 1000ull;
	}
	return 0;
}

/* A rate outside of 10 MHz to 20 GHz is a lie of whoever gave it. */
static bool clock_hz_plausible(uint64_t hz)
{
	return hz >= 10000000ull && hz <= 20000000000ull;
}

void clock_early_init(void)
{
	const char *source = "";
	uint64_t hz = clock_cpuid_hz(&source);

	tsc.base = insn_rdtsc_ordered();
	if (clock_hz_plausible(hz))
		clock_set_hz(hz, source);
}

void clock_init(void)
{
	if (!tsc.hz) {
		const char *source = "";
		uint64_t hz = clock_measure_hz(&source);

		/* The nominal rate is right to a percent or so: the last resort. */
		if (!clock_hz_plausible(hz) && insn_cpuid(0, 0).a >= 0x16) {
			hz = (insn_cpuid(0x16, 0).a & 0xffff) * 1000000ull;
			source = "the CPU's nominal rate";
		}
		if (!clock_hz_plausible(hz))
			panic("clock: no timer to measure the TSC with (ACPI PM timer, HPET and PIT are absent or stand still)");
		clock_set_hz(hz, source);
	}
	log_info("clock", "TSC at %llu kHz, by %s%s", (unsigned long long)(tsc.hz / 1000), tsc.source,
		 cpu_features.invariant_tsc ? "" : "; the CPU does not promise a constant rate");
}

uint64_t hal_counter(void)
{
	return insn_rdtsc_ordered() + (uint64_t)this_cpu()->tsc_offset;
}

uint64_t hal_counter_hz(void)
{
	return tsc.hz;
}

uint64_t hal_clock_ns(void)
{
	int64_t ticks = (int64_t)(hal_counter() - tsc.base);

	if (ticks < 0)
		return 0;
	return (uint64_t)((unsigned __int128)(uint64_t)ticks * tsc.ns_per_tick >> 32);
}

uint64_t clock_counter_at(uint64_t ns)
{
	/* The inverse of hal_clock_ns with the same rounded factor: a deadline never fires before its time. */
	unsigned __int128 ticks = ((unsigned __int128)ns << 32) / tsc.ns_per_tick + 1;
	uint64_t t;

	if (ticks > UINT64_MAX / 2)
		ticks = UINT64_MAX / 2;
	t = tsc.base + (uint64_t)ticks - (uint64_t)this_cpu()->tsc_offset;
	return t ? t : 1;
}

void clock_delay_ns(uint64_t ns)
{
	uint64_t start = hal_clock_ns();

	while (hal_clock_ns() - start < ns)
		arch_relax();
}
