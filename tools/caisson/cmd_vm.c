/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caisson vm list|show|start|stop|pause|resume|reset|delete|logs. Creation and
 * the console have files of their own.
 */
#include "api.h"
#include "list.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void vm_add_row(struct table *t, yyjson_val *vm)
{
	char number[32], text[TEXT_SHORT];
	yyjson_val *uptime = yyjson_obj_get(vm, "uptime_ms");
	table_cell(t, json_text(vm, "name", ""));
	table_cell(t, json_text(vm, "state", ""));
	snprintf(number, sizeof number, "%llu", (unsigned long long)json_number(vm, "vcpus", 0));
	table_cell(t, number);
	table_cell(t, text_size(json_number(vm, "memory_mib", 0) << 20, text));
	table_cell(t, yyjson_is_uint(uptime) ? text_duration(yyjson_get_uint(uptime), text) : NULL);
	table_cell(t, json_text(vm, "reason", ""));
}

enum cli_exit cmd_vm_list(struct cli *cli, const struct cli_args *args)
{
	static const char *const headers[] = {"NAME", "STATE", "VCPUS", "MEMORY", "UPTIME", "REASON"};
	return list_print(cli, args, "/v1/vms", headers, 6, vm_add_row);
}

static void vm_show_stats(yyjson_val *vm)
{
	static const char *const counters[] = {"exits", "unknown_msrs", "unknown_ports", "unknown_mmio"};
	static const char *const labels[] = {"exits", "unknown MSRs", "unknown ports", "unknown MMIO"};
	char line[96], text[TEXT_SHORT];
	yyjson_val *stats = yyjson_obj_get(vm, "stats");
	if (!stats)
		return;
	table_field("resident", text_size(json_number(stats, "resident_kib", 0) * 1024, text));
	snprintf(line, sizeof line, "%llu ms run, %llu ms waited for a CPU", (unsigned long long)json_number(stats, "run_ms", 0),
	         (unsigned long long)json_number(stats, "steal_ms", 0));
	table_field("CPU time", line);
	for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
		snprintf(line, sizeof line, "%llu", (unsigned long long)json_number(stats, counters[i], 0));
		table_field(labels[i], line);
	}
}

static void vm_show(yyjson_val *vm)
{
	char line[64], text[TEXT_SHORT];
	yyjson_val *uptime = yyjson_obj_get(vm, "uptime_ms");
	table_field("name", json_text(vm, "name", ""));
	table_field("state", json_text(vm, "state", ""));
	if (*json_text(vm, "reason", ""))
		table_field("reason", json_text(vm, "reason", ""));
	table_field("uptime", yyjson_is_uint(uptime) ? text_duration(yyjson_get_uint(uptime), text) : NULL);
	snprintf(line, sizeof line, "%llu, weight %llu", (unsigned long long)json_number(vm, "vcpus", 0),
	         (unsigned long long)json_number(vm, "weight", 0));
	table_field("vCPUs", line);
	table_field("memory", text_size(json_number(vm, "memory_mib", 0) << 20, text));
	table_field("kernel", json_text(vm, "kernel", ""));
	table_field("initrd", json_text(vm, "initrd", ""));
	table_field("command line", json_text(vm, "cmdline", ""));
	table_field("autostart", json_true(vm, "autostart") ? "yes" : "no");
	vm_show_stats(vm);
}

enum cli_exit cmd_vm_show(struct cli *cli, const struct cli_args *args)
{
	struct api api = {0};
	yyjson_doc *doc = NULL;
	char path[320];
	enum cli_exit code = api_path(cli, "vms", args->positional[0], "", path, sizeof path);
	if (code == CLI_OK)
		code = api_get_json(cli, &api, "GET", path, NULL, API_TIMEOUT_MS, &doc);
	if (code == CLI_OK && doc)
		vm_show(yyjson_doc_get_root(doc));
	yyjson_doc_free(doc);
	api_fini(&api);
	return code;
}

/* POST .../VERB and one line that says the new state. */
static enum cli_exit vm_post(struct cli *cli, const char *name, const char *tail, const char *body, int timeout_ms)
{
	struct api api = {0};
	yyjson_doc *doc = NULL;
	char path[320], line[200];
	enum cli_exit code = api_path(cli, "vms", name, tail, path, sizeof path);
	if (code == CLI_OK)
		code = api_get_json(cli, &api, "POST", path, body, timeout_ms, &doc);
	if (code == CLI_OK && doc) {
		yyjson_val *vm = yyjson_doc_get_root(doc);
		snprintf(line, sizeof line, "%s: %s", json_text(vm, "name", name), json_text(vm, "state", "done"));
		table_line(line);
	}
	yyjson_doc_free(doc);
	api_fini(&api);
	return code;
}

/* start, pause, resume and reset differ only in the verb of their row. */
enum cli_exit cmd_vm_action(struct cli *cli, const struct cli_args *args)
{
	char tail[32];
	snprintf(tail, sizeof tail, "/%s", args->command->verb);
	return vm_post(cli, args->positional[0], tail, NULL, API_TIMEOUT_MS);
}

enum cli_exit cmd_vm_stop(struct cli *cli, const struct cli_args *args)
{
	char body[64];
	uint64_t timeout_ms = 10000;
	const char *timeout = args_option(args, "timeout");
	if (timeout && !text_parse_ms(timeout, &timeout_ms))
		return cli_fail(cli, CLI_USAGE, "--timeout %s: expected a time like 10s, 500ms or 2m", timeout);
	snprintf(body, sizeof body, "{\"timeout_ms\":%llu}", (unsigned long long)timeout_ms);
	/* The node answers once the VM has stopped. */
	return vm_post(cli, args->positional[0], "/stop", body, (int)timeout_ms + API_TIMEOUT_MS);
}

enum cli_exit cmd_vm_delete(struct cli *cli, const struct cli_args *args)
{
	struct api api = {0};
	struct buffer out = {0};
	char path[320];
	enum cli_exit code = api_path(cli, "vms", args->positional[0], "", path, sizeof path);
	if (code == CLI_OK)
		code = api_call(cli, &api, "DELETE", path, NULL, API_TIMEOUT_MS, &out);
	if (code == CLI_OK && !cli->json)
		printf("%s: deleted\n", args->positional[0]);
	buffer_free(&out);
	api_fini(&api);
	return code;
}

enum cli_exit cmd_vm_logs(struct cli *cli, const struct cli_args *args)
{
	struct api api = {0};
	struct buffer out = {0};
	char path[320];
	enum cli_exit code = api_path(cli, "vms", args->positional[0], "/console/log", path, sizeof path);
	if (code == CLI_OK)
		code = api_call(cli, &api, "GET", path, NULL, API_TIMEOUT_MS, &out);
	if (code == CLI_OK && out.length) {
		/* A guest must not steer the operator's terminal; a file gets the bytes as they are. */
		if (isatty(STDOUT_FILENO) && !args_option(args, "raw"))
			text_mask_log(out.data, out.length);
		fwrite(out.data, 1, out.length, stdout);
	}
	buffer_free(&out);
	api_fini(&api);
	return code;
}
