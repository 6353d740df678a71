/* SPDX-License-Identifier: Apache-2.0 */
/* Time since boot from the system counter, which all CPUs share (DDI0487 D12), and this CPU's one-shot timer: at EL2 the hypervisor's physical
 * one, at EL1 the virtual one, since the physical may be somebody else's. Any CPU. */
#include "clock_impl.h"
#include "gic_impl.h"
#include "percpu.h"
#include "platform.h"
#include <core/aarch64/gic.h>
#include <core/arch.h>
#include <core/arith.h>
#include <core/log.h>
#include <core/panic.h>

#define CTL_ENABLE 1ull

static struct {
	uint64_t base; /* counter at time zero */
	uint64_t hz;
	uint64_t ns_per_tick; /* fixed point, 32 fraction bits; ns = ticks * this >> 32 */
} counter;

void clock_early_init(void)
{
	uint64_t hz = SYSREG_READ("CNTFRQ_EL0");

	/* The firmware programs it; architected rates are 1 to 50 MHz, and 1 GHz from Armv8.6 on (D12.1.1). */
	if (hz < 100000 || hz > 10000000000ull)
		panic("clock: the firmware gives the counter's rate as %llu Hz", (unsigned long long)hz);
	counter.ns_per_tick = (NS_PER_S << 32) / hz;
	counter.hz = hz;
	counter.base = hal_counter();
}

uint64_t hal_counter(void)
{
	/* The counter may be read before earlier instructions without it (D12.1.2). */
	isb();
	return el_state.at2 ? SYSREG_READ("CNTPCT_EL0") : SYSREG_READ("CNTVCT_EL0");
}

uint64_t hal_counter_hz(void)
{
	return counter.hz;
}

uint64_t hal_clock_ns(void)
{
	uint64_t ticks = hal_counter() - counter.base;

	return counter.hz ? (uint64_t)((unsigned __int128)ticks * counter.ns_per_tick >> 32) : 0;
}

static uint64_t counter_at(uint64_t ns)
{
	/* The inverse of hal_clock_ns with the same rounded factor: a deadline never fires before its time. */
	unsigned __int128 ticks = ((unsigned __int128)ns << 32) / counter.ns_per_tick + 1;

	return counter.base + (ticks > UINT64_MAX / 2 ? UINT64_MAX / 2 : (uint64_t)ticks);
}

void clock_delay_ns(uint64_t ns)
{
	uint64_t start = hal_clock_ns();

	while (hal_clock_ns() - start < ns)
		arch_relax();
}

static void timer_control(uint64_t v)
{
	if (el_state.at2)
		SYSREG_WRITE("CNTHP_CTL_EL2", v);
	else
		SYSREG_WRITE("CNTV_CTL_EL0", v);
	isb();
}

/* The line is high as long as the condition holds (D12.2.4): off, or it would come again at once. */
static void timer_irq(void *ctx)
{
	(void)ctx;
	timer_control(0);
	this_cpu()->timer_irqs++;
}

err_t clock_timer_setup(void)
{
	timer_control(0);
	return gic_ppi_enable(el_state.at2 ? platform.ppi_timer_el2 : platform.ppi_vtimer, false, timer_irq, NULL);
}

void hal_timer_arm(uint64_t deadline_ns)
{
	if (deadline_ns == UINT64_MAX) {
		timer_control(0);
		return;
	}
	if (el_state.at2)
		SYSREG_WRITE("CNTHP_CVAL_EL2", counter_at(deadline_ns));
	else
		SYSREG_WRITE("CNTV_CVAL_EL0", counter_at(deadline_ns));
	timer_control(CTL_ENABLE);
}
