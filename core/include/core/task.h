/* SPDX-License-Identifier: Apache-2.0 */
/* The event kernel: one loop per CPU with mailboxes (work), timers, stackful tasks and, last, vCPUs (sched.h). */
#ifndef CORE_TASK_H
#define CORE_TASK_H
#include <core/err.h>
#include <core/list.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- work: a message to a CPU. Embedded in its owner; posting one that is queued already does nothing.
 * fn runs once per post on the target CPU's loop, run to completion, and may post it again or free the owner. */
struct work {
	void (*fn)(struct work *w);
	struct work *next;
	atomic_bool queued;
};
void work_init(struct work *w, void (*fn)(struct work *w));
/* Any CPU, any context including interrupt handlers. The flag is cleared before fn is called. */
void work_post(unsigned cpu, struct work *w);

/* ---- timers: owned by one CPU (the one that arms it); all calls on that CPU. fn runs on its loop. */
struct timer {
	void (*fn)(struct timer *t);
	uint64_t deadline_ns;
	struct list link; /* sorted per-CPU list */
	bool armed;
};
void timer_init(struct timer *t, void (*fn)(struct timer *t));
/* Re-arms when armed. Set from inside of sched_entity.run it is first looked at when that returns. */
void timer_set(struct timer *t, uint64_t deadline_ns);
void timer_cancel(struct timer *t);

/* ---- stackful tasks: for what must block. Cooperative; bound to the CPU that created them. */
struct task;
/* Starts fn(arg) on a stack of stack_bytes with a guard page. The task frees itself when fn returns. E_NOMEM. */
err_t task_create(const char *name, void (*fn)(void *arg), void *arg, size_t stack_bytes, struct task **out) MUST_CHECK;
struct task *task_current(void); /* NULL on the loop itself */
void task_yield(void);
void task_sleep_until(uint64_t deadline_ns);

/* wait queues: wait in a loop around the condition. CPU-local: wake only from the same CPU's loop, tasks or work. */
struct wait_queue { struct list waiters; };
void wait_init(struct wait_queue *q);
void wait_on(struct wait_queue *q);                                   /* until woken */
err_t wait_until(struct wait_queue *q, uint64_t deadline_ns) MUST_CHECK; /* E_TIMEOUT */
void wake_all(struct wait_queue *q);
void wake_one(struct wait_queue *q);

/* ---- the loop. loop_init once per CPU before loop_run; loop_run never returns. */
void loop_init(unsigned cpu);
_Noreturn void loop_run(void);
/* What loop_run does for ever: one turn (interrupt window, mail, timers, a pass of tasks, a vCPU slice), which returns
 * false when nothing is left to do; then a piece of what is for idle CPUs, false when there is none now; then loop_idle arms
 * the timer and sleeps until an interrupt. For tests. */
bool loop_turn(void);
bool loop_idle_work(void);
void loop_idle(void);
/* From inside of sched_entity.run: takes the interrupts that are pending. true: they left the loop nothing to do, so that the slice may go on
 * until its end. */
bool loop_take_interrupts(void);
/* Work for CPUs that would sleep and have run no guest for a while. Any CPU asks whether there is some and does a piece of it, of some
 * microseconds, several at once too. Once, at boot; w stays the caller's. */
struct idle_work { bool (*wanted)(void); void (*piece)(void); };
void loop_when_idle(const struct idle_work *w);
/* Busy and idle time of a CPU since boot, ns. */
struct loop_stats { uint64_t host_ns, guest_ns, idle_ns; };
void loop_stats(unsigned cpu, struct loop_stats *out);

#endif
