/* SPDX-License-Identifier: Apache-2.0 */
/* Wait queues of stackful tasks. Waiters and wakers live on one CPU, so there is no race between testing the
 * condition and waiting. Must not know the condition. */
#include "task_impl.h"
#include <core/arith.h>
#include <core/panic.h>

void wait_init(struct wait_queue *q)
{
	list_init(&q->waiters);
}

void wait_on(struct wait_queue *q)
{
	struct task *t = task_current();

	BUG_ON(!t);
	list_push_back(&q->waiters, &t->link);
	task_switch_out(t);
}

err_t wait_until(struct wait_queue *q, uint64_t deadline_ns)
{
	struct task *t = task_current();

	BUG_ON(!t);
	t->timed_out = false;
	if (deadline_ns != UINT64_MAX)
		timer_set(&t->timer, deadline_ns);
	list_push_back(&q->waiters, &t->link);
	task_switch_out(t);
	return t->timed_out ? E_TIMEOUT : OK;
}

static bool wake_first(struct wait_queue *q)
{
	struct list *n = list_pop_front(&q->waiters);
	struct task *t;

	if (!n)
		return false;
	t = list_entry(n, struct task, link);
	timer_cancel(&t->timer);
	task_make_ready(t);
	return true;
}

void wake_all(struct wait_queue *q)
{
	while (wake_first(q))
		;
}

void wake_one(struct wait_queue *q)
{
	(void)wake_first(q);
}
