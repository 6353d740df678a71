/* SPDX-License-Identifier: Apache-2.0 */
/* How long an IPI takes from one vCPU to another on another CPU: one program for Caisson and for Linux with KVM. CPU 0 reads the TSC, sends,
 * and reads it again when it sees what CPU 1's handler has written; CPU 1 spins, or sleeps in HLT. Time, not instructions: the machine runs
 * without icount, each of its CPUs is a thread of its own, and what is told is a distribution, in ticks, and what a tick is by KVM's clock. */
#include "lib/guest.h"

#define ROUNDS 4000
#define WARM_ROUNDS 20         /* before them, not counted: what comes first is translated first */
#define BUDGET_NS 25000000000ull /* a case: on a computer that has other work, fewer rounds */
#define SLEEP_TICKS 3000000    /* longer than any host polls before it believes that its guest sleeps */
#define IPI_VECTOR 0x50

static volatile unsigned arrived, seen; /* by CPU 1's handler, and by what it interrupts */
static volatile bool sleep_now, asleep;
static uint64_t took[ROUNDS];

static void on_ipi(struct frame *f)
{
	(void)f;
	arrived++;
	apic_eoi();
}

/* CPU 1. No PAUSE: a host may take that for an exit. */
static void other(unsigned index)
{
	(void)index;
	apic_enter_x2();
	irq_on();
	for (;;) {
		seen = arrived;
		if (!sleep_now)
			continue;
		irq_off();
		asleep = true;
		halt_once();
		asleep = false;
		irq_on();
	}
}

/* Sends, and waits for the handler. In ticks. */
static uint64_t round_trip(void)
{
	unsigned was = arrived;
	uint64_t began = rdtsc();

	apic_ipi(ICR_FIXED | IPI_VECTOR, 1);
	while (arrived == was)
		;
	return rdtsc() - began;
}

/* Until CPU 1 has left its handler, and sleeps, for so long that its host believes it. */
static void await_other(void)
{
	uint64_t until;

	while (seen != arrived)
		;
	if (!sleep_now)
		return;
	while (!asleep)
		;
	until = rdtsc() + SLEEP_TICKS;
	while (rdtsc() < until)
		;
}

/* Shell's sort, by thirds. */
static void sort(uint64_t *a, unsigned n)
{
	for (unsigned gap = n / 3 + 1;; gap = gap / 3 + 1) {
		for (unsigned i = gap; i < n; i++) {
			uint64_t v = a[i];
			unsigned at = i;

			for (; at >= gap && a[at - gap] > v; at -= gap)
				a[at] = a[at - gap];
			a[at] = v;
		}
		if (gap == 1)
			return;
	}
}

static void measure(const char *name)
{
	uint64_t end = kvmclock_ns() + BUDGET_NS;
	unsigned rounds = 0;

	for (unsigned i = 0; i < WARM_ROUNDS; i++) {
		await_other();
		(void)round_trip();
	}
	while (rounds < ROUNDS && kvmclock_ns() < end) {
		await_other();
		took[rounds++] = round_trip();
	}
	if (!ok(rounds > 0, "%s: time for a round", name))
		return;
	sort(took, rounds);
	say("%s %u rounds min %llu p10 %llu p50 %llu p90 %llu p99 %llu max %llu\n", name, rounds, (unsigned long long)took[0],
	    (unsigned long long)took[rounds / 10], (unsigned long long)took[rounds / 2], (unsigned long long)took[rounds * 9 / 10],
	    (unsigned long long)took[rounds * 99 / 100], (unsigned long long)took[rounds - 1]);
}

void guest_main(void)
{
	uint64_t ticks, ns;

	if (!ok(kvmclock_init(), "a clock that tells what a tick is"))
		return;
	trap_set(IPI_VECTOR, on_ipi);
	if (!ok(cpu_start(1, other), "CPU 1 starts"))
		return;
	apic_enter_x2();
	ticks = rdtsc();
	ns = kvmclock_ns();
	measure("ipi_spin");
	sleep_now = true;
	measure("ipi_halt");
	ns = kvmclock_ns() - ns;
	ticks = rdtsc() - ticks;
	say("clock %llu ticks %llu ns\n", (unsigned long long)ticks, (unsigned long long)ns);
}
