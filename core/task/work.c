/* SPDX-License-Identifier: Apache-2.0 */
/* Mailboxes: one lock-free multi-producer, single-consumer stack of work items per CPU, reversed when taken so
 * that items run in the order they were posted. Posting: any CPU, any context including interrupt handlers.
 * Running: the owner's loop. Must not know what a work item does. */
#include "loop_impl.h"
#include <core/hal.h>
#include <core/panic.h>

void work_init(struct work *w, void (*fn)(struct work *w))
{
	w->fn = fn;
	w->next = NULL;
	atomic_init(&w->queued, false);
}

void work_post(unsigned cpu, struct work *w)
{
	struct work *head;
	struct loop_cpu *c;

	BUG_ON(cpu >= HAL_MAX_CPUS);
	if (atomic_exchange_explicit(&w->queued, true, memory_order_acq_rel))
		return;
	c = &loop_cpus[cpu];
	head = atomic_load_explicit(&c->mail, memory_order_relaxed);
	do
		w->next = head;
	while (!atomic_compare_exchange_weak_explicit(&c->mail, &head, w, memory_order_seq_cst, memory_order_relaxed));
	/* From here on w may already have run and be gone. Whoever made the mailbox non-empty wakes its owner; while a
	 * vCPU runs everyone does, since it may have been entered over older mail or the own CPU's (exit handlers post
	 * too). Otherwise the own CPU looks into its mailbox before it idles: it needs no interrupt. */
	if (atomic_load_explicit(&c->in_slice, memory_order_seq_cst) || (!head && cpu != hal_cpu_id()))
		hal_ipi_wake(cpu);
}

static struct work *list_reverse(struct work *w)
{
	struct work *out = NULL;

	while (w) {
		struct work *next = w->next;

		w->next = out;
		out = w;
		w = next;
	}
	return out;
}

void loop_run_mail(struct loop_cpu *c)
{
	struct work *w = list_reverse(atomic_exchange_explicit(&c->mail, NULL, memory_order_seq_cst));

	while (w) {
		struct work *next = w->next;

		/* Read everything first: once the flag is down, w may be posted again; fn may free it. */
		atomic_store_explicit(&w->queued, false, memory_order_release);
		w->fn(w);
		w = next;
	}
}
