/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caisson profile list|use: which nodes this machine is paired with. Files
 * only, no network.
 */
#include "profile.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

static void profile_add(struct table *t, yyjson_mut_doc *doc, yyjson_mut_val *items, const struct profile *p, bool current)
{
	char url[300];
	url_format(&p->url, url, sizeof url);
	table_cell(t, p->name);
	table_cell(t, p->node);
	table_cell(t, url);
	table_cell(t, current ? "yes" : "");
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(doc, items);
	yyjson_mut_obj_add_strcpy(doc, o, "name", p->name);
	yyjson_mut_obj_add_strcpy(doc, o, "node", p->node);
	yyjson_mut_obj_add_strcpy(doc, o, "url", url);
	yyjson_mut_obj_add_strcpy(doc, o, "fingerprint", p->fingerprint);
	yyjson_mut_obj_add_bool(doc, o, "default", current);
}

static bool profile_print(const struct cli *cli, const struct table *t, yyjson_mut_doc *doc)
{
	if (!cli->json)
		return table_print(t);
	char *text = yyjson_mut_write(doc, 0, NULL);
	bool ok = text && puts(text) >= 0;
	free(text);
	return ok;
}

enum cli_exit cmd_profile_list(struct cli *cli, const struct cli_args *args)
{
	static const char *const headers[] = {"NAME", "NODE", "URL", "DEFAULT"};
	char current[PROFILE_NAME_SIZE];
	char **names;
	size_t count;
	struct table t;
	enum cli_exit code = profile_names(cli, &names, &count);
	if (code != CLI_OK)
		return code;
	profile_default(current);
	table_init(&t, headers, 4);
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_val *items = yyjson_mut_obj_add_arr(doc, root, "items");
	bool only_names = args_option(args, "names") != NULL && !cli->json; /* as with every list, --json wins */
	for (size_t i = 0; i < count && code == CLI_OK; i++) {
		struct profile p;
		if (only_names) {
			table_line(names[i]);
			continue;
		}
		code = profile_load(cli, names[i], &p);
		if (code != CLI_OK)
			break;
		profile_add(&t, doc, items, &p, strcmp(current, names[i]) == 0);
		profile_fini(&p);
	}
	if (code == CLI_OK && !only_names && !profile_print(cli, &t, doc))
		code = cli_fail(cli, CLI_LOCAL, "out of memory");
	yyjson_mut_doc_free(doc);
	table_fini(&t);
	profile_names_free(names, count);
	return code;
}

enum cli_exit cmd_profile_use(struct cli *cli, const struct cli_args *args)
{
	const char *name = args->positional[0];
	if (!profile_name_ok(name) || !profile_exists(name))
		return cli_fail(cli, CLI_NOT_FOUND, "there is no profile '%s'; 'caisson profile list' shows what there is", name);
	enum cli_exit code = profile_set_default(cli, name);
	if (code == CLI_OK && !cli->json)
		printf("Profile '%s' is now the default.\n", name);
	return code;
}
