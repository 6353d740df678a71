/* SPDX-License-Identifier: Apache-2.0 */
/* Timers: order, re-arming and cancelling from within callbacks, and a random schedule against a model. */
#include "../fake/fake.h"
#include "tap.h"
#include <core/arith.h>
#include <core/task.h>
#include <stdlib.h>

static char trace[64];
static unsigned traced;

struct named { struct timer t; char name; struct named *victim; uint64_t rearm_ns; unsigned fired; };

static void fire(struct timer *t)
{
	struct named *n = container_of(t, struct named, t);

	trace[traced++ % sizeof trace] = n->name;
	trace[traced % sizeof trace] = 0;
	n->fired++;
	if (n->victim)
		timer_cancel(&n->victim->t);
	if (n->rearm_ns)
		timer_set(t, hal_clock_ns() + n->rearm_ns - 1);
}

static struct named make(char name)
{
	struct named n = { .name = name };

	traced = 0;
	trace[0] = 0;
	timer_init(&n.t, fire);
	return n;
}

static void run_for(uint64_t ns)
{
	fake_clock_advance(ns);
	(void)loop_turn();
}

static void test_order(void)
{
	struct named a = make('a'), b = make('b'), c = make('c'), d = make('d');
	uint64_t now = hal_clock_ns();

	timer_init(&a.t, fire), timer_init(&b.t, fire), timer_init(&c.t, fire), timer_init(&d.t, fire);
	timer_set(&c.t, now + 30);
	timer_set(&a.t, now + 10);
	timer_set(&b.t, now + 20);
	timer_set(&d.t, now + 20);
	run_for(9);
	ok_str(trace, "", "nothing early");
	run_for(1);
	ok_str(trace, "a", "the first at its time");
	ok(!a.t.armed && b.t.armed, "armed tells who is still to come");
	run_for(100);
	ok_str(trace, "abdc", "the others by deadline, equals in order of arming");
	timer_set(&a.t, hal_clock_ns() - 1);
	(void)loop_turn();
	ok_str(trace, "abdca", "a deadline in the past fires at once");
	timer_set(&a.t, UINT64_MAX);
	run_for(NS_PER_S);
	ok_eq(a.fired, 2, "UINT64_MAX never fires");
	timer_cancel(&a.t);
}

static void test_rearm(void)
{
	struct named a = make('a'), b = make('b');
	uint64_t now = hal_clock_ns();

	timer_init(&a.t, fire), timer_init(&b.t, fire);
	timer_set(&a.t, now + 10);
	timer_set(&a.t, now + 50);
	timer_set(&b.t, now + 20);
	run_for(30);
	ok_str(trace, "b", "a timer set again keeps the last deadline only");
	run_for(30);
	ok_str(trace, "ba", "and fires then");
	a.rearm_ns = 1; /* deadline: now */
	timer_set(&a.t, hal_clock_ns());
	(void)loop_turn();
	ok_eq(a.fired, 2, "one that re-arms itself for now fires once in a turn");
	(void)loop_turn();
	ok_eq(a.fired, 3, "and again in the next");
	a.rearm_ns = 0;
	timer_cancel(&a.t);
	timer_cancel(&a.t);
	run_for(100);
	ok_eq(a.fired, 3, "cancelled twice is cancelled");
}

static void test_cancel_inside(void)
{
	struct named a = make('a'), b = make('b'), c = make('c');
	uint64_t now = hal_clock_ns();

	timer_init(&a.t, fire), timer_init(&b.t, fire), timer_init(&c.t, fire);
	a.victim = &b;
	timer_set(&a.t, now + 1);
	timer_set(&b.t, now + 2);
	timer_set(&c.t, now + 3);
	run_for(10);
	ok_str(trace, "ac", "an expired timer can be cancelled by one that fires before it");
}

static void test_hardware(void)
{
	struct named a = make('a');
	uint64_t now = hal_clock_ns();

	timer_init(&a.t, fire);
	timer_set(&a.t, now + 500);
	while (loop_turn())
		;
	loop_idle();
	ok(hal_clock_ns() == now + 500, "idling arms the hardware for the first deadline");
	fake_loop_settle();
	ok_eq(a.fired, 1, "and the timer fires after it");
}

#define N 40

/* Random arming; what fires must be exactly what is due, in order of deadlines. */
static uint64_t last_fired_ns;
static bool order_good = true;

static void fire_model(struct timer *t)
{
	if (t->deadline_ns < last_fired_ns || t->deadline_ns > hal_clock_ns())
		order_good = false;
	last_fired_ns = t->deadline_ns;
}

static void test_random(void)
{
	static struct timer t[N];
	bool good = true;

	for (unsigned i = 0; i < N; i++)
		timer_init(&t[i], fire_model);
	for (unsigned step = 0; step < 20000 && good; step++) {
		unsigned i = (unsigned)rand() % N;

		if (rand() % 5)
			timer_set(&t[i], hal_clock_ns() + 1 + (uint64_t)rand() % 1000);
		else
			timer_cancel(&t[i]);
		if (rand() % 4)
			continue;
		last_fired_ns = 0;
		run_for((uint64_t)rand() % 200);
		for (unsigned k = 0; k < N; k++)
			good &= !t[k].armed || t[k].deadline_ns > hal_clock_ns();
	}
	ok(good && order_good, "a random schedule: all that is due fires, in order, and nothing else");
}

int main(void)
{
	srand(5);
	fake_init(8 * MIB, 1);
	fake_clock_advance(NS_PER_S);
	test_order();
	test_rearm();
	test_cancel_inside();
	test_hardware();
	test_random();
	return tap_done();
}
