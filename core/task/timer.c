/* SPDX-License-Identifier: Apache-2.0 */
/* Timers of one CPU: a list sorted by deadline, searched from its end, since new deadlines are mostly the latest.
 * Own CPU only, loop context, no allocation. Must not know the hardware timer: the loop arms that. */
#include "loop_impl.h"

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	t->fn = fn;
	t->deadline_ns = 0;
	t->armed = false;
	list_init(&t->link);
}

void timer_cancel(struct timer *t)
{
	list_remove(&t->link);
	t->armed = false;
}

void timer_set(struct timer *t, uint64_t deadline_ns)
{
	struct list *head = &loop_this()->timers, *pos = head;

	timer_cancel(t);
	t->deadline_ns = deadline_ns;
	t->armed = true;
	while (pos->prev != head && list_entry(pos->prev, struct timer, link)->deadline_ns > deadline_ns)
		pos = pos->prev;
	list_insert_before(pos, &t->link);
}

uint64_t loop_next_timer(const struct loop_cpu *c)
{
	if (list_empty(&c->timers))
		return UINT64_MAX;
	return list_entry(c->timers.next, struct timer, link)->deadline_ns;
}

/* The expired part is cut off first, so that a timer that re-arms itself in the past cannot hold the loop. While
 * it is worked off its members stay linked (to the local head), so that one may cancel or re-arm another. */
void loop_run_timers(struct loop_cpu *c, uint64_t now_ns)
{
	struct list expired, *n;

	list_init(&expired);
	while (loop_next_timer(c) <= now_ns && !list_empty(&c->timers))
		list_push_back(&expired, list_pop_front(&c->timers));
	while ((n = list_pop_front(&expired))) {
		struct timer *t = list_entry(n, struct timer, link);

		t->armed = false;
		t->fn(t);
	}
}
