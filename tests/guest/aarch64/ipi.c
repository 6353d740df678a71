/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts between CPUs: every way to name the receivers of an SGI, storms, sleepers, order by priority; CPUs that are turned off and on
 * by PSCI. CPU 0 sends; the others count what comes, and echo. Wants two to four CPUs. */
#include "lib/guest.h"

enum { SGI_COUNT = 1, SGI_ECHO = 2, SGI_SLEEP = 3, SGI_STORM = 4, SGI_LOW = 5, SGI_HIGH = 6, CYCLES = 20, STORM = 400 };
static volatile unsigned counts[MAX_CPUS], echoes, beats[MAX_CPUS], sleeps[MAX_CPUS], storms[MAX_CPUS];
static volatile unsigned order_n, order[4];
static volatile bool asleep[MAX_CPUS], sleep_now, storm_now, storm_done[MAX_CPUS], leave;
static unsigned ncpus;

static void on_count(unsigned sgi)
{
	(void)sgi;
	__atomic_fetch_add(&counts[cpu_self()->index], 1, __ATOMIC_SEQ_CST);
}

/* A CPU that is asked sends one back to CPU 0. */
static void on_echo(unsigned sgi)
{
	if (cpu_self()->index == 0)
		echoes++;
	else
		sgi_send(sgi, 1);
}

static void on_sleep(unsigned sgi)
{
	(void)sgi;
	sleeps[cpu_self()->index]++;
}

static void on_storm(unsigned sgi)
{
	(void)sgi;
	storms[cpu_self()->index]++;
}

static void on_order(unsigned sgi)
{
	if (order_n < 4)
		order[order_n++] = sgi;
}

static void storm(unsigned index)
{
	irq_on();
	for (unsigned i = 0; i < STORM; i++)
		sgi_send_others(SGI_STORM);
	irq_off();
	storm_done[index] = true;
}

/* What the others do: count beats with interrupts on, sleep when told, leave when told. */
static void other(unsigned index)
{
	irq_on();
	while (!leave) {
		beats[index]++;
		if (sleep_now) {
			irq_off();
			asleep[index] = true;
			halt_once();
			asleep[index] = false;
			irq_on();
		}
		if (storm_now && !storm_done[index]) {
			storm(index);
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
		counts[i] = 0;
	memory_barrier();
}

/* After the send: exactly one at each CPU of the mask. */
static void expect(const char *name, unsigned mask)
{
	bool all = true;

	for (unsigned i = 0; i < ncpus; i++)
		all &= counted(i, mask >> i & 1);
	for (unsigned i = 0; i < 50; i++)
		irq_window();
	for (unsigned i = 0; i < ncpus; i++)
		all &= counts[i] == (mask >> i & 1);
	ok(all, "%s", name);
	if (!all)
		note("came: %u %u %u %u", counts[0], counts[1], counts[2], counts[3]);
}

static void send_raw(uint64_t v)
{
	zero();
	SYS_WRITE("icc_sgi1r_el1", v);
}

#define RAW(sgi) ((uint64_t)(sgi) << 24)

static void check_targets(void)
{
	unsigned everyone = (1u << ncpus) - 1;
	char to[] = "to CPU 0";

	for (unsigned i = 0; i < ncpus; i++) {
		to[7] = (char)('0' + i);
		send_raw(RAW(SGI_COUNT) | 1u << i);
		expect(to, 1u << i);
	}
	send_raw(RAW(SGI_COUNT) | everyone);
	expect("to all by their list", everyone);
	send_raw(RAW(SGI_COUNT) | 1ull << 40);
	expect("to all but itself", everyone & ~1u);
	send_raw(RAW(SGI_COUNT) | 1ull << 40 | 0xffff);
	expect("to all but itself, with a list that does not count", everyone & ~1u);
	send_raw(RAW(SGI_COUNT) | 0xffff);
	expect("to sixteen, most of whom are not there", everyone);
	send_raw(RAW(SGI_COUNT));
	expect("to nobody", 0);
	send_raw(RAW(SGI_COUNT) | 1u << (ncpus + 3));
	expect("to a CPU that is not there", 0);
	send_raw(RAW(SGI_COUNT) | 1ull << 16 | everyone);
	expect("to another cluster (Aff1)", 0);
	send_raw(RAW(SGI_COUNT) | 1ull << 32 | everyone);
	expect("to another cluster (Aff2)", 0);
	send_raw(RAW(SGI_COUNT) | 1ull << 48 | everyone);
	expect("to another cluster (Aff3)", 0);
	send_raw(RAW(SGI_COUNT) | 0xf000000000000000 | 2);
	expect("with bits that mean nothing", 2 & everyone);
}

/* Three while masked are one: an SGI is pending or not. */
static void check_masked(void)
{
	zero();
	for (unsigned i = 0; i < 3; i++)
		sgi_send(SGI_COUNT, 1);
	ok(WAIT(gic_bit(SGI_COUNT, GICD_ISPENDR)) && counts[0] == 0, "masked, it waits");
	for (unsigned i = 0; i < 20; i++)
		irq_window();
	ok_eq(counts[0], 1, "and three are one");
	ok(!gic_bit(SGI_COUNT, GICD_ISPENDR), "then nothing waits");
	sgi_send(SGI_COUNT, 1);
	gic_set_bit(SGI_COUNT, GICD_ICPENDR);
	irq_window();
	ok_eq(counts[0], 1, "one that is taken back does not come");
	gic_set_bit(SGI_COUNT, GICD_ISPENDR);
	(void)WAIT((irq_window(), counts[0] == 2));
	ok_eq(counts[0], 2, "one can be made pending by its register");
	irq_disable(SGI_COUNT);
	sgi_send(SGI_COUNT, 1);
	for (unsigned i = 0; i < 20; i++)
		irq_window();
	ok_eq(counts[0], 2, "disabled, it waits");
	irq_enable(SGI_COUNT);
	ok(counted(0, 3), "enabled, it comes");
}

static void check_echo(void)
{
	bool all = true;

	for (unsigned round = 0; round < 100; round++)
		for (unsigned i = 1; i < ncpus; i++) {
			unsigned before = echoes;

			sgi_send(SGI_ECHO, 1u << i);
			all &= WAIT((irq_window(), echoes == before + 1));
		}
	ok(all, "100 rounds there and back with each");
}

/* Sleepers miss no wake-up. */
static void check_sleep(void)
{
	bool all = true;

	sleep_now = true;
	for (unsigned round = 0; round < 50; round++)
		for (unsigned i = 1; i < ncpus; i++) {
			unsigned before = sleeps[i];

			all &= WAIT(asleep[i]);
			sgi_send(SGI_SLEEP, 1u << i);
			all &= WAIT(sleeps[i] == before + 1);
		}
	sleep_now = false;
	memory_barrier();
	sgi_send_others(SGI_SLEEP);
	for (unsigned i = 1; i < ncpus; i++)
		all &= WAIT(!asleep[i]);
	ok(all, "50 wake-ups from WFI each");
}

/* Everybody to everybody else, all at once. */
static void check_storm(void)
{
	bool all = true;
	unsigned quiet[MAX_CPUS];

	storm_now = true;
	storm(0);
	for (unsigned i = 1; i < ncpus; i++)
		all &= WAIT(storm_done[i]);
	ok(all, "a storm of %u from each to all others ends", STORM);
	for (unsigned i = 0; i < ncpus; i++)
		all &= WAIT((irq_window(), storms[i] > 0)) && storms[i] <= STORM * (ncpus - 1);
	ok(all || ncpus == 1, "each got some, and none more than were sent");
	note("came: %u %u %u %u", storms[0], storms[1], storms[2], storms[3]);
	for (unsigned i = 0; i < 200; i++)
		irq_window();
	for (unsigned i = 0; i < ncpus; i++)
		quiet[i] = storms[i];
	for (unsigned i = 0; i < 200; i++)
		irq_window();
	for (unsigned i = 0; i < ncpus; i++)
		all &= quiet[i] == storms[i];
	ok(all, "and then it is quiet");
}

static void check_order(void)
{
	order_n = 0;
	gic_priority(SGI_LOW, 0xc0);
	gic_priority(SGI_HIGH, 0x40);
	sgi_send(SGI_LOW, 1);
	sgi_send(SGI_HIGH, 1);
	(void)WAIT((irq_window(), order_n == 2));
	ok(order[0] == SGI_HIGH && order[1] == SGI_LOW, "the higher priority comes first");
	order_n = 0;
	SYS_WRITE("icc_pmr_el1", 0x80);
	sgi_send(SGI_LOW, 1);
	sgi_send(SGI_HIGH, 1);
	(void)WAIT((irq_window(), order_n >= 1));
	for (unsigned i = 0; i < 20; i++)
		irq_window();
	ok(order_n == 1 && order[0] == SGI_HIGH && gic_bit(SGI_LOW, GICD_ISPENDR), "the priority mask holds the lower one back");
	irq_on();
	SYS_WRITE("icc_pmr_el1", 0xff);
	ok(WAIT(order_n == 2), "until it rises");
	irq_off();
	gic_priority(SGI_LOW, PRIORITY_USUAL);
	gic_priority(SGI_HIGH, PRIORITY_USUAL);
	order_n = 0;
	sgi_send(SGI_HIGH, 1);
	sgi_send(SGI_LOW, 1);
	(void)WAIT((irq_window(), order_n == 2));
	ok_eq(order_n, 2, "two of one priority both come");
}

/* ---- off and on */
static volatile bool ran[MAX_CPUS];

static void come_and_go(unsigned index)
{
	ran[index] = true;
}

static void check_entry(unsigned i)
{
	const struct cpu *c = cpu_of(i);

	ok(!(c->entry_sctlr & 5), "CPU %u came with MMU and caches off", i);
	ok_eq(c->entry_daif, 0x3c0, "with exceptions masked");
}

static void check_cycles(void)
{
	leave = true;
	memory_barrier();
	for (unsigned i = 1; i < ncpus; i++)
		ok(WAIT(cpu_is_off(i)), "CPU %u turns itself off", i);
	for (unsigned i = 1; i < ncpus; i++) {
		unsigned rounds = cpu_of(i)->rounds;
		bool all = true;

		for (unsigned n = 0; n < CYCLES; n++) {
			ran[i] = false;
			sgi_send(SGI_SLEEP, 1u << i); /* to one that is off */
			all &= cpu_start(i, come_and_go) && WAIT(ran[i]) && WAIT(cpu_is_off(i));
		}
		ok(all && cpu_of(i)->rounds == rounds + CYCLES, "CPU %u off and on, %u times", i, CYCLES);
	}
	leave = false;
	for (unsigned i = 1; i < ncpus; i++) {
		unsigned beat = beats[i];

		ok(cpu_start(i, other) && WAIT(beats[i] != beat), "CPU %u works again", i);
		ok_eq((uint64_t)(int64_t)psci(PSCI_CPU_ON, i, (uint64_t)cpu_entry, i), (uint64_t)PSCI_ALREADY_ON, "and cannot be started twice");
		ok_eq((uint64_t)psci(PSCI_AFFINITY_INFO, i, 0, 0), AFFINITY_ON, "and is told to be on");
	}
}

/* All of them at once, started by CPU 0 without waiting. */
static void check_together(void)
{
	bool all = true;

	leave = true;
	memory_barrier();
	for (unsigned i = 1; i < ncpus; i++)
		all &= WAIT(cpu_is_off(i));
	leave = false;
	for (unsigned n = 0; n < 10; n++) {
		for (unsigned i = 1; i < ncpus; i++) {
			ran[i] = false;
			cpu_of(i)->fn = come_and_go;
			memory_barrier();
			all &= psci(PSCI_CPU_ON, i, (uint64_t)cpu_entry, i) == PSCI_OK;
		}
		for (unsigned i = 1; i < ncpus; i++)
			all &= WAIT(ran[i]) && WAIT(cpu_is_off(i));
	}
	ok(all, "all others at once, 10 times");
}

void guest_main(void)
{
	static const irq_fn fns[] = {[SGI_COUNT] = on_count, [SGI_ECHO] = on_echo, [SGI_SLEEP] = on_sleep, [SGI_STORM] = on_storm, [SGI_LOW] = on_order, [SGI_HIGH] = on_order};

	ncpus = cpu_count() > 4 ? 4 : cpu_count();
	for (unsigned i = SGI_COUNT; i <= SGI_HIGH; i++)
		irq_set(i, fns[i]);
	check_entry(0);
	for (unsigned i = 1; i < ncpus; i++) {
		if (!ok(cpu_start(i, other), "CPU %u starts", i))
			return;
		check_entry(i);
	}
	check_targets();
	check_masked();
	check_echo();
	check_sleep();
	check_storm();
	check_order();
	check_cycles();
	check_targets();
	check_echo();
	check_together();
}
