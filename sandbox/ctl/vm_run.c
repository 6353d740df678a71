/* SPDX-License-Identifier: Apache-2.0 */
/* Transitions of VM objects: each asks the monitor and waits in the caller's task until it is done. CPU 0, tasks. */
#include <core/arith.h>
#include <core/hal.h>
#include <core/log.h>
#include <sandbox/event.h>
#include "vm_build.h"

static err_t wrong_state(const struct vm_ctl *c, const char *verb, struct problem *p)
{
	return problem_set(p, E_STATE, PROBLEM_CONFLICT, "VM \"%s\" is %s: cannot %s it", c->spec.name, vm_state_name(vm_ctl_state(c)), verb);
}

static bool is_down(const struct vm_ctl *c)
{
	enum vm_state s = vm_ctl_state(c);

	return s == VM_STOPPED || s == VM_CRASHED;
}

/* The transition ended, but not as asked for. */
static err_t came_to_nothing(const struct vm_ctl *c, const char *what, struct problem *p)
{
	const char *reason = vm_ctl_reason(c);

	if (c->deleting)
		return problem_set(p, E_STATE, PROBLEM_CONFLICT, "the %s came to nothing: VM \"%s\" was deleted meanwhile", what, c->spec.name);
	return problem_set(p, E_STATE, PROBLEM_CONFLICT, "the %s came to nothing: VM \"%s\" is %s now%s%s", what, c->spec.name,
			   vm_state_name(vm_ctl_state(c)), reason[0] ? ": " : "", reason);
}

/* A request was accepted. Who waits for the outcome of an earlier one looks again: the monitor tells nothing of a pause that was
 * taken back. */
static unsigned accepted(struct vm_ctl *c)
{
	wake_all(&c->changed);
	return ++c->asked;
}

err_t vm_ctl_start(struct vm_ctl *c, struct problem *p)
{
	char why[VM_REASON_MAX] = "";
	err_t e;

	if (!is_down(c))
		return wrong_state(c, "start", p);
	if (!c->vm) {
		e = vm_build(c, p);
		if (e)
			return e;
	}
	e = vm_start(c->vm, why);
	if (e == E_STATE)
		return wrong_state(c, "start", p);
	if (e)
		return problem_set(p, e, e == E_NOMEM ? PROBLEM_INSUFFICIENT_MEMORY : PROBLEM_BAD_REQUEST, "VM \"%s\": %s", c->spec.name, why);
	vm_ctl_ref(c);
	while (!c->deleting && vm_ctl_state(c) == VM_STARTING)
		wait_on(&c->changed);
	e = c->deleting ? came_to_nothing(c, "start", p) : OK;
	vm_ctl_unref(c);
	return e;
}

err_t vm_ctl_pause(struct vm_ctl *c, struct problem *p)
{
	unsigned mine;
	err_t e;

	if (!c->vm || vm_pause(c->vm) != OK)
		return wrong_state(c, "pause", p);
	mine = accepted(c);
	vm_ctl_ref(c);
	while (!c->deleting && vm_ctl_state(c) == VM_RUNNING && c->asked == mine)
		wait_on(&c->changed);
	e = vm_ctl_state(c) == VM_PAUSED ? OK : came_to_nothing(c, "pause", p);
	vm_ctl_unref(c);
	return e;
}

/* At once: the state is running when the monitor has accepted it. */
err_t vm_ctl_resume(struct vm_ctl *c, struct problem *p)
{
	if (!c->vm || vm_resume(c->vm) != OK)
		return wrong_state(c, "resume", p);
	accepted(c);
	return OK;
}

/* The state does not change before the vCPUs are parked, but every reset ends in a state that is told. */
err_t vm_ctl_reset(struct vm_ctl *c, struct problem *p)
{
	unsigned told = c->told;
	err_t e;

	if (!c->vm || vm_reset(c->vm) != OK)
		return wrong_state(c, "reset", p);
	accepted(c);
	vm_ctl_ref(c);
	while (!c->deleting && c->told == told)
		wait_on(&c->changed);
	e = c->deleting || is_down(c) ? came_to_nothing(c, "reset", p) : OK;
	vm_ctl_unref(c);
	return e;
}

/* Down, or down and up again by another request: that run is not ours to end. */
static bool was_down(const struct vm_ctl *c, unsigned downs)
{
	return c->deleting || is_down(c) || c->downs != downs;
}

static void wait_down_until(struct vm_ctl *c, unsigned downs, uint64_t deadline_ns)
{
	while (!was_down(c, downs))
		if (wait_until(&c->changed, deadline_ns) == E_TIMEOUT)
			break;
}

err_t vm_ctl_stop(struct vm_ctl *c, uint32_t timeout_ms, struct problem *p)
{
	uint64_t deadline = hal_clock_ns() + timeout_ms * NS_PER_MS;
	unsigned downs = c->downs;

	(void)p; /* stopping what is stopped is no mistake */
	vm_ctl_ref(c);
	/* A paused guest cannot answer the power button. */
	if (timeout_ms && vm_ctl_state(c) == VM_RUNNING && vm_power_button(c->vm) == OK)
		wait_down_until(c, downs, deadline);
	if (!was_down(c, downs) && vm_kill(c->vm) == OK)
		wait_down_until(c, downs, UINT64_MAX);
	vm_ctl_unref(c);
	return OK;
}

/* The list may change while a transition is waited for: each round looks for the first object still to do. */
static struct vm_ctl *next_autostart(void)
{
	for (struct vm_ctl *c = vm_ctl_next(NULL); c; c = vm_ctl_next(c))
		if (c->spec.autostart && !c->autostarted)
			return c;
	return NULL;
}

void vm_ctl_autostart(void)
{
	struct problem p;

	for (struct vm_ctl *c; (c = next_autostart());) {
		c->autostarted = true;
		vm_ctl_ref(c);
		if (is_down(c) && vm_ctl_start(c, &p) != OK) {
			log_error("vm", "autostart: %s", p.detail);
			event_publish("vm.autostart-failed", c->spec.name, NULL, p.detail);
		}
		vm_ctl_unref(c);
	}
}

static struct vm_ctl *next_up(void)
{
	for (struct vm_ctl *c = vm_ctl_next(NULL); c; c = vm_ctl_next(c))
		if (!is_down(c))
			return c;
	return NULL;
}

void vm_ctl_stop_all(void)
{
	for (struct vm_ctl *c; (c = next_up());) {
		err_t e = vm_ctl_stop(c, 0, NULL);

		(void)e; /* a stop cannot fail: it waits until the guest is down */
	}
}
