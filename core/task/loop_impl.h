/* SPDX-License-Identifier: Apache-2.0 */
/* The per-CPU block of the event loop, shared by the files of core/task and by nobody else. Everything in it
 * belongs to its CPU, except mail (any CPU pushes), in_slice and the counters (any CPU reads). */
#ifndef CORE_TASK_LOOP_IMPL_H
#define CORE_TASK_LOOP_IMPL_H
#include <core/hal.h>
#include <core/list.h>
#include <core/task.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct loop_cpu {
	_Atomic(struct work *) mail;
	struct list timers;      /* struct timer, by deadline; equal deadlines in order of arming */
	struct list ready;       /* struct task, first is next */
	struct task *current;    /* NULL on the loop itself */
	struct task *dead;       /* has left its stack for good; freed by the loop */
	void *loop_context;      /* the loop's own stack pointer while a task runs */
	uint64_t guest_left_ns;  /* end of the last vCPU slice */
	uint64_t host_since_ns;  /* end of the last vCPU slice, or when host work began after idling */
	bool inited;
	atomic_bool in_slice;    /* a vCPU has the CPU: mail needs an interrupt to be seen, even from this CPU */
	_Atomic uint64_t started_ns, guest_ns, idle_ns;
	_Atomic uint64_t slice_since_ns, idle_since_ns; /* UINT64_MAX: not now */
} __attribute__((aligned(64)));

extern struct loop_cpu loop_cpus[HAL_MAX_CPUS];

static inline struct loop_cpu *loop_this(void)
{
	return &loop_cpus[hal_cpu_id()];
}

/* Runs what was in the mailbox at the call; what that posts waits for the next turn. */
void loop_run_mail(struct loop_cpu *c);
/* Runs each timer that has expired at now, once; one armed by another's fn waits for the next turn. */
void loop_run_timers(struct loop_cpu *c, uint64_t now_ns);
/* Deadline of the first timer, UINT64_MAX none. */
uint64_t loop_next_timer(const struct loop_cpu *c);
/* Runs each task that was ready at the call until it waits, yields or ends. */
void loop_run_tasks(struct loop_cpu *c);
/* Called by sched.c's users: sets up the scheduler's part of a CPU. */
void sched_init_cpu(unsigned cpu);

#endif
