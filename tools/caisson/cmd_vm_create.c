/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caisson vm create: a VM from options, from a JSON file, or from both (options
 * win). Checks only what the command line itself can know; the rest is the
 * node's to refuse.
 */
#include "api.h"
#include "table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Empty object, or the one in --file. */
static enum cli_exit create_base(struct cli *cli, const char *file, yyjson_mut_doc *doc)
{
	yyjson_read_err error;
	size_t size = 0;
	if (!file) {
		yyjson_mut_doc_set_root(doc, yyjson_mut_obj(doc));
		return CLI_OK;
	}
	char *text = file_read(file, 65536, &size);
	if (!text)
		return cli_fail(cli, CLI_LOCAL, "cannot read %s: %s", file, strerror(errno));
	yyjson_doc *read = yyjson_read_opts(text, size, 0, NULL, &error);
	enum cli_exit code = CLI_OK;
	if (!read) {
		size_t line = 1;
		for (size_t i = 0; i < error.pos && i < size; i++)
			line += text[i] == '\n';
		code = cli_fail(cli, CLI_USAGE, "%s:%zu: expected a JSON object: %s", file, line, error.msg);
	} else if (!yyjson_is_obj(yyjson_doc_get_root(read))) {
		code = cli_fail(cli, CLI_USAGE, "%s: expected a JSON object", file);
	} else {
		yyjson_mut_doc_set_root(doc, yyjson_val_mut_copy(doc, yyjson_doc_get_root(read)));
	}
	yyjson_doc_free(read);
	free(text);
	return code;
}

static void create_put(yyjson_mut_doc *doc, const char *key, yyjson_mut_val *value)
{
	yyjson_mut_obj_put(yyjson_mut_doc_get_root(doc), yyjson_mut_str(doc, key), value);
}

static void create_put_text(yyjson_mut_doc *doc, const struct cli_args *args, const char *key)
{
	const char *value = args_option(args, key);
	if (value)
		create_put(doc, key, yyjson_mut_str(doc, value));
}

static enum cli_exit create_put_number(struct cli *cli, yyjson_mut_doc *doc, const struct cli_args *args, const char *key)
{
	uint64_t number;
	const char *value = args_option(args, key);
	if (!value)
		return CLI_OK;
	if (!text_parse_u64(value, UINT32_MAX, &number))
		return cli_fail(cli, CLI_USAGE, "--%s %s: expected a number", key, value);
	create_put(doc, key, yyjson_mut_uint(doc, number));
	return CLI_OK;
}

static enum cli_exit create_put_memory(struct cli *cli, yyjson_mut_doc *doc, const struct cli_args *args)
{
	uint64_t mib;
	const char *value = args_option(args, "memory");
	if (!value)
		return CLI_OK;
	if (!text_parse_mib(value, &mib))
		return cli_fail(cli, CLI_USAGE, "--memory %s: expected a size like 256M or 2G", value);
	create_put(doc, "memory_mib", yyjson_mut_uint(doc, mib));
	return CLI_OK;
}

static enum cli_exit create_fill(struct cli *cli, yyjson_mut_doc *doc, const struct cli_args *args)
{
	enum cli_exit code = create_base(cli, args_option(args, "file"), doc);
	if (code != CLI_OK)
		return code;
	if (args->count > 0)
		create_put(doc, "name", yyjson_mut_str(doc, args->positional[0]));
	create_put_text(doc, args, "kernel");
	create_put_text(doc, args, "initrd");
	create_put_text(doc, args, "cmdline");
	if (args_option(args, "autostart"))
		create_put(doc, "autostart", yyjson_mut_bool(doc, true));
	code = create_put_number(cli, doc, args, "vcpus");
	if (code == CLI_OK)
		code = create_put_number(cli, doc, args, "weight");
	if (code == CLI_OK)
		code = create_put_memory(cli, doc, args);
	if (code != CLI_OK)
		return code;
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
	if (!yyjson_mut_is_str(yyjson_mut_obj_get(root, "name")))
		return cli_fail(cli, CLI_USAGE, "a VM needs a name: caisson vm create NAME --kernel IMAGE");
	if (!yyjson_mut_is_str(yyjson_mut_obj_get(root, "kernel")))
		return cli_fail(cli, CLI_USAGE, "a VM needs a kernel: --kernel IMAGE ('caisson image list' shows what there is)");
	return CLI_OK;
}

/* Sends it and, for --start, starts it; one answer is shown, the last. */
static enum cli_exit create_send(struct cli *cli, const char *name, const char *body, bool start)
{
	struct api api = {0};
	struct buffer out = {0};
	char path[320], line[200];
	yyjson_doc *doc = NULL;
	enum cli_exit code = api_path(cli, "vms", name, "/start", path, sizeof path);
	if (code == CLI_OK && start) {
		code = api_call(cli, &api, "POST", "/v1/vms", body, API_TIMEOUT_MS, &out);
		if (code == CLI_OK)
			code = api_get_json(cli, &api, "POST", path, NULL, API_TIMEOUT_MS, &doc);
	} else if (code == CLI_OK) {
		code = api_get_json(cli, &api, "POST", "/v1/vms", body, API_TIMEOUT_MS, &doc);
	}
	if (code == CLI_OK && doc) {
		snprintf(line, sizeof line, "%s: created, %s", name, json_text(yyjson_doc_get_root(doc), "state", "stopped"));
		table_line(line);
	}
	yyjson_doc_free(doc);
	buffer_free(&out);
	api_fini(&api);
	return code;
}

enum cli_exit cmd_vm_create(struct cli *cli, const struct cli_args *args)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	if (!doc)
		return cli_fail(cli, CLI_LOCAL, "out of memory");
	char *body = NULL;
	enum cli_exit code = create_fill(cli, doc, args);
	if (code == CLI_OK) {
		body = yyjson_mut_write(doc, 0, NULL);
		if (!body)
			code = cli_fail(cli, CLI_USAGE, "the VM cannot be written as JSON (an option is not UTF-8?)");
	}
	if (code == CLI_OK) {
		const char *name = yyjson_mut_get_str(yyjson_mut_obj_get(yyjson_mut_doc_get_root(doc), "name"));
		code = create_send(cli, name, body, args_option(args, "start") != NULL);
	}
	free(body);
	yyjson_mut_doc_free(doc);
	return code;
}
