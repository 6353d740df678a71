/* SPDX-License-Identifier: Apache-2.0 */
/* Taking translations away under a running guest: the backend is told to flush before its next entries, each vCPU's CPU is mailed, and its
 * answer says that the vCPU has left the guest since. Requests and their end on CPU 0; answers on the vCPUs' CPUs, in their loops. Those that
 * come while a round is under way share the next one. Knows neither tables nor pages. */
#include "vm_internal.h"
#include <core/arith.h>
#include <core/hal.h>

/* Own CPU. A mail is read outside of the guest, and the next entry sees the flush, which was asked for before the mail was sent. */
static void answer_fn(struct work *w)
{
	struct vm *vm = container_of(w, struct vcpu, flush_work)->vm;
	unsigned all = vm->nvcpus;

	if (atomic_fetch_add(&vm->flush_acks, 1) + 1 == all)
		work_post(0, &vm->flush_work);
}

static void round_begin(struct vm *vm)
{
	vm->flush_now = vm->flush_next;
	vm->flush_next = NULL;
	hv_current->tlb_flush(vm, GPA(0), 0);
	atomic_store(&vm->flush_acks, 0);
	for (unsigned i = 0; i < vm->nvcpus; i++)
		work_post(vm->vcpus[i].cpu, &vm->vcpus[i].flush_work);
}

static void finish_all(struct vm_shootdown *s)
{
	while (s) {
		struct vm_shootdown *next = s->next; /* done may give s away */

		s->done(s);
		s = next;
	}
}

/* Nobody mails for a VM whose vCPUs are parked for good (see control.c); they flush before they run again. */
static void begin_or_finish(struct vm *vm)
{
	struct vm_shootdown *waiting = vm->flush_next;

	if (atomic_load(&vm->live)) {
		round_begin(vm);
		return;
	}
	vm->flush_next = NULL;
	hv_current->tlb_flush(vm, GPA(0), 0);
	finish_all(waiting);
}

static void round_end_fn(struct work *w)
{
	struct vm *vm = container_of(w, struct vm, flush_work);
	struct vm_shootdown *ended = vm->flush_now;

	vm->flush_now = NULL;
	finish_all(ended);
	if (vm->flush_next && !vm->flush_now)
		begin_or_finish(vm);
}

void vm_tlb_shootdown(struct vm *vm, struct vm_shootdown *s)
{
	s->next = vm->flush_next;
	vm->flush_next = s;
	if (!vm->flush_now)
		begin_or_finish(vm);
}

void vm_flush_init(struct vm *vm)
{
	work_init(&vm->flush_work, round_end_fn);
}

void vcpu_flush_init(struct vcpu *v)
{
	work_init(&v->flush_work, answer_fn);
}
