/* SPDX-License-Identifier: Apache-2.0 */
/* Every CPU: control registers, clock, timers, tasks' FPU words. Posts work to each loop. */
#include "machine.h"
#include "selftest.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/task.h>
#include <stdatomic.h>

static bool all;
static uint64_t last_ns;

static void look_control(unsigned cpu)
{
	(void)cpu;
	all &= machine_protected();
}

static void look_clock(unsigned cpu)
{
	uint64_t now = hal_clock_ns();

	(void)cpu;
	all &= now >= last_ns;
	last_ns = now;
}

static void look_id(unsigned cpu)
{
	all &= cpu == hal_cpu_id() && machine_no_thread();
}

static void each_cpu(void (*fn)(unsigned cpu), unsigned first)
{
	for (unsigned i = first; i < hal_cpu_count(); i++)
		on_cpu(i, fn);
}

/* ---- timers */

#define TIMERS 20
static struct timer timer;
static uint64_t timer_due;
static unsigned timer_fired, timer_early;

static void timer_tick(struct timer *t)
{
	timer_early += hal_clock_ns() < timer_due;
	if (++timer_fired < TIMERS) {
		timer_due += 3 * NS_PER_MS;
		timer_set(t, timer_due);
	}
}

static void check_timers(void)
{
	timer_init(&timer, timer_tick);
	timer_due = hal_clock_ns() + 3 * NS_PER_MS;
	timer_set(&timer, timer_due);
	while (timer_fired < TIMERS)
		task_sleep_until(hal_clock_ns() + NS_PER_MS);
	check(timer_early == 0, "no timer fires before its time");
}

/* ---- what a task keeps across a switch */

static atomic_uint words_done;

static void words_task(void *arg)
{
	unsigned mode = (unsigned)(uintptr_t)arg;

	machine_words_set(mode);
	for (unsigned i = 0; i < 50; i++) {
		task_yield();
		all &= machine_words_kept(mode);
	}
	atomic_fetch_add(&words_done, 1);
}

static void check_tasks(void)
{
	struct task *t;

	all = true;
	for (uintptr_t i = 0; i < 4; i++)
		all &= task_create("words", words_task, (void *)i, 16384, &t) == OK;
	while (all && atomic_load(&words_done) < 4)
		task_yield();
	check(all, "a task keeps its rounding modes");
}

void checks_cpus(void)
{
	uint64_t a = 0, b = 0;

	all = true;
	each_cpu(look_control, 0);
	check(all, machine_protections);
	all = true;
	each_cpu(look_id, 1);
	check(all, "each loop runs on its own CPU, without libc's thread pointer");
	all = true;
	for (unsigned i = 0; i < 200; i++)
		each_cpu(look_clock, 0);
	check(all, "the clock never goes back between CPUs");
	check_timers();
	check_tasks();
	if (machine_has_entropy())
		check(hal_entropy(&a, 8) == OK && hal_entropy(&b, 8) == OK && a != b, "hardware entropy");
	else
		check(hal_entropy(&a, 8) == E_UNSUPPORTED, "no hardware entropy, and it says so");
}
