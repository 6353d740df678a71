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

/* Waits until the state is another one; the object stays alive meanwhile. */
static void wait_while(struct vm_ctl *c, enum vm_state from)
{
	vm_ctl_ref(c);
	while (!c->deleting && vm_ctl_state(c) == from)
		wait_on(&c->changed);
	vm_ctl_unref(c);
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
	wait_while(c, VM_STARTING);
	return OK;
}

err_t vm_ctl_pause(struct vm_ctl *c, struct problem *p)
{
	if (!c->vm || vm_pause(c->vm) != OK)
		return wrong_state(c, "pause", p);
	wait_while(c, VM_RUNNING);
	return OK;
}

err_t vm_ctl_resume(struct vm_ctl *c, struct problem *p)
{
	if (!c->vm || vm_resume(c->vm) != OK)
		return wrong_state(c, "resume", p);
	wait_while(c, VM_PAUSED);
	return OK;
}

err_t vm_ctl_reset(struct vm_ctl *c, struct problem *p)
{
	if (!c->vm || vm_reset(c->vm) != OK)
		return wrong_state(c, "reset", p);
	wait_while(c, VM_STARTING);
	return OK;
}

static void wait_down_until(struct vm_ctl *c, uint64_t deadline_ns)
{
	while (!c->deleting && !is_down(c))
		if (wait_until(&c->changed, deadline_ns) == E_TIMEOUT)
			break;
}

err_t vm_ctl_stop(struct vm_ctl *c, uint32_t timeout_ms, struct problem *p)
{
	uint64_t deadline = hal_clock_ns() + timeout_ms * NS_PER_MS;

	(void)p; /* stopping what is stopped is no mistake */
	vm_ctl_ref(c);
	/* A paused guest cannot answer the power button. */
	if (timeout_ms && vm_ctl_state(c) == VM_RUNNING && vm_power_button(c->vm) == OK)
		wait_down_until(c, deadline);
	while (!c->deleting && !is_down(c)) {
		if (vm_kill(c->vm) != OK && is_down(c))
			break;
		wait_down_until(c, UINT64_MAX);
	}
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
		if (is_down(c) && vm_ctl_start(c, &p) != OK) {
			log_error("vm", "autostart: %s", p.detail);
			event_publish("vm.autostart-failed", c->spec.name, NULL, p.detail);
		}
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
