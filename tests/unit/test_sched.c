/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler over simulated time: shares by weight, caps, sleepers, steal time, and the race between a wake and a
 * block. The loop of core runs; each entity is a script that uses up time. */
#include "../fake/fake.h"
#include "tap.h"
#include <core/arith.h>
#include <core/sched.h>
#include <core/task.h>
#include <stdlib.h>

/* A vCPU: runs until the slice, the armed timer, or its own burst ends; then it may block. */
struct vcpu {
	struct sched_entity se;
	uint64_t burst_ns;      /* runs so long before it blocks; 0: never blocks */
	uint64_t burst_left_ns;
	uint64_t max_run_ns;    /* an interrupt ends each run after this; 0: none */
	unsigned runs;
	uint64_t last_start_ns;
};

static void vcpu_run(struct sched_entity *se, uint64_t until_ns)
{
	struct vcpu *v = container_of(se, struct vcpu, se);
	uint64_t now = hal_clock_ns(), end = MIN(until_ns, fake_timer_deadline(hal_cpu_id()));

	v->runs++;
	v->last_start_ns = now;
	if (v->max_run_ns)
		end = MIN(end, now + v->max_run_ns);
	if (v->burst_ns)
		end = MIN(end, now + v->burst_left_ns);
	if (end > now)
		fake_clock_set(end);
	if (v->burst_ns) {
		v->burst_left_ns -= MIN(v->burst_left_ns, hal_clock_ns() - now);
		if (!v->burst_left_ns) {
			v->burst_left_ns = v->burst_ns;
			sched_block(se);
		}
	}
}

static void vcpu_start(struct vcpu *v, uint32_t weight, uint32_t cap)
{
	*v = (struct vcpu){0};
	sched_entity_init(&v->se, vcpu_run, weight);
	v->se.cap_percent = cap;
	sched_add(&v->se);
}

static void run_for(uint64_t ns)
{
	uint64_t end = hal_clock_ns() + ns;

	while (hal_clock_ns() < end)
		if (!loop_turn())
			loop_idle();
}

static bool near(uint64_t got, uint64_t want, unsigned percent)
{
	if (got * 100 >= want * (100 - percent) && got * 100 <= want * (100 + percent))
		return true;
	tap_note("got %llu, expected %llu within %u%%", (unsigned long long)got, (unsigned long long)want, percent);
	return false;
}

static void test_weights(void)
{
	static struct vcpu v[4];
	static const uint32_t weights[4] = { 100, 100, 200, 25 };
	uint64_t sum = 425, total = 0;
	bool good = true;

	for (unsigned i = 0; i < 4; i++)
		vcpu_start(&v[i], weights[i], 0);
	ok_eq(sched_load(0), 425, "the load is the sum of weights");
	run_for(10 * NS_PER_S);
	for (unsigned i = 0; i < 4; i++) {
		good &= near(v[i].se.run_ns, 10 * NS_PER_S * weights[i] / sum, 2);
		total += v[i].se.run_ns;
	}
	ok(good, "time is shared by weight");
	ok(near(total, 10 * NS_PER_S, 1), "and none of it is lost");
	ok(near(v[0].se.run_ns + v[0].se.wait_ns, 10 * NS_PER_S, 1), "what one did not run, it waited");
	for (unsigned i = 0; i < 4; i++)
		sched_remove(&v[i].se);
	ok(sched_load(0) == 0 && !loop_turn(), "removed entities do not run");
}

static void test_extremes(void)
{
	static struct vcpu v[3];

	vcpu_start(&v[0], 1, 0);
	vcpu_start(&v[1], 10000, 0);
	run_for(60 * NS_PER_S);
	ok(v[0].se.run_ns > 0 && near(v[1].se.run_ns, 60 * NS_PER_S, 1), "10000 against 1: nearly all, but not all");
	sched_remove(&v[0].se);
	sched_remove(&v[1].se);
	sched_entity_init(&v[2].se, vcpu_run, 0);
	ok_eq(v[2].se.weight, 1, "a weight of 0 becomes 1");
}

/* Interrupts end runs after random short times: the shares must hold, and the slice must not start anew each time. */
static void test_interrupted(void)
{
	static struct vcpu v[2];
	unsigned switches;

	vcpu_start(&v[0], 100, 0);
	vcpu_start(&v[1], 100, 0);
	v[0].max_run_ns = 100 * NS_PER_US;
	run_for(NS_PER_S);
	switches = v[1].runs;
	ok(near(v[0].se.run_ns, v[1].se.run_ns, 2), "one whose runs end early gets its share");
	ok(switches < 300, "and keeps its slice across interrupts (%u switches)", switches);
	sched_remove(&v[0].se);
	sched_remove(&v[1].se);
}

static void test_caps(void)
{
	static struct vcpu v[2];

	vcpu_start(&v[0], 100, 20);
	run_for(5 * NS_PER_S);
	ok(near(v[0].se.run_ns, NS_PER_S, 2), "alone with a cap of 20%%");
	ok(near(v[0].se.wait_ns, 4 * NS_PER_S, 2), "the rest is steal time");
	vcpu_start(&v[1], 100, 0);
	v[0].se.run_ns = 0;
	run_for(5 * NS_PER_S);
	ok(near(v[0].se.run_ns, NS_PER_S, 2) && near(v[1].se.run_ns, 4 * NS_PER_S, 2), "with another, who gets the rest");
	v[0].se.cap_percent = 100;
	v[0].se.run_ns = v[1].se.run_ns = 0;
	run_for(5 * NS_PER_S);
	ok(near(v[0].se.run_ns, v[1].se.run_ns, 3), "100 is no cap");
	sched_remove(&v[1].se);
	v[0].se.cap_percent = 1;
	v[0].se.run_ns = 0;
	run_for(10 * NS_PER_S);
	ok(near(v[0].se.run_ns, 100 * NS_PER_MS, 10), "a cap of 1%%");
	sched_remove(&v[0].se);
}

static struct timer alarm_timer;
static struct sched_entity *alarm_target;
static uint64_t alarm_period_ns, alarm_rang_ns, worst_latency_ns;
static struct vcpu *alarm_vcpu;

static void alarm_ring(struct timer *t)
{
	if (alarm_vcpu && alarm_vcpu->last_start_ns >= alarm_rang_ns && alarm_rang_ns)
		worst_latency_ns = MAX(worst_latency_ns, alarm_vcpu->last_start_ns - alarm_rang_ns);
	alarm_rang_ns = hal_clock_ns();
	sched_wake(alarm_target);
	timer_set(t, hal_clock_ns() + alarm_period_ns);
}

/* A mostly sleeping vCPU among busy ones: it runs soon after each wake, and its sleep buys it no more than a slice. */
static void test_sleeper(void)
{
	static struct vcpu busy[3], lazy;
	uint64_t before;

	for (unsigned i = 0; i < 3; i++)
		vcpu_start(&busy[i], 100, 0);
	vcpu_start(&lazy, 100, 0);
	lazy.burst_ns = lazy.burst_left_ns = 200 * NS_PER_US;
	timer_init(&alarm_timer, alarm_ring);
	alarm_target = &lazy.se;
	alarm_vcpu = &lazy;
	alarm_period_ns = 20 * NS_PER_MS;
	timer_set(&alarm_timer, hal_clock_ns() + alarm_period_ns);
	run_for(4 * NS_PER_S);
	ok(near(lazy.se.run_ns, 200 * 200 * NS_PER_US, 5), "it gets all it asks for");
	ok(worst_latency_ns <= 2 * SCHED_SLICE_NS, "within two slices of each wake (%llu us)",
	   (unsigned long long)(worst_latency_ns / NS_PER_US));
	timer_cancel(&alarm_timer);
	run_for(10 * NS_PER_S); /* sleeps for long */
	lazy.burst_ns = 0;
	before = busy[0].se.run_ns;
	lazy.se.run_ns = 0;
	sched_wake(&lazy.se);
	run_for(NS_PER_S);
	ok(near(lazy.se.run_ns, NS_PER_S / 4, 5), "after a long sleep it gets its share, not the missed time");
	ok(near(busy[0].se.run_ns - before, NS_PER_S / 4, 5), "and the others theirs");
	for (unsigned i = 0; i < 3; i++)
		sched_remove(&busy[i].se);
	sched_remove(&lazy.se);
}

static unsigned pieces_left, pieces_done;

static bool pieces_wanted(void)
{
	return pieces_left > 0;
}

static void piece(void)
{
	pieces_left--;
	pieces_done++;
	fake_clock_advance(2000);
}

/* What is for idle CPUs waits until no guest has run for 50 ms, for which the CPU wakes by itself; a guest that comes in between goes first. */
static void test_idle_work(void)
{
	static const struct idle_work work = { pieces_wanted, piece };
	struct vcpu v;
	uint64_t left;

	loop_when_idle(&work);
	ok(FAKE_PANICS(loop_when_idle(&work)), "once only");
	vcpu_start(&v, 100, 0);
	v.burst_ns = v.burst_left_ns = NS_PER_MS;
	while (loop_turn())
		;
	ok(!loop_idle_work() && FAKE_PANICS(loop_idle()), "it sleeps for ever when there is nothing");
	pieces_left = 3;
	sched_wake(&v.se);
	while (loop_turn())
		;
	left = hal_clock_ns();
	ok(!loop_idle_work(), "not when a guest has just left");
	loop_idle();
	ok(hal_clock_ns() == left + 50 * NS_PER_MS, "it sleeps until that is long ago");
	ok(!loop_turn() && loop_idle_work() && pieces_done == 1, "then a piece is done");
	sched_wake(&v.se);
	while (loop_turn())
		;
	ok(!loop_idle_work() && pieces_done == 1, "and none when the guest has been there again");
	while (pieces_left)
		if (!loop_turn() && !loop_idle_work())
			loop_idle();
	ok(hal_clock_ns() - left > 50 * NS_PER_MS && pieces_done == 3, "the others follow");
	sched_remove(&v.se);
}

/* A newcomer and one that moves here with a great virtual time neither starve nor dominate. */
static void test_newcomer(void)
{
	static struct vcpu old, young, moved;

	vcpu_start(&old, 1, 0); /* its virtual time runs a hundredfold */
	run_for(20 * NS_PER_S);
	vcpu_start(&young, 1, 0);
	old.se.run_ns = 0;
	run_for(NS_PER_S);
	ok(near(old.se.run_ns, NS_PER_S / 2, 5) && near(young.se.run_ns, NS_PER_S / 2, 5), "a newcomer shares evenly");
	sched_remove(&old.se);
	sched_remove(&young.se);

	fake_cpu_set(1);
	vcpu_start(&moved, 100, 0);
	fake_cpu_set(0);
	ok(FAKE_PANICS(sched_remove(&old.se)), "what is not added cannot be removed");
	fake_cpu_set(1);
	sched_add(&old.se);
	moved.se.run_ns = old.se.run_ns = 0;
	old.se.weight = 100;
	run_for(NS_PER_S);
	ok(near(old.se.run_ns, NS_PER_S / 2, 5), "one that moved to another CPU shares evenly there");
	ok_eq(old.se.cpu, 1, "and knows where it is");
	sched_remove(&old.se);
	sched_remove(&moved.se);
	fake_cpu_set(0);
}

/* ---- wakes and blocks */

static unsigned racer_runs;
static bool wake_in_run, event;

static void racer_run(struct sched_entity *se, uint64_t until_ns)
{
	(void)until_ns;
	racer_runs++;
	fake_clock_advance(1000);
	if (event) {
		event = false;
		return;
	}
	if (wake_in_run) { /* after the look at the event, before the block: another CPU's interrupt */
		wake_in_run = false;
		fake_cpu_set(1);
		event = true;
		sched_wake(se);
		fake_cpu_set(0);
	}
	sched_block(se);
}

static void test_wake_race(void)
{
	static struct sched_entity se;

	sched_entity_init(&se, racer_run, 100);
	sched_add(&se);
	fake_loop_settle();
	ok(racer_runs == 1 && !se.runnable, "blocked when there is nothing to do");
	sched_wake(&se);
	sched_wake(&se);
	fake_loop_settle();
	ok(racer_runs == 2 && !se.runnable, "two wakes before it runs are one");
	wake_in_run = true;
	sched_wake(&se);
	fake_loop_settle();
	ok(!event && !se.runnable, "a wake that comes while it decides to block is not lost");
	ok(racer_runs >= 4 && racer_runs <= 6, "nor repeated (%u runs)", racer_runs);
	event = true;
	fake_cpu_set(1);
	sched_wake(&se);
	fake_cpu_set(0);
	ok(sched_wake_in_flight(&se), "a wake in flight shows");
	sched_remove(&se);
	fake_loop_settle();
	ok(event && !sched_wake_in_flight(&se), "a removed entity does not run, and can go once nothing is in flight");
	fake_cpu_set(1);
	sched_add(&se);
	fake_loop_settle();
	ok(!event && !se.runnable, "added elsewhere it sees its event");
	fake_cpu_set(0);
	event = true;
	sched_wake(&se);
	ok(fake_ipi_pending(1), "a wake goes to the CPU it is on");
	fake_cpu_set(1);
	fake_loop_settle();
	ok(!event, "and is seen there");
	sched_remove(&se);
	fake_cpu_set(0);
}

static void test_random(void)
{
	static struct vcpu v[6];
	bool good = true;
	uint64_t start = hal_clock_ns(), ran = 0;

	for (unsigned i = 0; i < 6; i++) {
		vcpu_start(&v[i], 1 + (uint32_t)rand() % 300, rand() % 3 ? 0 : 5 + (uint32_t)rand() % 60);
		v[i].burst_ns = v[i].burst_left_ns = rand() % 2 ? 0 : 1 + (uint64_t)rand() % (10 * NS_PER_MS);
	}
	for (unsigned step = 0; step < 4000 && good; step++) {
		struct vcpu *w = &v[rand() % 6];

		if (rand() % 4 == 0)
			sched_wake(&w->se);
		if (rand() % 16 == 0 && w->se.added)
			sched_remove(&w->se);
		else if (!w->se.added)
			sched_add(&w->se);
		if (rand() % 16 == 0 && w->se.added)
			sched_block(&w->se);
		(void)loop_turn();
		fake_clock_advance((uint64_t)rand() % 20000);
	}
	for (unsigned i = 0; i < 6; i++) {
		ran += v[i].se.run_ns;
		if (v[i].se.added)
			sched_remove(&v[i].se);
	}
	fake_loop_settle();
	good = sched_load(0) == 0 && ran <= hal_clock_ns() - start && sched_next_event() == UINT64_MAX;
	ok(good, "after a random life every list is empty and no time was invented");
}

int main(void)
{
	srand(6);
	fake_init(8 * MIB, 2);
	fake_clock_advance(NS_PER_S);
	test_weights();
	test_extremes();
	test_interrupted();
	test_caps();
	test_sleeper();
	test_idle_work();
	test_newcomer();
	test_wake_race();
	test_random();
	return tap_done();
}
