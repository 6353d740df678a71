/* SPDX-License-Identifier: Apache-2.0 */
/* /v1/health, /v1/node and its actions, /v1/openapi.json. CPU 0, the connection's task. */
#include <core/arch.h>
#include <core/arith.h>
#include <core/boot_info.h>
#include <core/clock.h>
#include <core/hal.h>
#include <core/log.h>
#include <embed.h>
#include <net/netif.h>
#include <sandbox/node.h>
#include <yyjson.h>
#include "call.h"

enum { END_STACK = 32 * 1024 };

void api_health(struct call *c)
{
	static const char ok[] = "{\"status\":\"ok\"}\n";

	http_respond(c->x, 200, "application/json", ok, sizeof(ok) - 1);
}

void api_openapi(struct call *c)
{
	http_respond(c->x, 200, "application/json", embed_openapi, embed_openapi_size);
}

static void add_machine(yyjson_mut_doc *doc, yyjson_mut_val *o)
{
	yyjson_mut_val *memory, *virt;
	struct page_stats pages;

	page_stats(&pages);
	yyjson_mut_obj_add_uint(doc, o, "cpus", hal_cpu_count());
	memory = yyjson_mut_obj_add_obj(doc, o, "memory");
	yyjson_mut_obj_add_uint(doc, memory, "total_kib", pages.total * (PAGE_SIZE / KIB));
	yyjson_mut_obj_add_uint(doc, memory, "free_kib", pages.free * (PAGE_SIZE / KIB));
	yyjson_mut_obj_add_uint(doc, memory, "reserved_kib", pages.reserved * (PAGE_SIZE / KIB));
	virt = yyjson_mut_obj_add_obj(doc, o, "virtualization");
	yyjson_mut_obj_add_bool(doc, virt, "available", hv_current != NULL);
	if (hv_current) {
		yyjson_mut_obj_add_str(doc, virt, "backend", hv_current->name);
		yyjson_mut_obj_add_null(doc, virt, "reason");
	} else {
		yyjson_mut_obj_add_null(doc, virt, "backend");
		yyjson_mut_obj_add_strcpy(doc, virt, "reason", hv_reason());
	}
}

static void add_time(yyjson_mut_doc *doc, yyjson_mut_val *o)
{
	static const char *const sources[] = {[CLOCK_NONE] = "none", [CLOCK_UEFI] = "uefi", [CLOCK_SNTP] = "sntp"};
	char now[25];

	clock_rfc3339(clock_utc_ns(), now);
	yyjson_mut_obj_add_uint(doc, o, "uptime_ms", hal_clock_ns() / NS_PER_MS);
	yyjson_mut_obj_add_strcpy(doc, o, "time", now);
	yyjson_mut_obj_add_str(doc, o, "time_source", sources[clock_source()]);
}

static void add_lists(yyjson_mut_doc *doc, yyjson_mut_val *o)
{
	yyjson_mut_val *addresses = yyjson_mut_obj_add_arr(doc, o, "addresses"), *errors = yyjson_mut_obj_add_arr(doc, o, "config_errors"), *vms;
	unsigned running, total = vm_ctl_count(&running);
	char address[46];

	for (unsigned i = 0; net_address(i, address); i++)
		yyjson_mut_arr_add_strcpy(doc, addresses, address);
	for (unsigned i = 0; i < node.config->nerrors; i++)
		yyjson_mut_arr_add_strcpy(doc, errors, node.config->errors[i]);
	vms = yyjson_mut_obj_add_obj(doc, o, "vms");
	yyjson_mut_obj_add_uint(doc, vms, "total", total);
	yyjson_mut_obj_add_uint(doc, vms, "running", running);
}

void api_node_get(struct call *c)
{
	yyjson_mut_doc *doc = api_doc_new();

	if (doc) {
		yyjson_mut_val *o = yyjson_mut_obj(doc);

		yyjson_mut_doc_set_root(doc, o);
		yyjson_mut_obj_add_strcpy(doc, o, "name", node.name);
		yyjson_mut_obj_add_str(doc, o, "version", node_version());
		yyjson_mut_obj_add_str(doc, o, "arch", ARCH_NAME);
		yyjson_mut_obj_add_strcpy(doc, o, "cpu_model", hal_cpu_model());
		add_time(doc, o);
		yyjson_mut_obj_add_bool(doc, o, "secure_boot", boot_info->secure_boot);
		add_machine(doc, o);
		yyjson_mut_obj_add_strcpy(doc, o, "fingerprint", tls_identity_fingerprint(node.identity));
		yyjson_mut_obj_add_bool(doc, o, "identity_persistent", node.identity_persistent);
		add_lists(doc, o);
	}
	api_json(c->x, 200, doc);
}

static void reboot_task(void *arg) { (void)arg; node_reboot(); }
static void poweroff_task(void *arg) { (void)arg; node_poweroff(); }

/* The answer goes out first; the end comes in a task of its own, once. */
static void end_node(struct call *c, const char *name, void (*fn)(void *))
{
	static bool ending;
	struct task *t;

	if (ending) {
		api_problem_text(c->x, PROBLEM_CONFLICT, "the node is ending already");
	} else if (task_create(name, fn, NULL, END_STACK, &t) != OK) {
		api_problem_text(c->x, PROBLEM_INSUFFICIENT_MEMORY, "no memory to end the node in order");
	} else {
		ending = true;
		http_respond(c->x, 202, "application/json", "{}\n", 3);
	}
}

void api_node_reboot(struct call *c) { end_node(c, "reboot", reboot_task); }
void api_node_poweroff(struct call *c) { end_node(c, "poweroff", poweroff_task); }
