/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of a task, shared by task.c and wait.c and by nobody else. Own CPU only. */
#ifndef CORE_TASK_TASK_IMPL_H
#define CORE_TASK_TASK_IMPL_H
#include "loop_impl.h"

struct task {
	char name[16];
	void (*fn)(void *arg);
	void *arg;
	void *stack_top, *context;
	size_t stack_bytes;
	struct list link;   /* in the ready list, a wait queue, or nothing */
	struct timer timer; /* sleep and wait_until */
	bool timed_out;
};

/* From wherever it is linked to the end of this CPU's ready list. */
void task_make_ready(struct task *t);
void task_switch_out(struct task *t);

#endif
