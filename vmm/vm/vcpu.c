/* SPDX-License-Identifier: Apache-2.0 */
/* A vCPU's life outside of the guest: creation, placement, parking by mail, kicks. Creation and requests on CPU 0; the mail is
 * worked off on the vCPU's own CPU, in its loop, where the vCPU is never inside the guest. Knows no architecture. */
#include "vm_internal.h"
#include <core/arith.h>
#include <core/hal.h>
#include <vmm/machine.h>

static atomic_bool closed;

void vcpus_close(void)
{
	atomic_store(&closed, true);
}

bool vcpus_closed(void)
{
	return atomic_load(&closed);
}

static void wake_fn(struct timer *t)
{
	sched_wake(&container_of(t, struct vcpu, wake_timer)->se);
}

/* Own CPU. */
static void ctl_fn(struct work *w)
{
	struct vcpu *v = container_of(w, struct vcpu, ctl_work);

	switch (atomic_exchange(&v->ctl_request, VCPU_REQ_NONE)) {
	case VCPU_REQ_RUN:
		if (!v->added)
			sched_add(&v->se);
		v->added = true;
		break;
	case VCPU_REQ_PARK:
		if (v->added) {
			timer_cancel(&v->wake_timer);
			sched_remove(&v->se);
		}
		v->added = false;
		if (hv_current->vcpu_park && !vcpus_closed())
			hv_current->vcpu_park(v);
		vm_ack(v->vm);
		break;
	default: /* merged with an earlier run of this work */
		break;
	}
}

/* Own CPU. Mail is first in, first out, so whatever was posted to this CPU for the vCPU before is done. */
static void drain_fn(struct work *w)
{
	vm_ack(container_of(w, struct vcpu, drain_work)->vm);
}

void vcpu_request(struct vcpu *v, enum vcpu_request r)
{
	atomic_store(&v->ctl_request, r);
	work_post(v->cpu, &v->ctl_work);
}

void vcpu_drain(struct vcpu *v)
{
	work_post(v->cpu, &v->drain_work);
}

/* Makes a vCPU look at what has been made pending. interrupt: what the guest itself can take where the hardware has a way. */
static void reach(struct vcpu *v, bool interrupt)
{
	unsigned where;
	bool own;

	if (!atomic_load(&v->vm->live))
		return;
	/* Pairs with the run loop: it says where it is before it reads look for the last time; the sender has made its event pending before
	 * this, says so, and reads where after it. */
	own = v->cpu == hal_cpu_id();
	if (own && atomic_load(&v->where) == VCPU_HOST)
		return; /* arch_vcpu_prepare itself, before it looks */
	atomic_store(&v->look, true);
	where = atomic_load(&v->where);
	if (where == VCPU_HOST || (own && where == VCPU_GUEST))
		return;
	if (interrupt && where == VCPU_GUEST && hv_current->vcpu_post && hv_current->vcpu_post(v))
		return;
	/* Ends sleep by its mail, and a guest run by the mail's IPI. */
	sched_wake(&v->se);
}

void vcpu_kick(struct vcpu *v)
{
	reach(v, false);
}

void vcpu_post(struct vcpu *v)
{
	reach(v, true);
}

/* A VM's weight is the whole VM's: each vCPU has its part, so that a VM gains nothing by having more of them. */
static uint32_t vcpu_weight(const struct vm *vm)
{
	return MAX((vm->cfg.weight + vm->nvcpus / 2) / vm->nvcpus, 1u);
}

err_t vcpu_create(struct vm *vm, unsigned index)
{
	struct vcpu *v = &vm->vcpus[index];
	err_t err;

	v->vm = vm;
	v->index = index;
	sched_entity_init(&v->se, vcpu_run, vcpu_weight(vm));
	work_init(&v->ctl_work, ctl_fn);
	work_init(&v->drain_work, drain_fn);
	vcpu_flush_init(v);
	timer_init(&v->wake_timer, wake_fn);
	err = arch_vcpu_init(v);
	if (err == OK)
		err = hv_current->vcpu_init(v);
	return err;
}

void vcpu_destroy(struct vcpu *v)
{
	if (!v->vm)
		return;
	if (v->hv)
		hv_current->vcpu_fini(v);
	arch_vcpu_fini(v);
}

/* CPU 0: the weights of the vCPUs that were placed on each CPU. Paused ones count, since they come back, and so do those whose start is
 * still in the mail. */
static uint64_t placed[HAL_MAX_CPUS];

void vcpus_place(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nvcpus; i++) {
		struct vcpu *v = &vm->vcpus[i];
		/* From the last CPU down: CPU 0 has the services as well. */
		unsigned best = hal_cpu_count() - 1;

		for (unsigned c = best; c-- > 0;)
			if (placed[c] < placed[best])
				best = c;
		v->cpu = best;
		v->se.cpu = best; /* wakes before sched_add go there too */
		placed[best] += v->se.weight;
	}
}

void vcpus_unplace(struct vm *vm)
{
	for (unsigned i = 0; i < vm->nvcpus; i++)
		placed[vm->vcpus[i].cpu] -= vm->vcpus[i].se.weight;
}
