/* SPDX-License-Identifier: Apache-2.0 */
/* Local APIC timer (SDM 3A 11.5.4): one-shot, periodic and TSC-deadline. Own CPU. Counts in guest time, so that it stands still
 * while the VM is paused; one tick before the divider is one nanosecond (LAPIC_TIMER_HZ). Arms nothing itself: the run loop
 * asks for the next deadline and calls expire. */
#include "lapic_internal.h"
#include <core/hal.h>
#include <vmm/ticks.h>

/* A periodic timer is not delivered more often than this, so that a guest cannot keep itself from running. */
#define PERIOD_MIN_NS (20 * NS_PER_US)

static uint64_t guest_ns(const struct lapic *l, uint64_t host_ns)
{
	return host_ns + (uint64_t)l->v->vm->clock_offset_ns;
}

static uint64_t guest_now(const struct lapic *l)
{
	return guest_ns(l, hal_clock_ns());
}

static uint64_t guest_tsc(const struct lapic *l)
{
	return hal_counter() + (uint64_t)l->v->counter_offset;
}

static unsigned timer_mode(const struct lapic *l)
{
	return (l->lvt[LVT_TIMER] >> LVT_MODE_SHIFT) & 3;
}

/* Divide configuration register: bits 3, 1, 0 -> 2, 4, ... 128, 1. */
static unsigned divide_shift(uint32_t tdcr)
{
	return (((tdcr & 3) | (tdcr & 8) >> 1) + 1) & 7;
}

static uint64_t count_ns(const struct lapic *l, uint32_t count)
{
	return (uint64_t)count << divide_shift(l->timer_divide);
}

void lapic_timer_stop(struct lapic *l)
{
	l->timer_start_ns = 0;
	l->timer_deadline_ns = UINT64_MAX;
	l->tsc_deadline = 0;
}

static void fire(struct lapic *l)
{
	uint32_t lvt = l->lvt[LVT_TIMER];

	if (!(lvt & LVT_MASKED))
		lapic_accept(l, lvt & LVT_VECTOR, false);
}

static void count_expire(struct lapic *l, uint64_t now)
{
	uint64_t period = count_ns(l, l->timer_initial);

	if (now < l->timer_deadline_ns)
		return;
	fire(l);
	if (timer_mode(l) != TIMER_PERIODIC || period == 0) {
		l->timer_deadline_ns = UINT64_MAX;
		return;
	}
	/* Periods that were missed are merged into this interrupt; the phase is kept. */
	l->timer_start_ns += (now - l->timer_start_ns) / period * period;
	l->timer_deadline_ns = MAX(l->timer_start_ns + period, now + PERIOD_MIN_NS);
}

static void tsc_expire(struct lapic *l)
{
	if (l->tsc_deadline == 0 || guest_tsc(l) < l->tsc_deadline)
		return;
	l->tsc_deadline = 0;
	fire(l);
}

void lapic_timer_expire(struct vcpu *v, uint64_t now_ns)
{
	struct lapic *l = lapic_of(v);

	if (timer_mode(l) == TIMER_TSC_DEADLINE)
		tsc_expire(l);
	else
		count_expire(l, guest_ns(l, now_ns));
}

static uint64_t tsc_deadline_to_host_ns(const struct lapic *l)
{
	uint64_t now = guest_tsc(l), clock = hal_clock_ns(), host;

	/* When it came: an entry goes by the clock as it was a moment ago, and must find what is over. */
	if (l->tsc_deadline <= now)
		return clock - MIN(clock, ticks_to_ns(now - l->tsc_deadline, hal_counter_hz()));
	/* One more nanosecond so that the interrupt does not come before the counter gets there. */
	if (!add_ok(clock, ticks_to_ns(l->tsc_deadline - now, hal_counter_hz()), &host) || !add_ok(host, 1u, &host))
		return UINT64_MAX;
	return host;
}

/* Converted once: run loop and entries ask several times for what a guest has armed. */
static uint64_t tsc_deadline_host_ns(struct lapic *l)
{
	struct lapic_deadline *d = &l->tsc_host;

	if (l->tsc_deadline == 0)
		return UINT64_MAX;
	if (d->tsc != l->tsc_deadline || d->offset != l->v->counter_offset)
		*d = (struct lapic_deadline){ .tsc = l->tsc_deadline, .offset = l->v->counter_offset, .host_ns = tsc_deadline_to_host_ns(l) };
	return d->host_ns;
}

uint64_t lapic_timer_deadline_ns(struct vcpu *v)
{
	struct lapic *l = lapic_of(v);

	if (l->lvt[LVT_TIMER] & LVT_MASKED)
		return UINT64_MAX;
	if (timer_mode(l) == TIMER_TSC_DEADLINE)
		return tsc_deadline_host_ns(l);
	if (l->timer_deadline_ns == UINT64_MAX)
		return UINT64_MAX;
	return l->timer_deadline_ns - (uint64_t)v->vm->clock_offset_ns;
}

static void start(struct lapic *l, uint64_t now, uint32_t done)
{
	/* May lie before guest time zero: all arithmetic is modulo 2^64. */
	l->timer_start_ns = now - count_ns(l, done);
	l->timer_deadline_ns = now + count_ns(l, l->timer_initial - done);
}

void lapic_timer_initial_write(struct lapic *l, uint32_t v)
{
	if (timer_mode(l) == TIMER_TSC_DEADLINE)
		return; /* SDM 3A 11.5.4.1: ignored */
	l->timer_initial = v;
	if (v == 0)
		lapic_timer_stop(l);
	else
		start(l, guest_now(l), 0);
}

uint32_t lapic_timer_current(struct lapic *l)
{
	uint64_t ticks;

	if (timer_mode(l) == TIMER_TSC_DEADLINE)
		return 0;
	lapic_timer_expire(l->v, hal_clock_ns());
	if (l->timer_deadline_ns == UINT64_MAX || l->timer_initial == 0)
		return 0;
	ticks = (guest_now(l) - l->timer_start_ns) >> divide_shift(l->timer_divide);
	if (timer_mode(l) == TIMER_PERIODIC)
		ticks %= l->timer_initial;
	return ticks >= l->timer_initial ? 0 : l->timer_initial - (uint32_t)ticks;
}

void lapic_timer_divide_write(struct lapic *l, uint32_t v)
{
	uint32_t left = lapic_timer_current(l);

	l->timer_divide = v & 0xb;
	if (left > 0) /* running: the rest of the count goes on at the new rate */
		start(l, guest_now(l), l->timer_initial - left);
}

void lapic_timer_lvt_write(struct lapic *l, uint32_t v)
{
	unsigned old = timer_mode(l), new = (v >> LVT_MODE_SHIFT) & 3;

	/* What was due before this write came under the old entry. */
	lapic_timer_expire(l->v, hal_clock_ns());
	if ((old == TIMER_TSC_DEADLINE) != (new == TIMER_TSC_DEADLINE))
		lapic_timer_stop(l); /* SDM 3A 11.5.4.1: a change of mode disarms */
	l->lvt[LVT_TIMER] = v;
}

void lapic_timer_tsc_write(struct lapic *l, uint64_t v)
{
	if (timer_mode(l) == TIMER_TSC_DEADLINE)
		l->tsc_deadline = v;
}

uint64_t lapic_timer_tsc_read(struct lapic *l)
{
	if (timer_mode(l) != TIMER_TSC_DEADLINE)
		return 0;
	tsc_expire(l);
	return l->tsc_deadline;
}
