/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks and timers: the APIC timer in its three modes never fires early and fires in the end, clocks never run backwards and agree with
 * one another. How late an interrupt is: the median is told, and judged only with late_us=, where the machine below is known to be idle.
 * steal=1: nothing but that steal time grows, beside another guest that spins. */
#include "lib/guest.h"

enum { VECTOR = 0x42, MSR_TSC = 0x10, MSR_TSC_ADJUST = 0x3b, MSR_KVM_WALL = 0x4b564d00, MSR_KVM_STEAL = 0x4b564d03, PM_HZ = 3579545 };
static volatile unsigned ticks;
static volatile uint64_t tick_tsc, tick_ns;
static volatile uint32_t tick_pm;
static bool kvmclock;

static uint64_t now_ns(void) { return kvmclock ? kvmclock_ns() : 0; }

static void tick(struct frame *f)
{
	(void)f;
	tick_tsc = rdtsc();
	tick_pm = pm_timer();
	tick_ns = now_ns();
	ticks++;
	apic_eoi();
}

static bool fires(unsigned n)
{
	return WAIT((irq_window(), ticks >= n));
}

/* ns at the divider's input; the count is after division. */
static void check_oneshot(uint32_t divide_code, unsigned divide, uint64_t ns)
{
	uint64_t from = now_ns();
	uint32_t pm = pm_timer();

	ticks = 0;
	apic_write(APIC_TIMER_DIVIDE, divide_code);
	apic_write(APIC_LVT_TIMER, TIMER_ONESHOT | VECTOR);
	apic_write(APIC_TIMER_INITIAL, (uint32_t)(ns / divide));
	if (!fires(1)) {
		ok(false, "one-shot of %llu us by %u never fired", (unsigned long long)ns / 1000, divide);
		return;
	}
	/* A PM timer tick is 279 ns, and reading it is not at the same moment. */
	ok(((uint64_t)((tick_pm - pm) & 0xffffff) + 2) * 1000000000 / PM_HZ >= ns && (!kvmclock || tick_ns - from + 100 >= ns),
	   "one-shot of %llu us by %u is not early", (unsigned long long)ns / 1000, divide);
	ok_eq(apic_read(APIC_TIMER_CURRENT), 0, "and its count stands at 0");
}

/* The median of so many one-shots, by the PM timer, in us. */
static void check_lateness(void)
{
	enum { N = 21, NS = 2000000 };
	uint64_t late[N], limit = option_number("late_us", 0);

	apic_write(APIC_TIMER_DIVIDE, 0xb);
	apic_write(APIC_LVT_TIMER, TIMER_ONESHOT | VECTOR);
	for (unsigned i = 0; i < N; i++) {
		uint32_t pm = pm_timer();
		uint64_t us;
		unsigned at = i;

		ticks = 0;
		apic_write(APIC_TIMER_INITIAL, NS);
		if (!fires(1)) {
			ok(false, "one-shot %u of %u never fired", i, N);
			return;
		}
		us = (uint64_t)((tick_pm - pm) & 0xffffff) * 1000000 / PM_HZ;
		us = us > NS / 1000 ? us - NS / 1000 : 0;
		for (; at > 0 && late[at - 1] > us; at--)
			late[at] = late[at - 1];
		late[at] = us;
	}
	note("one-shots of %u us come %llu us late in the median, %llu to %llu", NS / 1000, (unsigned long long)late[N / 2],
	     (unsigned long long)late[0], (unsigned long long)late[N - 1]);
	if (limit)
		ok(late[N / 2] <= limit, "the median one-shot is %llu us late (at most %llu)", (unsigned long long)late[N / 2],
		   (unsigned long long)limit);
}

static void check_counting(void)
{
	uint32_t last, now = 0;
	bool falls = true;

	apic_write(APIC_TIMER_DIVIDE, 0xb);
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR);
	apic_write(APIC_TIMER_INITIAL, 0xffffffff);
	last = apic_read(APIC_TIMER_CURRENT);
	for (unsigned i = 0; i < 100; i++) {
		now = apic_read(APIC_TIMER_CURRENT);
		falls &= now <= last;
		last = now;
	}
	ok(falls && now < 0xffffffff, "the current count falls");
	apic_write(APIC_TIMER_INITIAL, 0);
	ok_eq(apic_read(APIC_TIMER_CURRENT), 0, "an initial count of 0 stops it");
	ticks = 0;
	apic_write(APIC_TIMER_INITIAL, 1000);
	ok(WAIT(apic_read(APIC_TIMER_CURRENT) == 0), "a masked timer counts to its end");
	irq_window();
	ok_eq(ticks, 0, "and is silent");
}

static void check_periodic(void)
{
	enum { N = 20, PERIOD_NS = 2000000 };
	uint64_t from = now_ns(), elapsed;
	uint32_t pm = pm_timer();

	ticks = 0;
	apic_write(APIC_TIMER_DIVIDE, 0xb);
	apic_write(APIC_LVT_TIMER, TIMER_PERIODIC | VECTOR);
	apic_write(APIC_TIMER_INITIAL, PERIOD_NS);
	ok(fires(N), "periodic fires %u times", N);
	elapsed = kvmclock ? tick_ns - from : ((uint64_t)((tick_pm - pm) & 0xffffff) + 2) * 1000000000 / PM_HZ;
	ok(elapsed + 100 >= (uint64_t)N * PERIOD_NS || ticks > N, "not more often than its period allows");
	note("%u interrupts of %u us in %llu us", ticks, PERIOD_NS / 1000, (unsigned long long)elapsed / 1000);
	apic_write(APIC_LVT_TIMER, TIMER_PERIODIC | LVT_MASKED | VECTOR);
	irq_window();
	ticks = 0;
	for (unsigned i = 0; i < 200; i++)
		irq_window();
	ok_eq(ticks, 0, "masked, it is silent");
	apic_write(APIC_TIMER_INITIAL, 0);
	irq_window();
}

static void check_deadline(uint64_t ticks_ahead)
{
	uint64_t deadline = rdtsc() + ticks_ahead;

	ticks = 0;
	apic_write(APIC_LVT_TIMER, TIMER_DEADLINE | VECTOR);
	wrmsr(MSR_TSC_DEADLINE, deadline);
	if (!fires(1)) {
		ok(false, "a deadline %llu ticks ahead never fired", (unsigned long long)ticks_ahead);
		return;
	}
	ok(tick_tsc >= deadline, "a deadline %llu ticks ahead is not early", (unsigned long long)ticks_ahead);
	ok_eq(rdmsr(MSR_TSC_DEADLINE), 0, "and its register is 0 again");
}

static void check_deadlines(void)
{
	static const uint64_t never[] = {1ull << 62, ~0ull, ~0ull >> 1};

	if (!(cpuid(1, 0).ecx & 1 << 24)) {
		skip("no TSC deadline here", "TSC deadline");
		return;
	}
	for (uint64_t ahead = 0; ahead <= tsc_hz / 50; ahead = ahead ? ahead * 8 : 1000)
		check_deadline(ahead);
	wrmsr(MSR_TSC_DEADLINE, 1);
	ticks = 0;
	ok(fires(1), "a deadline in the past fires at once");
	for (unsigned i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		ticks = 0;
		wrmsr(MSR_TSC_DEADLINE, never[i]);
		irq_window();
		ok(ticks == 0 && rdmsr(MSR_TSC_DEADLINE) == never[i], "deadline %llx stays armed", (unsigned long long)never[i]);
	}
	wrmsr(MSR_TSC_DEADLINE, 0);
	ok_eq(rdmsr(MSR_TSC_DEADLINE), 0, "0 disarms");
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + tsc_hz);
	apic_write(APIC_LVT_TIMER, TIMER_ONESHOT | VECTOR);
	ok_eq(rdmsr(MSR_TSC_DEADLINE), 0, "leaving the mode disarms");
}

static void check_kvmclock(void)
{
	uint64_t last, now, pm_ns, tsc_ns, tsc;
	bool rises = true;
	uint32_t pm;

	if (!kvmclock) {
		skip("no kvmclock here", "kvmclock");
		return;
	}
	last = kvmclock_ns();
	for (unsigned i = 0; i < 20000; i++) {
		now = kvmclock_ns();
		rises &= now >= last;
		last = now;
	}
	ok(rises, "kvmclock never runs backwards");
	pm = pm_timer();
	tsc = rdtsc();
	now = kvmclock_ns();
	(void)WAIT(pm_elapsed(pm) > PM_HZ / 10);
	pm_ns = (uint64_t)pm_elapsed(pm) * 1000000000 / PM_HZ;
	tsc_ns = (rdtsc() - tsc) * 1000 / (tsc_hz / 1000000);
	now = kvmclock_ns() - now;
	note("100 ms: PM timer %llu us, kvmclock %llu us, TSC %llu us", (unsigned long long)pm_ns / 1000, (unsigned long long)now / 1000,
	     (unsigned long long)tsc_ns / 1000);
	/* Between the three reads at each end the vCPU may have waited for its CPU, once. */
	ok(now + now / 100 >= 99000000 && tsc_ns + tsc_ns / 100 >= 99000000, "kvmclock, TSC and PM timer tell of the same 100 ms");
}

static void check_tsc_write(void)
{
	uint64_t adjust = rdmsr(MSR_TSC_ADJUST), before = rdtsc(), after;

	if (!on_caisson) {
		skip("not in Caisson", "TSC writes");
		return;
	}
	wrmsr(MSR_TSC_ADJUST, adjust + 1000000000000);
	after = rdtsc();
	ok(after - before >= 1000000000000, "TSC_ADJUST moves the TSC");
	wrmsr(MSR_TSC_ADJUST, adjust);
	ok(rdtsc() < after, "and back");
	wrmsr(MSR_TSC, 5000);
	after = rdtsc();
	ok(after >= 5000 && after < before, "the TSC can be written");
	ok(rdmsr(MSR_TSC_ADJUST) != adjust, "TSC_ADJUST tells of it");
	wrmsr(MSR_TSC_ADJUST, adjust);
	ok(rdtsc() >= before, "TSC_ADJUST undoes it");
}

struct steal { uint64_t ns; uint32_t version, flags; uint8_t preempted, pad[3]; uint32_t rest[11]; };

static void check_pages(void)
{
	static volatile struct steal steal __attribute__((aligned(64)));
	static volatile uint32_t wall[4] __attribute__((aligned(16)));

	if (!kvmclock) {
		skip("no kvmclock here", "steal time and wall clock");
		return;
	}
	wrmsr(MSR_KVM_WALL, (uint64_t)wall);
	ok(WAIT(wall[0] && !(wall[0] & 1)) && wall[1] > 1700000000, "wall clock: %u seconds", wall[1]);
	wrmsr(MSR_KVM_STEAL, (uint64_t)&steal | 1);
	for (unsigned i = 0; i < 100; i++)
		(void)cpuid(0, 0);
	ok(!(steal.version & 1) && steal.ns < 1000000000000, "steal time: %llu ns", (unsigned long long)steal.ns);
	wrmsr(MSR_KVM_STEAL, 0);
	ok_eq(wrmsr_catch(MSR_KVM_STEAL, 0xfffffffffffff001), VEC_GP, "steal time outside of memory is #GP");
	ok_eq(wrmsr_catch(0x4b564d01, (ram_low_end + 4096) | 1), VEC_GP, "a clock page outside of memory is #GP");
}

static void check_steal(void)
{
	static volatile struct steal steal __attribute__((aligned(64)));

	wrmsr(MSR_KVM_STEAL, (uint64_t)&steal | 1);
	(void)cpuid(0, 0);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t before = steal.ns;

		ok(WAIT(((void)cpuid(0, 0), steal.ns > before + 1000000)), "steal time grows: %llu us", (unsigned long long)steal.ns / 1000);
	}
	wrmsr(MSR_KVM_STEAL, 0);
}

static uint8_t rtc(uint8_t reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

static void check_rtc(void)
{
	ok(rtc(0) <= 0x59 && rtc(2) <= 0x59 && rtc(8) >= 1 && rtc(8) <= 0x12 && rtc(9) >= 0x24, "RTC: 20%x-%x-%x", rtc(9), rtc(8), rtc(7));
	ok(!(rtc(0xa) & 0x80), "and no update in progress for ever");
}

void guest_main(void)
{
	static const struct { uint8_t code, by; } dividers[] = {{0xb, 1}, {0, 2}, {1, 4}, {2, 8}, {3, 16}, {8, 32}, {9, 64}, {0xa, 128}};

	trap_set(VECTOR, tick);
	kvmclock = kvmclock_init();
	if (on_caisson)
		ok(kvmclock, "kvmclock is offered");
	if (option_number("steal", 0)) {
		check_steal();
		return;
	}
	for (unsigned i = 0; i < sizeof(dividers) / sizeof(dividers[0]); i++)
		check_oneshot(dividers[i].code, dividers[i].by, 3000000);
	check_oneshot(0xb, 1, 10000);
	check_oneshot(0xb, 1, 50000000);
	check_lateness();
	check_counting();
	check_periodic();
	check_deadlines();
	check_kvmclock();
	check_pages();
	check_rtc();
	check_tsc_write();
}
