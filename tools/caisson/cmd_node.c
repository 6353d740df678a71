/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caisson node info|reboot|poweroff. Shows what GET /v1/node says; everything
 * shown is masked by table_field.
 */
#include "api.h"
#include "table.h"

#include <stdio.h>
#include <string.h>

static void node_show_memory(yyjson_val *node)
{
	char total[TEXT_SHORT], avail[TEXT_SHORT], reserved[TEXT_SHORT], line[200];
	yyjson_val *m = yyjson_obj_get(node, "memory");
	snprintf(line, sizeof line, "%s total, %s free, %s reserved for VMs",
	         text_size(json_number(m, "total_kib", 0) * 1024, total), text_size(json_number(m, "free_kib", 0) * 1024, avail),
	         text_size(json_number(m, "reserved_kib", 0) * 1024, reserved));
	table_field("memory", line);
}

static void node_show_virtualization(yyjson_val *node)
{
	char line[400];
	yyjson_val *v = yyjson_obj_get(node, "virtualization");
	const char *backend = json_text(v, "backend", "none");
	if (json_true(v, "available"))
		snprintf(line, sizeof line, "%s", backend);
	else
		snprintf(line, sizeof line, "not available (%s): %s", backend, json_text(v, "reason", "no reason given"));
	table_field("virtualization", line);
}

static void node_show_list(yyjson_val *node, const char *key, const char *label)
{
	size_t i, max;
	yyjson_val *item;
	yyjson_arr_foreach(yyjson_obj_get(node, key), i, max, item)
	{
		table_field(i == 0 ? label : "", yyjson_get_str(item));
	}
}

static void node_show(yyjson_val *node)
{
	char line[200], time[TEXT_SHORT];
	yyjson_val *vms = yyjson_obj_get(node, "vms");
	table_field("name", json_text(node, "name", ""));
	snprintf(line, sizeof line, "%s (%s)", json_text(node, "version", "?"), json_text(node, "arch", "?"));
	table_field("version", line);
	table_field("uptime", text_duration(json_number(node, "uptime_ms", 0), time));
	snprintf(line, sizeof line, "%s (%s)", json_text(node, "time", "?"), json_text(node, "time_source", "?"));
	table_field("time", line);
	table_field("secure boot", json_true(node, "secure_boot") ? "on" : "off");
	snprintf(line, sizeof line, "%llu", (unsigned long long)json_number(node, "cpus", 0));
	table_field("cpus", line);
	node_show_memory(node);
	node_show_virtualization(node);
	node_show_list(node, "addresses", "addresses");
	table_field("fingerprint", json_text(node, "fingerprint", ""));
	snprintf(line, sizeof line, "%llu, %llu running", (unsigned long long)json_number(vms, "total", 0),
	         (unsigned long long)json_number(vms, "running", 0));
	table_field("VMs", line);
	node_show_list(node, "config_errors", "config errors");
}

enum cli_exit cmd_node_info(struct cli *cli, const struct cli_args *args)
{
	struct api api = {0};
	yyjson_doc *doc = NULL;
	(void)args;
	enum cli_exit code = api_get_json(cli, &api, "GET", "/v1/node", NULL, API_TIMEOUT_MS, &doc);
	if (code == CLI_OK && doc)
		node_show(yyjson_doc_get_root(doc));
	yyjson_doc_free(doc);
	api_fini(&api);
	return code;
}

static enum cli_exit node_power(struct cli *cli, const char *path, const char *done)
{
	struct api api = {0};
	struct buffer out = {0};
	enum cli_exit code = api_call(cli, &api, "POST", path, NULL, API_TIMEOUT_MS, &out);
	if (code == CLI_OK)
		printf("%s\n", cli->json ? (out.length ? out.data : "{}") : done);
	buffer_free(&out);
	api_fini(&api);
	return code;
}

enum cli_exit cmd_node_reboot(struct cli *cli, const struct cli_args *args)
{
	(void)args;
	return node_power(cli, "/v1/node/reboot", "The node is restarting.");
}

enum cli_exit cmd_node_poweroff(struct cli *cli, const struct cli_args *args)
{
	(void)args;
	return node_power(cli, "/v1/node/poweroff", "The node is switching off.");
}
