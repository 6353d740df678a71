/* SPDX-License-Identifier: Apache-2.0 */
/* /v1/vms: creation, look-up, transitions. CPU 0, the connection's task, which a transition may block. */
#include <core/arith.h>
#include <core/fmt.h>
#include <yyjson.h>
#include "call.h"

/* The one way a VM becomes JSON. */
static yyjson_mut_val *vm_to_json(yyjson_mut_doc *doc, const struct vm_ctl *c)
{
	const struct vm_spec *s = &c->spec;
	yyjson_mut_val *o = yyjson_mut_obj(doc), *stats;
	enum vm_state state = vm_ctl_state(c);
	struct vm_stats st = {0};

	if (c->vm)
		vm_stats(c->vm, &st);
	yyjson_mut_obj_add_strcpy(doc, o, "name", s->name);
	yyjson_mut_obj_add_uint(doc, o, "vcpus", s->vcpus);
	yyjson_mut_obj_add_uint(doc, o, "memory_mib", s->memory_mib);
	yyjson_mut_obj_add_strcpy(doc, o, "kernel", s->kernel);
	if (s->initrd[0])
		yyjson_mut_obj_add_strcpy(doc, o, "initrd", s->initrd);
	else
		yyjson_mut_obj_add_null(doc, o, "initrd");
	yyjson_mut_obj_add_strcpy(doc, o, "cmdline", s->cmdline);
	yyjson_mut_obj_add_bool(doc, o, "autostart", s->autostart);
	yyjson_mut_obj_add_uint(doc, o, "weight", s->weight);
	yyjson_mut_obj_add_str(doc, o, "state", vm_state_name(state));
	if (vm_ctl_reason(c)[0])
		yyjson_mut_obj_add_strcpy(doc, o, "reason", vm_ctl_reason(c));
	else
		yyjson_mut_obj_add_null(doc, o, "reason");
	if (state == VM_STOPPED || state == VM_CRASHED)
		yyjson_mut_obj_add_null(doc, o, "uptime_ms");
	else
		yyjson_mut_obj_add_uint(doc, o, "uptime_ms", st.uptime_ns / NS_PER_MS);
	stats = yyjson_mut_obj_add_obj(doc, o, "stats");
	yyjson_mut_obj_add_uint(doc, stats, "exits", st.exits);
	yyjson_mut_obj_add_uint(doc, stats, "run_ms", st.run_ns / NS_PER_MS);
	yyjson_mut_obj_add_uint(doc, stats, "steal_ms", st.steal_ns / NS_PER_MS);
	yyjson_mut_obj_add_uint(doc, stats, "resident_kib", st.resident_bytes / KIB);
	yyjson_mut_obj_add_uint(doc, stats, "unknown_msrs", st.unknown_msrs);
	yyjson_mut_obj_add_uint(doc, stats, "unknown_ports", st.unknown_ports);
	yyjson_mut_obj_add_uint(doc, stats, "unknown_mmio", st.unknown_mmio);
	return o;
}

static void answer_vm(struct call *c, int status, const struct vm_ctl *vm)
{
	yyjson_mut_doc *doc = api_doc_new();

	if (doc)
		yyjson_mut_doc_set_root(doc, vm_to_json(doc, vm));
	api_json(c->x, status, doc);
}

void api_vms_list(struct call *c)
{
	yyjson_mut_doc *doc = api_doc_new();

	if (doc) {
		yyjson_mut_val *root = yyjson_mut_obj(doc), *items = yyjson_mut_obj_add_arr(doc, root, "items");

		yyjson_mut_doc_set_root(doc, root);
		for (struct vm_ctl *vm = vm_ctl_next(NULL); vm; vm = vm_ctl_next(vm))
			yyjson_mut_arr_append(items, vm_to_json(doc, vm));
	}
	api_json(c->x, 200, doc);
}

void api_vms_create(struct call *c)
{
	char location[VM_NAME_MAX + 16];
	struct vm_ctl *vm;
	struct problem p;

	if (vm_ctl_create(&c->body->vm, &vm, &p)) {
		api_problem(c->x, &p);
		return;
	}
	fmt_buf(location, sizeof(location), "/v1/vms/%s", vm->spec.name);
	http_add_header(c->x, "Location", location);
	answer_vm(c, 201, vm);
}

void api_vm_get(struct call *c)
{
	struct vm_ctl *vm = call_vm(c);

	if (vm)
		answer_vm(c, 200, vm);
}

void api_vm_delete(struct call *c)
{
	struct vm_ctl *vm = call_vm(c);
	struct problem p;

	if (!vm)
		return;
	if (vm_ctl_delete(vm, &p))
		api_problem(c->x, &p);
	else
		api_empty(c->x, 204);
}

/* All transitions are alike: they may block, so the object is held meanwhile. */
static void transition(struct call *c, err_t (*act)(struct vm_ctl *, struct problem *))
{
	struct vm_ctl *vm = call_vm(c);
	struct problem p;
	err_t e;

	if (!vm)
		return;
	vm_ctl_ref(vm);
	e = act(vm, &p);
	if (e)
		api_problem(c->x, &p);
	else
		answer_vm(c, 200, vm);
	vm_ctl_unref(vm);
}

void api_vm_start(struct call *c) { transition(c, vm_ctl_start); }
void api_vm_pause(struct call *c) { transition(c, vm_ctl_pause); }
void api_vm_resume(struct call *c) { transition(c, vm_ctl_resume); }
void api_vm_reset(struct call *c) { transition(c, vm_ctl_reset); }

void api_vm_stop(struct call *c)
{
	struct vm_ctl *vm = call_vm(c);
	struct problem p;
	err_t e;

	if (!vm)
		return;
	vm_ctl_ref(vm);
	e = vm_ctl_stop(vm, c->body->stop.timeout_ms, &p);
	if (e)
		api_problem(c->x, &p);
	else
		answer_vm(c, 200, vm);
	vm_ctl_unref(vm);
}
