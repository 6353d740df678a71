/* SPDX-License-Identifier: Apache-2.0 */
/* Stackful tasks: what must block (TLS, DHCP, the screen) gets a stack of its own with a guard page and is switched
 * to and from the CPU's loop; tasks never switch to each other directly. Own CPU only. Must not know what tasks
 * wait for (wait.c) nor when the loop runs them (loop.c). */
#include "task_impl.h"
#include <core/arith.h>
#include <core/fmt.h>
#include <core/page.h>
#include <core/panic.h>

struct task *task_current(void)
{
	return loop_this()->current;
}

void task_make_ready(struct task *t)
{
	list_remove(&t->link);
	list_push_back(&loop_this()->ready, &t->link);
}

/* Leaves the current task for the loop; returns when the loop switches to it again. */
void task_switch_out(struct task *t)
{
	struct loop_cpu *c = loop_this();

	c->current = NULL;
	hal_context_switch(&t->context, c->loop_context);
}

static void task_entry(void *arg)
{
	struct task *t = arg;

	t->fn(t->arg);
	loop_this()->dead = t;
	task_switch_out(t);
	panic("task %s was resumed after its end", t->name);
}

static void task_timer_expired(struct timer *timer)
{
	struct task *t = container_of(timer, struct task, timer);

	t->timed_out = true;
	task_make_ready(t);
}

err_t task_create(const char *name, void (*fn)(void *arg), void *arg, size_t stack_bytes, struct task **out)
{
	struct task *t = pool_alloc(&pool_core, sizeof *t);
	err_t e;

	if (!t)
		return E_NOMEM;
	e = hal_stack_alloc(stack_bytes, &t->stack_top);
	if (e != OK) {
		pool_free(&pool_core, t, sizeof *t);
		return e;
	}
	fmt_buf(t->name, sizeof t->name, "%s", name);
	t->fn = fn;
	t->arg = arg;
	t->stack_bytes = stack_bytes;
	t->context = hal_context_init(t->stack_top, task_entry, t);
	list_init(&t->link);
	timer_init(&t->timer, task_timer_expired);
	task_make_ready(t);
	if (out)
		*out = t;
	return OK;
}

static void task_destroy(struct task *t)
{
	timer_cancel(&t->timer);
	hal_stack_free(t->stack_top, t->stack_bytes);
	pool_free(&pool_core, t, sizeof *t);
}

void task_yield(void)
{
	struct task *t = task_current();

	BUG_ON(!t);
	task_make_ready(t);
	task_switch_out(t);
}

void task_sleep_until(uint64_t deadline_ns)
{
	struct task *t = task_current();

	BUG_ON(!t);
	timer_set(&t->timer, deadline_ns);
	task_switch_out(t);
}

void loop_run_tasks(struct loop_cpu *c)
{
	struct list *last = c->ready.prev, *n;

	/* Up to the one that is last now: a task that yields goes behind it and waits for the next pass. A ready
	 * task is never unlinked by anyone but this loop, so last stays a member until its turn. */
	while ((n = list_pop_front(&c->ready))) {
		struct task *t = list_entry(n, struct task, link);

		c->current = t;
		hal_context_switch(&c->loop_context, t->context);
		if (c->dead) {
			task_destroy(c->dead);
			c->dead = NULL;
		}
		if (n == last)
			break;
	}
}
