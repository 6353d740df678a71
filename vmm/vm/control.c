/* SPDX-License-Identifier: Apache-2.0 */
/* The VM's state machine. All of it runs on CPU 0, except vm_crash and the guest's power events, which only leave a bit and mail.
 * A transition: goals are collected, the vCPUs are parked by mail to their CPUs, each acks, the last ack posts step_work, and then the
 * strongest goal is carried out. Nothing waits, but for a load (load.c), which gives way to others and ends with step_work too. Memory and
 * devices are touched only while all vCPUs are parked.
 *
 * Why nothing is in a mailbox any more when the state becomes STOPPED or CRASHED (so that vm_destroy may follow at once): live is
 * false from the moment that all are parked, so nobody kicks, raises events or mails for a shootdown; then one drain mail follows all earlier
 * mail to each vCPU's CPU; and step_work is posted once per phase, by the last ack, behind any event_work and flush_work. */
#include "vm_internal.h"
#include <core/arith.h>
#include <core/fmt.h>
#include <core/hal.h>
#include <core/log.h>
#include <core/panic.h>
#include <string.h>
#include <vmm/machine.h>

/* Each reset clears memory and loads the kernel on CPU 0. So often in a row, each within so short a time of its start (in itself, or for
 * what the load took), is no guest that boots, but one that has CPU 0 work for it without end. */
#define QUICK_RESETS_MAX 16
#define QUICK_RESET_NS NS_PER_S
#define QUICK_RESET_LOADS 4

/* Last thing a caller does with vm: the callback may destroy it. */
static void tell(struct vm *vm, enum vm_state s)
{
	vm->state = s;
	if (s == VM_CRASHED)
		log_warn("vm", "%s: crashed: %s", vm->name, vm->reason);
	else
		log_info("vm", "%s: %s", vm->name, vm_state_name(s));
	if (vm->cfg.changed)
		vm->cfg.changed(vm->cfg.ctx, vm);
}

void vm_ack(struct vm *vm)
{
	unsigned all = vm->nvcpus;

	if (atomic_fetch_add(&vm->acks, 1) + 1 == all)
		work_post(0, &vm->step_work);
}

/* ---- the steps ---- */

/* What the guest asked for or ran into joins what is wanted. */
static void events_take(struct vm *vm)
{
	unsigned events = atomic_exchange(&vm->events, 0);

	if (events & GOAL_RESET)
		vm->guest_reset = true;
	vm->goal |= events;
}

static void launch(struct vm *vm)
{
	atomic_store(&vm->parking, false);
	atomic_store(&vm->live, true);
	vm->phase = PHASE_RUN;
	for (unsigned i = 0; i < vm->nvcpus; i++)
		vcpu_request(&vm->vcpus[i], VCPU_REQ_RUN);
}

static void park_begin(struct vm *vm)
{
	vm->phase = PHASE_PARKING;
	atomic_store(&vm->acks, 0);
	atomic_store(&vm->parking, true);
	for (unsigned i = 0; i < vm->nvcpus; i++)
		vcpu_request(&vm->vcpus[i], VCPU_REQ_PARK);
}

static void drain_begin(struct vm *vm)
{
	vm->phase = PHASE_DRAINING;
	vm->state = VM_STOPPING;
	atomic_store(&vm->live, false);
	atomic_store(&vm->acks, 0);
	for (unsigned i = 0; i < vm->nvcpus; i++)
		vcpu_drain(&vm->vcpus[i]);
}

static void finish(struct vm *vm)
{
	/* KILL beats CRASH: who asked for the end gets what was asked for. */
	bool crashed = (vm->goal & (GOAL_CRASH | GOAL_KILL)) == GOAL_CRASH;

	vm_memory_clear(vm);
	vcpus_unplace(vm);
	vm->goal = 0;
	vm->notify = false;
	vm->phase = PHASE_OUT;
	if (crashed)
		memcpy(vm->reason, vm->crash_reason, sizeof vm->reason);
	tell(vm, crashed ? VM_CRASHED : VM_STOPPED);
}

static void enter_paused(struct vm *vm)
{
	vm->goal = 0;
	vm->phase = PHASE_OUT;
	vm_clock_pause(vm);
	tell(vm, VM_PAUSED);
}

/* To RUNNING by event_work, so that the callback never comes out of a vm_* call. */
static void run_notified(struct vm *vm)
{
	launch(vm);
	vm->notify = true;
	work_post(0, &vm->event_work);
}

static bool resets_too_often(struct vm *vm)
{
	uint64_t quick_ns = MAX(QUICK_RESET_NS, QUICK_RESET_LOADS * vm->load_ns);

	if (!vm->guest_reset || hal_clock_ns() - vm->started_ns >= quick_ns)
		vm->quick_resets = 0;
	else
		vm->quick_resets++;
	vm->guest_reset = false;
	return vm->quick_resets > QUICK_RESETS_MAX;
}

static void reset_failed(struct vm *vm, const char *why)
{
	vm_crash(vm, "reset: %s", why);
	events_take(vm);
	drain_begin(vm);
}

static void do_reset(struct vm *vm)
{
	vm->goal &= ~(unsigned)GOAL_RESET;
	vm->state = VM_STARTING;
	if (resets_too_often(vm)) {
		reset_failed(vm, "the guest did nothing else many times in a row");
		return;
	}
	vm->phase = PHASE_LOADING;
	vm_power_on_begin(vm);
}

/* The end of a reset's load. */
static void loaded(struct vm *vm)
{
	events_take(vm);
	if (vm->goal & GOAL_TERMINAL)
		drain_begin(vm);
	else if (vm->load_err != OK)
		reset_failed(vm, vm->load_why);
	else if (vm->goal & GOAL_PAUSE)
		enter_paused(vm);
	else
		run_notified(vm);
}

/* All vCPUs are parked: carry out the strongest goal. */
static void all_parked(struct vm *vm)
{
	events_take(vm);
	if (vm->goal & GOAL_TERMINAL)
		drain_begin(vm);
	else if (vm->goal & GOAL_RESET)
		do_reset(vm);
	else if (vm->goal & GOAL_PAUSE)
		enter_paused(vm);
	else
		launch(vm); /* a pause that was taken back */
}

static void step_fn(struct work *w)
{
	struct vm *vm = container_of(w, struct vm, step_work);

	if (vm->phase == PHASE_PARKING)
		all_parked(vm);
	else if (vm->phase == PHASE_LOADING)
		loaded(vm);
	else if (vm->phase == PHASE_DRAINING)
		finish(vm);
}

static void event_fn(struct work *w)
{
	struct vm *vm = container_of(w, struct vm, event_work);

	events_take(vm);
	if (vm->phase == PHASE_RUN && vm->goal)
		park_begin(vm);
	else if (vm->phase == PHASE_OUT && vm->state == VM_PAUSED && vm->goal)
		all_parked(vm);
	if (vm->phase == PHASE_OUT && vm->state == VM_STOPPING && !vm->loading) {
		finish(vm); /* killed while it was loaded for its start; the callback may destroy it */
		return;
	}
	if (vm->notify) {
		vm->notify = false;
		/* Already on its way out again? Then what follows will be told. */
		if (vm->phase == PHASE_RUN)
			tell(vm, VM_RUNNING);
		else if (vm->state == VM_STARTING)
			vm->state = VM_RUNNING;
	}
}

void vm_control_init(struct vm *vm)
{
	work_init(&vm->step_work, step_fn);
	work_init(&vm->event_work, event_fn);
}

/* ---- requests, CPU 0 ---- */

static bool is_on(const struct vm *vm)
{
	return vm->state != VM_STOPPED && vm->state != VM_CRASHED;
}

static void want(struct vm *vm, unsigned goal)
{
	vm->goal |= goal;
	work_post(0, &vm->event_work);
}

/* The load gave way and the VM was killed meanwhile: event_fn ends it. */
static bool killed_while_loading(struct vm *vm)
{
	if (!(vm->goal & GOAL_KILL))
		return false;
	work_post(0, &vm->event_work);
	return true;
}

err_t vm_start(struct vm *vm, char *why)
{
	enum vm_state before = vm->state;
	err_t err;

	if (is_on(vm)) {
		fmt_buf(why, VM_REASON_MAX, "the VM is %s: only a stopped or crashed one can start", vm_state_name(vm->state));
		return E_STATE;
	}
	vm->goal = 0;
	vm->guest_reset = false;
	vm->quick_resets = 0;
	atomic_store(&vm->events, 0);
	atomic_store(&vm->crash_claim, 0);
	vm->state = VM_STARTING;
	vcpus_place(vm);
	err = vm_power_on(vm, why);
	if (killed_while_loading(vm))
		return OK;
	if (err != OK) {
		vcpus_unplace(vm);
		vm->state = before;
		return err;
	}
	vm->reason[0] = '\0';
	run_notified(vm);
	return OK;
}

err_t vm_pause(struct vm *vm)
{
	if (vm->state != VM_RUNNING || (vm->goal & GOAL_TERMINAL))
		return E_STATE;
	want(vm, GOAL_PAUSE);
	return OK;
}

err_t vm_resume(struct vm *vm)
{
	if (vm->state == VM_RUNNING && (vm->goal & GOAL_PAUSE)) {
		vm->goal &= ~(unsigned)GOAL_PAUSE;
		return OK;
	}
	if (vm->state != VM_PAUSED || vm->goal)
		return E_STATE;
	vm_clock_resume(vm);
	vm->state = VM_RUNNING;
	run_notified(vm);
	return OK;
}

err_t vm_reset(struct vm *vm)
{
	if ((vm->state != VM_RUNNING && vm->state != VM_PAUSED) || (vm->goal & GOAL_TERMINAL))
		return E_STATE;
	vm->goal &= ~(unsigned)GOAL_PAUSE;
	want(vm, GOAL_RESET);
	return OK;
}

err_t vm_power_button(struct vm *vm)
{
	if (vm->state != VM_RUNNING)
		return E_STATE;
	machine_power_button(vm);
	return OK;
}

err_t vm_kill(struct vm *vm)
{
	if (!is_on(vm))
		return E_STATE;
	want(vm, GOAL_KILL);
	if (vm->state != VM_PAUSED) /* event_fn still has to see that it is parked */
		vm->state = VM_STOPPING;
	return OK;
}

/* ---- events, any CPU ---- */

static void raise_event(struct vm *vm, unsigned goal)
{
	if (!atomic_load(&vm->live))
		return;
	atomic_fetch_or(&vm->events, goal);
	atomic_store(&vm->parking, true); /* no vCPU enters the guest any more */
	work_post(0, &vm->event_work);
}

void vm_crash(struct vm *vm, const char *f, ...)
{
	unsigned unclaimed = 0;
	va_list ap;

	/* The first reason stands. Whoever writes it does so before its event, and control reads it after all have parked. */
	if (!atomic_compare_exchange_strong(&vm->crash_claim, &unclaimed, 1))
		return;
	va_start(ap, f);
	fmt_vbuf(vm->crash_reason, sizeof vm->crash_reason, f, ap);
	va_end(ap);
	raise_event(vm, GOAL_CRASH);
}

void vm_guest_poweroff(struct vm *vm)
{
	raise_event(vm, GOAL_POWEROFF);
}

void vm_guest_reset(struct vm *vm)
{
	raise_event(vm, GOAL_RESET);
}
