/* SPDX-License-Identifier: Apache-2.0 */
/* CPUs, time and interrupts of the fake machine. Atomic where tests with threads get at them. */
#include "fake_impl.h"
#include <core/arith.h>
#include <core/panic.h>
#include <stdatomic.h>

#define FAKE_COUNTER_PER_NS 2 /* not 1, so that mixing up counts and nanoseconds shows */
#define MAX_IRQS 64

unsigned fake_ncpus = 1;
static _Thread_local unsigned this_cpu;
static _Atomic uint64_t now_ns;
static _Atomic uint64_t timers[HAL_MAX_CPUS];
static atomic_uint ipi_counts[HAL_MAX_CPUS];
static atomic_bool ipis[HAL_MAX_CPUS];
static void (*idle_fn)(void *), (*window_fn)(void *);
static void *idle_ctx, *window_ctx;
static bool entropy_fails;

struct irq { hal_irq_fn fn; void *ctx; unsigned cpu; atomic_bool pending; };
static struct irq msis[MAX_IRQS], gsis[16];
static unsigned nmsis;

void fake_cpu_set(unsigned cpu)
{
	BUG_ON(cpu >= fake_ncpus);
	this_cpu = cpu;
}

unsigned hal_cpu_id(void) { return this_cpu; }
unsigned hal_cpu_count(void) { return fake_ncpus; }
uint32_t hal_cpu_hwid(unsigned cpu) { return cpu * 2; }
const char *hal_cpu_model(void) { return "fake CPU"; }

static bool (*fp_guard)(void);

void hal_fp_guard(bool (*fn)(void)) { fp_guard = fn; }
bool fake_fp_wanted(void) { return fp_guard && fp_guard(); }

/* ---- time */

uint64_t hal_clock_ns(void) { return atomic_load(&now_ns); }
uint64_t hal_counter(void) { return atomic_load(&now_ns) * FAKE_COUNTER_PER_NS; }
uint64_t hal_counter_hz(void) { return NS_PER_S * FAKE_COUNTER_PER_NS; }
void fake_clock_advance(uint64_t ns) { atomic_fetch_add(&now_ns, ns); }

void fake_clock_set(uint64_t ns)
{
	BUG_ON(ns < atomic_load(&now_ns)); /* monotonic */
	atomic_store(&now_ns, ns);
}

/* 0 in the array means disarmed, so that it starts out so. */
void hal_timer_arm(uint64_t deadline_ns) { atomic_store(&timers[this_cpu], deadline_ns + 1); }
uint64_t fake_timer_deadline(unsigned cpu) { return atomic_load(&timers[cpu]) - 1; }

/* ---- interrupts */

void hal_ipi_wake(unsigned cpu)
{
	BUG_ON(cpu >= fake_ncpus);
	atomic_fetch_add(&ipi_counts[cpu], 1);
	atomic_store(&ipis[cpu], true);
}

unsigned fake_ipi_count(unsigned cpu) { return atomic_load(&ipi_counts[cpu]); }
bool fake_ipi_pending(unsigned cpu) { return atomic_load(&ipis[cpu]); }

err_t hal_msi_alloc(uint32_t requester, unsigned cpu, hal_irq_fn fn, void *ctx, struct hal_msi *out)
{
	(void)requester;
	if (nmsis == MAX_IRQS)
		return E_NOMEM;
	msis[nmsis].fn = fn;
	msis[nmsis].ctx = ctx;
	msis[nmsis].cpu = cpu;
	*out = (struct hal_msi){ 0xfee00000 | (uint64_t)cpu << 12, nmsis++ };
	return OK;
}

err_t hal_gsi_route(unsigned isa_irq, hal_irq_fn fn, void *ctx)
{
	if (isa_irq >= ARRAY_LEN(gsis))
		return E_NOENT;
	gsis[isa_irq].fn = fn;
	gsis[isa_irq].ctx = ctx;
	return OK;
}

void fake_msi_raise(const struct hal_msi *msi)
{
	BUG_ON(msi->data >= nmsis);
	atomic_store(&msis[msi->data].pending, true);
}

void fake_gsi_raise(unsigned isa_irq)
{
	BUG_ON(isa_irq >= ARRAY_LEN(gsis) || !gsis[isa_irq].fn);
	atomic_store(&gsis[isa_irq].pending, true);
}

static bool irq_deliver(struct irq *irq)
{
	if (!irq->fn || irq->cpu != this_cpu || !atomic_exchange(&irq->pending, false))
		return false;
	irq->fn(irq->ctx);
	return true;
}

/* Handles everything that is pending on this CPU; false when nothing was. */
static bool irqs_deliver(void)
{
	bool any = atomic_exchange(&ipis[this_cpu], false);

	for (unsigned i = 0; i < nmsis; i++)
		any |= irq_deliver(&msis[i]);
	for (unsigned i = 0; i < ARRAY_LEN(gsis); i++)
		any |= irq_deliver(&gsis[i]);
	if (fake_timer_deadline(this_cpu) <= hal_clock_ns()) {
		hal_timer_arm(UINT64_MAX);
		any = true;
	}
	return any;
}

void fake_window_hook(void (*fn)(void *ctx), void *ctx)
{
	window_fn = fn;
	window_ctx = ctx;
}

void fake_idle_hook(void (*fn)(void *ctx), void *ctx)
{
	idle_fn = fn;
	idle_ctx = ctx;
}

void hal_irq_window(void)
{
	BUG_ON(fake_guest_access_open());
	if (window_fn)
		window_fn(window_ctx);
	(void)irqs_deliver();
}

void hal_idle(void)
{
	uint64_t deadline = fake_timer_deadline(this_cpu);

	BUG_ON(fake_guest_access_open());
	if (irqs_deliver())
		return;
	if (idle_fn) {
		idle_fn(idle_ctx);
	} else {
		if (deadline == UINT64_MAX)
			panic("fake: CPU %u idles for ever", this_cpu);
		fake_clock_set(MAX(deadline, hal_clock_ns()));
	}
	(void)irqs_deliver();
}

/* ---- the rest */

void fake_entropy_fail(bool fail)
{
	entropy_fails = fail;
}

err_t hal_entropy(void *dst, size_t len)
{
	static uint64_t state = 0x9e3779b97f4a7c15ull;
	uint8_t *p = dst;

	if (entropy_fails)
		return E_UNSUPPORTED;
	while (len--) {
		state = state * 6364136223846793005ull + 1442695040888963407ull;
		*p++ = (uint8_t)(state >> 56);
	}
	return OK;
}

_Noreturn void hal_reset(void) { panic("fake: reset"); }
_Noreturn void hal_poweroff(void) { panic("fake: power off"); }
_Noreturn void hal_halt(void) { panic("fake: halt"); }
void hal_early_init(void) { }
err_t hal_init(void) { return OK; }
