/* SPDX-License-Identifier: Apache-2.0 */
/* Timers and clocks: the virtual and the physical timer never fire early and fire in the end, can be masked, moved and taken back; the
 * counter never runs backwards, on any CPU, and agrees with the clock of seconds. How late an interrupt is, is not judged: the machine
 * below may be slow. */
#include "lib/guest.h"

enum { CTL_ON = 1, CTL_MASK = 2, CTL_FIRED = 4 };
/* A timer's three registers and its interrupt. */
struct timer {
	const char *name;
	unsigned intid;
	uint64_t (*count)(void), (*ctl)(void), (*cval)(void), (*tval)(void);
	void (*set_ctl)(uint64_t v), (*set_cval)(uint64_t v), (*set_tval)(uint64_t v);
};
#define ACCESSORS(t, counter) \
	static uint64_t t##_count(void) { isb(); return SYS_READ("cnt" counter "ct_el0"); } \
	static uint64_t t##_ctl(void) { isb(); return SYS_READ("cnt" #t "_ctl_el0"); } \
	static uint64_t t##_cval(void) { return SYS_READ("cnt" #t "_cval_el0"); } \
	static uint64_t t##_tval(void) { isb(); return SYS_READ("cnt" #t "_tval_el0"); } \
	static void t##_set_ctl(uint64_t v) { SYS_WRITE("cnt" #t "_ctl_el0", v); } \
	static void t##_set_cval(uint64_t v) { SYS_WRITE("cnt" #t "_cval_el0", v); } \
	static void t##_set_tval(uint64_t v) { SYS_WRITE("cnt" #t "_tval_el0", v); }
ACCESSORS(v, "v")
ACCESSORS(p, "p")
#define TIMER(t, text, id) {text, id, t##_count, t##_ctl, t##_cval, t##_tval, t##_set_ctl, t##_set_cval, t##_set_tval}
static const struct timer timers[] = {TIMER(v, "virtual", INTID_VTIMER), TIMER(p, "physical", INTID_PTIMER)};
static const struct timer *now;

static volatile unsigned ticks, spurious;
static volatile uint64_t tick_at;

/* An interrupt whose timer was moved or taken back when it was on its way already is told from others by the timer's status. */
static void tick(unsigned intid)
{
	(void)intid;
	if (!(now->ctl() & CTL_FIRED)) {
		spurious++;
		return;
	}
	tick_at = now->count();
	ticks++;
	now->set_ctl(0);
}

static bool fires(unsigned n)
{
	return WAIT((irq_window(), ticks >= n));
}

static uint64_t ticks_of(uint64_t us) { return us * clock_hz / 1000000; }

static void check_ahead(uint64_t us)
{
	uint64_t cval = now->count() + ticks_of(us);

	ticks = 0;
	now->set_cval(cval);
	now->set_ctl(CTL_ON);
	if (!fires(1)) {
		ok(false, "%s: %llu us ahead never fired", now->name, (unsigned long long)us);
		return;
	}
	ok(tick_at >= cval, "%s: %llu us ahead is not early", now->name, (unsigned long long)us);
	for (unsigned i = 0; i < 10; i++)
		irq_window();
	ok_eq(ticks, 1, "%s: and comes once", now->name);
}

static void check_asleep(uint64_t us)
{
	uint64_t cval = now->count() + ticks_of(us);

	ticks = 0;
	now->set_cval(cval);
	now->set_ctl(CTL_ON);
	(void)WAIT((halt_once(), ticks == 1));
	ok(ticks == 1 && tick_at >= cval, "%s: WFI for %llu us", now->name, (unsigned long long)us);
}

static void check_registers(void)
{
	uint64_t left;

	now->set_ctl(0);
	now->set_cval(0x123456789abcdef0);
	ok_eq(now->cval(), 0x123456789abcdef0, "%s: the compare value keeps 64 bits", now->name);
	now->set_tval(clock_hz);
	left = now->cval() - now->count();
	ok(left <= clock_hz && now->tval() <= clock_hz, "%s: a timer value is relative", now->name);
	now->set_tval(0xffffffff80000000);
	ok(now->cval() < now->count() || now->cval() > 1ull << 63, "%s: and signed, of 32 bits", now->name);
	now->set_cval(1);
	now->set_ctl(CTL_ON | CTL_MASK);
	ok_eq(now->ctl(), CTL_ON | CTL_MASK | CTL_FIRED, "%s: a value in the past has fired", now->name);
	now->set_cval(~0ull);
	ok_eq(now->ctl(), CTL_ON | CTL_MASK, "%s: one at the end of time has not", now->name);
	now->set_ctl(0);
}

static void check_mask(void)
{
	ticks = 0;
	now->set_cval(now->count());
	now->set_ctl(CTL_ON | CTL_MASK);
	(void)WAIT(now->ctl() & CTL_FIRED);
	for (unsigned i = 0; i < 100; i++)
		irq_window();
	ok_eq(ticks, 0, "%s: masked, it fires and is silent", now->name);
	now->set_ctl(CTL_ON);
	ok(fires(1), "%s: unmasked, it interrupts", now->name);
}

static void check_cancel(void)
{
	uint64_t from = now->count();

	ticks = 0;
	now->set_cval(from + ticks_of(300));
	now->set_ctl(CTL_ON);
	now->set_cval(~0ull);
	(void)WAIT(now->count() > from + ticks_of(3000));
	for (unsigned i = 0; i < 1000; i++)
		irq_window();
	ok_eq(ticks, 0, "%s: moved to the end of time, it does not come", now->name);
	now->set_cval(now->count());
	/* Pending now, and taken back before interrupts are on. */
	(void)WAIT(gic_bit(now->intid, GICD_ISPENDR));
	ok(gic_bit(now->intid, GICD_ISPENDR), "%s: pending in the interrupt controller", now->name);
	now->set_ctl(0);
	ok(WAIT(!gic_bit(now->intid, GICD_ISPENDR)), "%s: and not when it is off", now->name);
	irq_window();
	ok_eq(ticks, 0, "%s: nor is it taken", now->name);
	now->set_cval(now->count());
	now->set_ctl(CTL_ON);
	now->set_cval(now->count() + ticks_of(1000));
	ok(fires(1) && tick_at >= now->cval(), "%s: moved ahead while pending, it comes then", now->name);
}

static volatile bool again;
static volatile uint64_t period, late;

static void tick_again(unsigned intid)
{
	(void)intid;
	if (now->count() < now->cval())
		late++; /* early, that is */
	ticks++;
	now->set_cval(now->cval() + period);
	if (!again)
		now->set_ctl(0);
}

static void check_periodic(void)
{
	enum { N = 20, PERIOD_US = 2000 };
	uint64_t from = now->count();

	irq_set(now->intid, tick_again);
	period = ticks_of(PERIOD_US);
	again = true;
	ticks = 0;
	late = 0;
	now->set_cval(from + period);
	now->set_ctl(CTL_ON);
	ok(fires(N) && late == 0, "%s: moved on from its interrupt, it fires %u times, none early", now->name, N);
	ok(now->count() - from >= ticks * period, "%s: and not more often than its period allows", now->name);
	note("%u interrupts of %u us in %llu us", ticks, PERIOD_US, (unsigned long long)((now->count() - from) * 1000000 / clock_hz));
	again = false;
	now->set_ctl(0);
	irq_set(now->intid, tick);
}

/* Disabled in the interrupt controller, or below its priority mask. */
static void check_controller(void)
{
	irq_disable(now->intid);
	ticks = 0;
	now->set_cval(now->count());
	now->set_ctl(CTL_ON);
	for (unsigned i = 0; i < 100; i++)
		irq_window();
	ok_eq(ticks, 0, "%s: disabled in the interrupt controller it is silent", now->name);
	irq_enable(now->intid);
	ok(fires(1), "%s: enabled, it comes", now->name);
	SYS_WRITE("icc_pmr_el1", PRIORITY_USUAL);
	ticks = 0;
	now->set_ctl(CTL_ON);
	for (unsigned i = 0; i < 100; i++)
		irq_window();
	ok_eq(ticks, 0, "%s: the priority mask holds it back", now->name);
	SYS_WRITE("icc_pmr_el1", 0xff);
	ok(fires(1), "%s: until it rises", now->name);
}

static void check_timer(const struct timer *t)
{
	now = t;
	irq_set(t->intid, tick);
	irq_enable(t->intid);
	for (uint64_t us = 0; us <= 50000; us = us ? us * 6 : 40)
		check_ahead(us);
	check_asleep(0);
	check_asleep(100);
	check_asleep(20000);
	check_registers();
	check_mask();
	check_cancel();
	check_periodic();
	check_controller();
	irq_disable(t->intid);
}

/* Both at once, at different times. */
static volatile uint64_t v_at, p_at;
static void tick_both(unsigned intid)
{
	if (intid == INTID_VTIMER) {
		v_at = v_count();
		v_set_ctl(0);
	} else {
		p_at = p_count();
		p_set_ctl(0);
	}
}

static void check_both(void)
{
	uint64_t v_due = v_count() + ticks_of(2000), p_due = p_count() + ticks_of(1000);

	irq_set(INTID_VTIMER, tick_both);
	irq_set(INTID_PTIMER, tick_both);
	irq_enable(INTID_VTIMER);
	irq_enable(INTID_PTIMER);
	v_set_cval(v_due);
	p_set_cval(p_due);
	v_set_ctl(CTL_ON);
	p_set_ctl(CTL_ON);
	ok(WAIT((halt_once(), v_at && p_at)) && v_at >= v_due && p_at >= p_due, "both timers at once");
	irq_disable(INTID_VTIMER);
	irq_disable(INTID_PTIMER);
}

static void check_counter(void)
{
	uint64_t last = clock_now(), from, physical;
	uint32_t seconds = read32(RTC);
	bool rises = true;

	for (unsigned i = 0; i < 20000; i++) {
		uint64_t c = clock_now();

		rises &= c >= last;
		last = c;
	}
	ok(rises, "the counter never runs backwards");
	ok(WAIT(read32(RTC) != seconds), "the clock of seconds moves");
	from = v_count();
	physical = p_count();
	seconds = read32(RTC);
	(void)WAIT(read32(RTC) != seconds);
	from = v_count() - from;
	physical = p_count() - physical;
	note("one second: %llu us by the virtual counter, %llu us by the physical one", (unsigned long long)(from * 1000000 / clock_hz),
	     (unsigned long long)(physical * 1000000 / clock_hz));
	ok(from > clock_hz / 2 && from < 20 * clock_hz && physical > clock_hz / 2, "counters and the clock of seconds tell of the same second");
}

/* Passed to and fro, time does not fall. */
static volatile uint64_t passed;
static volatile unsigned turn, backwards;
enum { TURNS = 400 };

static void pass(unsigned index)
{
	while (turn < TURNS) {
		if (turn % 2 != index) {
			pause();
			continue;
		}
		memory_barrier();
		backwards += clock_now() < passed;
		passed = clock_now();
		memory_barrier();
		turn = turn + 1;
	}
}

static void check_counters(void)
{
	if (cpu_count() < 2 || !ok(cpu_start(1, pass), "CPU 1 starts"))
		return;
	pass(0);
	ok_eq(backwards, 0, "time passed between CPUs %u times never falls", TURNS);
}

void guest_main(void)
{
	note("the counters run at %llu Hz", (unsigned long long)clock_hz);
	for (unsigned i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
		check_timer(&timers[i]);
	check_both();
	check_counter();
	check_counters();
	note("%u spurious interrupts", spurious);
}
