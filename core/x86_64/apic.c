/* SPDX-License-Identifier: Apache-2.0 */
/* The local APIC (SDM 3A chapter 11; APM 2 chapter 16): mode, end of interrupt, interrupts between CPUs, and the
 * one-shot timer by TSC deadline or by count. Each CPU touches only its own. */
#include "apic.h"
#include "clock_impl.h"
#include "cpu.h"
#include "insn.h"
#include "irq.h"
#include "percpu.h"
#include <core/arch.h>
#include <core/arith.h>
#include <core/hal.h>
#include <core/log.h>
#include <core/panic.h>

enum {
	REG_ID = 0x20, REG_TPR = 0x80, REG_EOI = 0xb0, REG_SPURIOUS = 0xf0, REG_ESR = 0x280, REG_ICR = 0x300,
	REG_ICR_HIGH = 0x310, REG_LVT_TIMER = 0x320, REG_LVT_THERMAL = 0x330, REG_LVT_PERF = 0x340,
	REG_LVT_LINT0 = 0x350, REG_LVT_LINT1 = 0x360, REG_LVT_ERROR = 0x370, REG_TIMER_INIT = 0x380,
	REG_TIMER_NOW = 0x390, REG_TIMER_DIVIDE = 0x3e0,
};
#define BASE_ENABLE (1u << 11)
#define BASE_X2APIC (1u << 10)
#define SPURIOUS_ENABLE 0x100u
#define LVT_MASKED (1u << 16)
#define LVT_NMI (4u << 8)
#define LVT_DEADLINE (2u << 17)
#define ICR_NMI (4u << 8)
#define ICR_INIT (5u << 8)
#define ICR_STARTUP (6u << 8)
#define ICR_PENDING (1u << 12)
#define ICR_ASSERT (1u << 14)
#define DIVIDE_BY_1 0xbu

#define CALIBRATE_NS NS_PER_MS /* by the TSC, whose ticks are finer still */
#define ICR_SPINS 1000000
#define SAMPLE_TRIES 16

static struct {
	bool ready, x2, deadline;
	volatile uint32_t *regs;
	uint64_t timer_scale; /* count mode: 2^32 times its counts in a nanosecond */
} apic;

static uint32_t apic_read(unsigned reg)
{
	return apic.x2 ? (uint32_t)insn_rdmsr(MSR_X2APIC + reg / 16) : apic.regs[reg / 4];
}

static void apic_write(unsigned reg, uint32_t v)
{
	if (apic.x2)
		insn_wrmsr(MSR_X2APIC + reg / 16, v);
	else
		apic.regs[reg / 4] = v;
}

err_t apic_init(uint64_t mmio)
{
	volatile void *regs;
	err_t e;

	/* In x2APIC mode already: the firmware saw ids above 254 or locked it, so the CPU has it. */
	apic.x2 = cpu_features.x2apic || (insn_rdmsr(MSR_APIC_BASE) & BASE_X2APIC);
	apic.deadline = cpu_features.tsc_deadline;
	if (!apic.x2) {
		e = hal_map_device(HPA(mmio), PAGE_SIZE, HAL_MAP_RW | HAL_MAP_UC, &regs);
		if (e != OK)
			return e;
		apic.regs = (volatile uint32_t *)regs;
	}
	apic.ready = true;
	return OK;
}

void apic_setup(void)
{
	uint64_t base = insn_rdmsr(MSR_APIC_BASE) | BASE_ENABLE;

	/* Enabled first, then x2APIC: the direct step from disabled is not allowed (SDM 3A 11.12.5). */
	insn_wrmsr(MSR_APIC_BASE, base);
	if (apic.x2)
		insn_wrmsr(MSR_APIC_BASE, base | BASE_X2APIC);
	apic_write(REG_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
	apic_write(REG_TPR, 0);
	apic_write(REG_LVT_TIMER, LVT_MASKED);
	apic_write(REG_LVT_LINT0, LVT_MASKED);
	/* LINT1 is where chipsets signal NMI, on all CPUs of a PC. */
	apic_write(REG_LVT_LINT1, LVT_NMI);
	apic_write(REG_LVT_ERROR, LVT_MASKED);
	apic_write(REG_LVT_PERF, LVT_MASKED);
	apic_write(REG_ESR, 0);
	/* The firmware may have left an interrupt in service; there are at most 256. */
	for (unsigned i = 0; i < 256; i++)
		apic_eoi();
}

uint32_t apic_id(void)
{
	uint32_t v = apic_read(REG_ID);

	return apic.x2 ? v : v >> 24;
}

void apic_eoi(void)
{
	apic_write(REG_EOI, 0);
}

static void apic_icr(uint32_t dest, uint32_t low)
{
	if (!apic.ready)
		return;
	if (apic.x2) {
		/* WRMSR to the x2APIC does not wait for earlier stores (SDM 3A 11.12.3); the receiver must see them. */
		__asm__ volatile("mfence; lfence" : : : "memory");
		insn_wrmsr(MSR_X2APIC + REG_ICR / 16, (uint64_t)dest << 32 | low);
		return;
	}
	apic.regs[REG_ICR_HIGH / 4] = dest << 24;
	apic.regs[REG_ICR / 4] = low;
	for (unsigned i = 0; i < ICR_SPINS && (apic.regs[REG_ICR / 4] & ICR_PENDING); i++)
		arch_relax();
}

void apic_send(uint32_t id, unsigned vector)
{
	apic_icr(id, ICR_ASSERT | vector);
}

void apic_send_nmi(uint32_t id)
{
	apic_icr(id, ICR_ASSERT | ICR_NMI);
}

void apic_send_init(uint32_t id)
{
	apic_icr(id, ICR_ASSERT | ICR_INIT);
}

void apic_send_startup(uint32_t id, unsigned page)
{
	apic_icr(id, ICR_ASSERT | ICR_STARTUP | page);
}

/* ---- timer */

/* The timer's count and the time of reading it: the tightest of a few readings (see clock_measure.c). */
static uint32_t timer_sample(uint64_t *ns)
{
	uint64_t width = UINT64_MAX;
	uint32_t count = 0;

	for (unsigned i = 0; i < SAMPLE_TRIES; i++) {
		uint64_t before = hal_clock_ns(), after;
		uint32_t now = apic_read(REG_TIMER_NOW);

		after = hal_clock_ns();
		if (after - before < width) {
			width = after - before;
			*ns = before + width / 2;
			count = now;
		}
	}
	return count;
}

void apic_timer_calibrate(void)
{
	uint64_t start, end;
	uint32_t first, last;

	if (apic.deadline)
		return;
	apic_write(REG_TIMER_DIVIDE, DIVIDE_BY_1);
	apic_write(REG_TIMER_INIT, UINT32_MAX);
	first = timer_sample(&start);
	clock_delay_ns(CALIBRATE_NS);
	last = timer_sample(&end);
	apic_write(REG_TIMER_INIT, 0);
	if (first <= last || end <= start)
		panic("apic: the timer does not count");
	apic.timer_scale = ((uint64_t)(first - last) << 32) / (end - start);
	log_info("apic", "timer counts at %llu kHz", (unsigned long long)((uint64_t)(first - last) * (NS_PER_S / 1000) / (end - start)));
}

void apic_timer_setup(void)
{
	apic_write(REG_TIMER_DIVIDE, DIVIDE_BY_1);
	apic_write(REG_LVT_TIMER, VECTOR_TIMER | (apic.deadline ? LVT_DEADLINE : 0));
	/* The mode switch must be done before the first deadline is written (SDM 3A 11.5.4.1). */
	__asm__ volatile("mfence" : : : "memory");
}

static void timer_arm_count(uint64_t deadline_ns)
{
	uint64_t now = hal_clock_ns(), count = 1;

	if (deadline_ns == UINT64_MAX) {
		apic_write(REG_TIMER_INIT, 0);
		return;
	}
	/* A deadline beyond the counter's range fires early; the loop looks at the clock and arms again. */
	if (deadline_ns > now) {
		unsigned __int128 t = ((unsigned __int128)(deadline_ns - now) * apic.timer_scale >> 32) + 1;

		count = t > UINT32_MAX ? UINT32_MAX : (uint64_t)t;
	}
	apic_write(REG_TIMER_INIT, (uint32_t)count);
}

void hal_timer_arm(uint64_t deadline_ns)
{
	if (!apic.deadline)
		timer_arm_count(deadline_ns);
	else if (deadline_ns == UINT64_MAX)
		insn_wrmsr(MSR_TSC_DEADLINE, 0);
	else
		insn_wrmsr(MSR_TSC_DEADLINE, clock_counter_at(deadline_ns));
}
