/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts between CPUs, first with the xAPIC page, then with x2APIC MSRs: every destination form, NMI, INIT and start again,
 * priorities. CPU 0 sends; the others count what comes, and echo. Wants two to four CPUs. */
#include "lib/guest.h"

enum { V_COUNT = 0x50, V_ECHO = 0x51, V_LOW = 0x60, V_HIGH = 0x90, V_SLEEP = 0x52 };
static volatile unsigned counts[MAX_CPUS], nmis[MAX_CPUS], echoes, beats[MAX_CPUS], sleeps[MAX_CPUS];
static volatile unsigned order_n, order[4];
static volatile bool go_x2, at_x2[MAX_CPUS], asleep[MAX_CPUS], sleep_now;
static unsigned ncpus;

static void on_count(struct frame *f)
{
	(void)f;
	__atomic_fetch_add(&counts[cpu_self()->index], 1, __ATOMIC_SEQ_CST);
	apic_eoi();
}

/* A CPU that is asked sends one back to CPU 0. */
static void on_echo(struct frame *f)
{
	(void)f;
	if (cpu_self()->index == 0)
		echoes++;
	else
		apic_ipi(ICR_FIXED | V_ECHO, 0);
	apic_eoi();
}

static void on_sleep(struct frame *f)
{
	(void)f;
	sleeps[cpu_self()->index]++;
	apic_eoi();
}

static void on_nmi(struct frame *f)
{
	(void)f;
	nmis[cpu_self()->index]++;
}

static void on_order(struct frame *f)
{
	if (order_n < 4)
		order[order_n++] = (unsigned)f->vector;
	apic_eoi();
}

/* What the others do: count beats with interrupts on, sleep when told. */
static void other(unsigned index)
{
	irq_on();
	for (;;) {
		beats[index]++;
		if (go_x2 && !at_x2[index]) {
			irq_off();
			apic_enter_x2();
			at_x2[index] = true;
			irq_on();
		}
		if (sleep_now) {
			irq_off();
			asleep[index] = true;
			halt_once();
			asleep[index] = false;
			irq_on();
		}
		pause();
	}
}

static bool counted(unsigned cpu, unsigned n)
{
	return WAIT((irq_window(), counts[cpu] == n));
}

static void zero(void)
{
	for (unsigned i = 0; i < MAX_CPUS; i++)
		counts[i] = nmis[i] = 0;
}

/* Sends, and expects exactly one at each CPU of the mask. */
static void expect(const char *mode, const char *name, uint32_t low, uint32_t dest, unsigned mask)
{
	bool all = true;

	zero();
	apic_ipi(low | V_COUNT, dest);
	for (unsigned i = 0; i < ncpus; i++)
		all &= counted(i, mask >> i & 1);
	ok(all, "%s: %s", mode, name);
	if (!all)
		note("came: %u %u %u %u", counts[0], counts[1], counts[2], counts[3]);
}

static void check_nmi(const char *mode)
{
	bool all = true;

	zero();
	for (unsigned i = 1; i < ncpus; i++)
		apic_ipi(ICR_NMI, i);
	for (unsigned i = 1; i < ncpus; i++)
		all &= WAIT(nmis[i] == 1);
	ok(all, "%s: NMI to each", mode);
	zero();
	apic_ipi(ICR_NMI | ICR_OTHERS, 0);
	all = true;
	for (unsigned i = 1; i < ncpus; i++)
		all &= WAIT(nmis[i] == 1);
	ok(all && nmis[0] == 0, "%s: NMI to all others", mode);
	zero();
	apic_ipi(ICR_NMI, 0);
	ok(WAIT(nmis[0] == 1), "%s: NMI to itself, with interrupts off", mode);
}

static void check_echo(const char *mode)
{
	bool all = true;

	for (unsigned round = 0; round < 100; round++)
		for (unsigned i = 1; i < ncpus; i++) {
			unsigned before = echoes;

			apic_ipi(ICR_FIXED | V_ECHO, i);
			all &= WAIT((irq_window(), echoes == before + 1));
		}
	ok(all, "%s: 100 rounds there and back with each", mode);
}

/* Sleepers miss no wake-up. */
static void check_sleep(const char *mode)
{
	bool all = true;

	sleep_now = true;
	for (unsigned round = 0; round < 50; round++)
		for (unsigned i = 1; i < ncpus; i++) {
			unsigned before = sleeps[i];

			all &= WAIT(asleep[i]);
			apic_ipi(ICR_FIXED | V_SLEEP, i);
			all &= WAIT(sleeps[i] == before + 1);
		}
	sleep_now = false;
	for (unsigned i = 1; i < ncpus; i++)
		apic_ipi(ICR_FIXED | V_SLEEP, i);
	for (unsigned i = 1; i < ncpus; i++)
		all &= WAIT(!asleep[i]);
	ok(all, "%s: 50 wake-ups from HLT each", mode);
}

static void check_destinations(const char *mode, bool x2)
{
	unsigned everyone = (1u << ncpus) - 1;
	char to[] = "physical, CPU 0";

	for (unsigned i = 0; i < ncpus; i++) {
		to[14] = (char)('0' + i);
		expect(mode, to, ICR_FIXED, i, 1u << i);
	}
	expect(mode, "shorthand self", ICR_SELF, 0, 1);
	expect(mode, "shorthand all", ICR_ALL, 0, everyone);
	expect(mode, "shorthand all others", ICR_OTHERS, 0, everyone & ~1u);
	expect(mode, "broadcast address", ICR_FIXED, x2 ? 0xffffffff : 0xff, everyone);
	expect(mode, "nobody's address", ICR_FIXED, ncpus + 3, 0);
	expect(mode, "logical, CPUs 0 and 1", ICR_LOGICAL, 3, 3);
	expect(mode, "logical, nobody", ICR_LOGICAL, x2 ? 0x10001 : 0x80, 0);
}

static void check_lowest(const char *mode)
{
	unsigned sum = 0;

	zero();
	apic_ipi(ICR_LOWEST | ICR_LOGICAL | V_COUNT, (1u << ncpus) - 1);
	(void)WAIT((irq_window(), counts[0] + counts[1] + counts[2] + counts[3] > 0));
	for (unsigned i = 0; i < 1000; i++)
		irq_window();
	for (unsigned i = 0; i < ncpus; i++)
		sum += counts[i];
	ok_eq(sum, 1, "%s: lowest priority goes to one CPU", mode);
}

static bool has_irr(unsigned vector)
{
	return apic_read(APIC_IRR + vector / 32 * 16) >> (vector % 32) & 1;
}

static void check_priority(const char *mode)
{
	order_n = 0;
	apic_ipi(ICR_SELF | V_LOW, 0);
	apic_ipi(ICR_SELF | V_HIGH, 0);
	ok(WAIT(has_irr(V_LOW) && has_irr(V_HIGH)), "%s: both wait in IRR", mode);
	(void)WAIT((irq_window(), order_n == 2));
	ok(order[0] == V_HIGH && order[1] == V_LOW, "%s: the higher vector comes first", mode);
	order_n = 0;
	apic_write(APIC_TPR, 0x80);
	apic_ipi(ICR_SELF | V_LOW, 0);
	apic_ipi(ICR_SELF | V_HIGH, 0);
	(void)WAIT((irq_window(), order_n >= 1));
	ok(order_n == 1 && order[0] == V_HIGH && has_irr(V_LOW), "%s: the task priority holds the lower one back", mode);
	apic_write(APIC_TPR, 0);
	ok(WAIT((irq_window(), order_n == 2)) && order[1] == V_LOW, "%s: until it falls", mode);
	__asm__ volatile("mov %0, %%cr8" : : "r"(15ull));
	order_n = 0;
	apic_ipi(ICR_SELF | V_HIGH, 0);
	irq_window();
	ok(order_n == 0 && has_irr(V_HIGH), "%s: CR8 = 15 holds back all", mode);
	irq_on();
	__asm__ volatile("mov %0, %%cr8" : : "r"(0ull));
	ok(WAIT(order_n == 1), "%s: a falling CR8 lets it through at once", mode);
	irq_off();
}

static void check_errors(const char *mode, bool x2)
{
	if (!on_caisson)
		return;
	apic_write(APIC_ESR, 0);
	apic_ipi(ICR_SELF | 5, 0);
	apic_write(APIC_ESR, 0);
	ok(apic_read(APIC_ESR) & 0x20, "%s: sending vector 5 is an error", mode);
	apic_write(APIC_ESR, 0);
	apic_write(APIC_ESR, 0);
	ok_eq(apic_read(APIC_ESR), 0, "%s: and cleared", mode);
	if (x2) {
		ok_eq(wrmsr_catch(0x802, 1), VEC_GP, "x2APIC: the id is read-only");
		ok_eq(wrmsr_catch(0x80b, 1), VEC_GP, "x2APIC: EOI other than 0 is #GP");
		ok_eq(wrmsr_catch(0x80e, 0), VEC_GP, "x2APIC: no DFR");
		ok_eq(wrmsr_catch(MSR_APIC_BASE, 0xfee00000 | 1 << 11 | 1 << 8), VEC_GP, "x2APIC back to xAPIC is #GP");
	}
}

static void check_restart(void)
{
	for (unsigned i = 1; i < ncpus; i++) {
		unsigned stopped, rounds = cpu_of(i)->rounds;

		cpu_init(i);
		stopped = beats[i];
		for (unsigned spin = 0; spin < 200; spin++)
			(void)cpuid(0, 0);
		(void)WAIT(stopped == beats[i] || (stopped = beats[i], false));
		for (unsigned spin = 0; spin < 2000; spin++)
			(void)cpuid(0, 0);
		ok_eq(beats[i], stopped, "INIT stops CPU %u", i);
		apic_ipi(ICR_NMI, i);
		ok(cpu_start(i, other) && cpu_of(i)->rounds == rounds + 1, "SIPI starts CPU %u again", i);
		stopped = beats[i];
		ok(WAIT(beats[i] != stopped), "and it runs");
	}
}

static void logical_ids(void)
{
	apic_write(APIC_DFR, 0xffffffff);
	apic_write(APIC_LDR, 1u << (24 + cpu_self()->index));
}

static void other_xapic(unsigned index)
{
	logical_ids();
	other(index);
}

static void check_all(const char *mode, bool x2)
{
	check_destinations(mode, x2);
	check_lowest(mode);
	check_nmi(mode);
	check_echo(mode);
	check_sleep(mode);
	check_priority(mode);
	check_errors(mode, x2);
}

void guest_main(void)
{
	extern uint8_t ap_seen, ap_code, ap_string;
	extern volatile uint32_t ap_tpr;

	ncpus = cpu_count() > 4 ? 4 : cpu_count();
	trap_set(V_COUNT, on_count);
	trap_set(V_ECHO, on_echo);
	trap_set(V_SLEEP, on_sleep);
	trap_set(V_LOW, on_order);
	trap_set(V_HIGH, on_order);
	trap_set(VEC_NMI, on_nmi);
	logical_ids();
	for (unsigned i = 1; i < ncpus; i++)
		if (!ok(cpu_start(i, other_xapic), "CPU %u starts", i))
			return;
	ok_eq(*(volatile uint8_t *)(AP_TRAMPOLINE + (&ap_seen - &ap_code)), 0xa5, "IN and OUT in real mode");
	ok_eq(*(volatile uint32_t *)(AP_TRAMPOLINE + (&ap_string - &ap_code)), 0x04040404, "INS and OUTS in real mode");
	ok_eq(ap_tpr, 0x35, "device registers without paging");
	check_all("xAPIC", false);
	check_restart();
	if (!(cpuid(1, 0).ecx & 1 << 21)) {
		skip("no x2APIC here", "x2APIC");
		return;
	}
	go_x2 = true;
	apic_enter_x2();
	for (unsigned i = 1; i < ncpus; i++)
		ok(WAIT(at_x2[i]), "CPU %u enters x2APIC mode", i);
	check_all("x2APIC", true);
	check_restart();
}
