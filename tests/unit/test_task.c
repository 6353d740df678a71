/* SPDX-License-Identifier: Apache-2.0 */
/* Stackful tasks and wait queues: switching, sleeping, timeouts, and that ended tasks leave nothing behind. */
#include "../fake/fake.h"
#include "tap.h"
#include <core/arith.h>
#include <core/page.h>
#include <core/task.h>

static char trace[256];

static void say(char c)
{
	size_t n = strlen(trace);

	if (n + 1 < sizeof trace) {
		trace[n] = c;
		trace[n + 1] = 0;
	}
}

static void start(void (*fn)(void *), void *arg)
{
	if (task_create("test", fn, arg, 8192, NULL) != OK)
		ok(false, "task_create");
}

static void yielder(void *arg)
{
	for (int i = 0; i < 3; i++) {
		say(*(char *)arg);
		task_yield();
	}
}

static void test_yield(void)
{
	static char a = 'a', b = 'b';

	trace[0] = 0;
	start(yielder, &a);
	start(yielder, &b);
	ok(task_current() == NULL, "the loop is no task");
	(void)loop_turn();
	ok_str(trace, "ab", "one turn runs each ready task once");
	fake_loop_settle();
	ok_str(trace, "ababab", "tasks take turns");
}

static uint64_t woke_at;

static void sleeper(void *arg)
{
	task_sleep_until(hal_clock_ns() + *(uint64_t *)arg);
	woke_at = hal_clock_ns();
}

static bool has_woken(void *ctx)
{
	(void)ctx;
	return woke_at != 0;
}

static void test_sleep(void)
{
	uint64_t ns = 5 * NS_PER_MS, now = hal_clock_ns();

	start(sleeper, &ns);
	ok(fake_loop_until(has_woken, NULL, now + NS_PER_S) && woke_at == now + ns, "a sleeper wakes at its time");
}

static struct wait_queue q;
static bool ready;
static err_t result;

static void waiter(void *arg)
{
	while (!ready)
		wait_on(&q);
	say(*(char *)arg);
}

static void test_wake(void)
{
	static char a = 'a', b = 'b', c = 'c';

	trace[0] = 0;
	wait_init(&q);
	start(waiter, &a);
	start(waiter, &b);
	start(waiter, &c);
	fake_loop_settle();
	wake_all(&q);
	fake_loop_settle();
	ok_str(trace, "", "woken without the condition, they wait on");
	ready = true;
	wake_one(&q);
	fake_loop_settle();
	ok_str(trace, "a", "wake_one wakes the first");
	wake_all(&q);
	fake_loop_settle();
	ok_str(trace, "abc", "wake_all the others in order");
	wake_all(&q);
	wake_one(&q);
	ok(list_empty(&q.waiters), "waking an empty queue does nothing");
}

static void timed_waiter(void *arg)
{
	result = wait_until(&q, hal_clock_ns() + *(uint64_t *)arg);
	woke_at = hal_clock_ns();
}

static void test_timeout(void)
{
	uint64_t ns = NS_PER_MS, start_ns = hal_clock_ns();

	woke_at = 0;
	start(timed_waiter, &ns);
	(void)fake_loop_until(has_woken, NULL, start_ns + NS_PER_S);
	ok(result == E_TIMEOUT && woke_at == start_ns + ns, "wait_until gives up at its deadline");
	ok(list_empty(&q.waiters), "and has left the queue");

	woke_at = 0;
	start(timed_waiter, &ns);
	fake_loop_settle();
	wake_one(&q);
	fake_clock_advance(10 * ns); /* woken before, run after the deadline */
	fake_loop_settle();
	ok(woke_at && result == OK, "one that was woken in time is not late");

	ns = UINT64_MAX - hal_clock_ns();
	woke_at = 0;
	start(timed_waiter, &ns);
	fake_loop_settle();
	fake_clock_advance(NS_PER_S);
	fake_loop_settle();
	ok(!woke_at, "UINT64_MAX waits for ever");
	wake_one(&q);
	fake_loop_settle();
	ok(woke_at && result == OK, "until it is woken");
}

static void churner(void *arg)
{
	volatile char big[4000]; /* uses the stack */

	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (char)i;
	if ((*(unsigned *)arg)++ % 3)
		task_yield();
}

static void test_leaks(void)
{
	struct page_stats before, after;
	unsigned n = 0;

	page_stats(&before);
	for (int i = 0; i < 3000; i++) {
		start(churner, &n);
		if (i % 7 == 0)
			fake_loop_settle();
	}
	fake_loop_settle();
	page_stats(&after);
	ok(n == 3000 && before.free == after.free, "three thousand tasks leave no memory behind");
	fake_fail_stack_alloc(0);
	ok(task_create("x", churner, &n, 8192, NULL) == E_NOMEM, "no stack: E_NOMEM");
	page_stats(&after);
	ok(before.free == after.free, "and nothing kept");
}

static void parent(void *arg)
{
	struct task *self = task_current(), *child = NULL;

	say('p');
	if (task_create("child", yielder, arg, 8192, &child) != OK || !child || child == self)
		say('!');
	task_yield();
	say('p');
}

static void test_nested(void)
{
	static char c = 'c';

	trace[0] = 0;
	start(parent, &c);
	fake_loop_settle();
	ok_str(trace, "pcpcc", "a task starts another");
	ok(FAKE_PANICS(task_yield()), "the loop itself cannot yield");
	ok(FAKE_PANICS(wait_on(&q)), "nor wait");
	ok(FAKE_PANICS(task_sleep_until(0)), "nor sleep");
}

int main(void)
{
	fake_init(8 * MIB, 1);
	fake_clock_advance(NS_PER_S);
	test_yield();
	test_sleep();
	test_wake();
	test_timeout();
	test_leaks();
	test_nested();
	return tap_done();
}
