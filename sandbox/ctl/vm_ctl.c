/* SPDX-License-Identifier: Apache-2.0 */
/* VM objects: creation and deletion. CPU 0. The transitions are in vm_run.c, look-up in vm_table.c. */
#include <core/arith.h>
#include <core/fmt.h>
#include <core/log.h>
#include <sandbox/event.h>
#include <sandbox/screen.h>
#include <sandbox/vm_ctl.h>
#include <stdlib.h>
#include <string.h>

#include "vm_build.h"
#include "vm_table.h"

static struct pool pool_vms;
static unsigned overcommit_percent = VM_OVERCOMMIT_MIN;

void vm_ctl_init(void)
{
	pool_init(&pool_vms, "vms", &pool_root, UINT64_MAX);
}

void vm_ctl_set_overcommit(unsigned percent)
{
	struct page_stats pages;

	page_stats(&pages);
	overcommit_percent = percent;
	pool_vms.limit_pages = percent > VM_OVERCOMMIT_MIN ? pages.total - pages.total / 16 : UINT64_MAX;
}

enum vm_state vm_ctl_state(const struct vm_ctl *c) { return c->vm ? vm_state(c->vm) : VM_STOPPED; }
const char *vm_ctl_reason(const struct vm_ctl *c) { return c->vm ? c->vm->reason : ""; }

void vm_ctl_ref(struct vm_ctl *c) { c->refs++; }

void vm_ctl_unref(struct vm_ctl *c)
{
	if (--c->refs)
		return;
	console_unref(c->console);
	free(c);
}

static void vm_ctl_changed(void *ctx, struct vm *vm)
{
	struct vm_ctl *c = ctx;
	enum vm_state s = vm_state(vm);

	c->told++;
	c->downs += s == VM_STOPPED || s == VM_CRASHED;
	event_publish("vm.state", c->spec.name, vm_state_name(s), vm->reason);
	wake_all(&c->changed);
	screen_touch();
}

err_t vm_build(struct vm_ctl *c, struct problem *p)
{
	char why[VM_REASON_MAX] = "";
	struct vm_config cfg = {
		.name = c->spec.name, .vcpus = c->spec.vcpus, .memory_bytes = c->spec.memory_mib * MIB, .weight = c->spec.weight,
		.overcommit_percent = overcommit_percent,
		.kernel = image_source(c->kernel), .initrd = image_source(c->initrd), .cmdline = c->spec.cmdline, .parent_pool = &pool_vms,
		.console = &c->console->dev, .changed = vm_ctl_changed, .ctx = c,
	};
	err_t e;

	if (!hv_current)
		return problem_set(p, E_UNSUPPORTED, PROBLEM_UNAVAILABLE, "guests cannot run on this machine: %s", hv_reason());
	e = vm_create(&cfg, &c->vm, why);
	if (e == E_NOMEM)
		return problem_set(p, e, PROBLEM_INSUFFICIENT_MEMORY, "%s", why);
	if (e)
		return problem_set(p, e, PROBLEM_BAD_REQUEST, "%s", why);
	return OK;
}

static err_t take_image(const char *field, const char *name, struct image **out, struct problem *p)
{
	*out = NULL;
	if (!name[0])
		return OK;
	*out = image_find(name);
	if (!*out)
		return problem_set(p, E_NOENT, PROBLEM_BAD_REQUEST, "%s: there is no image \"%s\"", field, name);
	(*out)->users++;
	return OK;
}

static void drop_images(struct vm_ctl *c)
{
	if (c->kernel)
		c->kernel->users--;
	if (c->initrd)
		c->initrd->users--;
	c->kernel = c->initrd = NULL;
}

static err_t vm_ctl_fill(struct vm_ctl *c, struct problem *p)
{
	err_t e = take_image("kernel", c->spec.kernel, &c->kernel, p);

	if (e == OK)
		e = take_image("initrd", c->spec.initrd, &c->initrd, p);
	if (e == OK && hv_current) /* else it can be named and kept, and start says why it cannot run */
		e = vm_build(c, p);
	return e;
}

err_t vm_ctl_create(const struct vm_spec *s, struct vm_ctl **out, struct problem *p)
{
	struct vm_ctl *c;
	err_t e = vm_spec_check(s, p);

	if (e)
		return e;
	if (vm_ctl_find(s->name))
		return problem_set(p, E_EXIST, PROBLEM_CONFLICT, "there is a VM \"%s\" already", s->name);
	c = calloc(1, sizeof(*c));
	if (!c || vm_table_reserve() != OK || !(c->console = console_new())) {
		free(c);
		return problem_set(p, E_NOMEM, PROBLEM_INSUFFICIENT_MEMORY, "no memory for another VM");
	}
	c->spec = *s;
	c->refs = 1;
	wait_init(&c->changed);
	e = vm_ctl_fill(c, p);
	if (e) {
		drop_images(c);
		vm_ctl_unref(c);
		return e;
	}
	vm_table_insert(c);
	event_publish("vm.created", s->name, "stopped", NULL);
	screen_touch();
	*out = c;
	return OK;
}

err_t vm_ctl_delete(struct vm_ctl *c, struct problem *p)
{
	enum vm_state s = vm_ctl_state(c);

	if (c->deleting || (s != VM_STOPPED && s != VM_CRASHED) || (c->vm && vm_destroy(c->vm) != OK))
		return problem_set(p, E_STATE, PROBLEM_CONFLICT, "VM \"%s\" is %s: stop it first", c->spec.name, vm_state_name(s));
	c->vm = NULL;
	c->deleting = true;
	vm_table_remove(c);
	drop_images(c);
	console_close(c->console);
	wake_all(&c->changed);
	event_publish("vm.deleted", c->spec.name, NULL, NULL);
	screen_touch();
	vm_ctl_unref(c);
	return OK;
}
