/* SPDX-License-Identifier: Apache-2.0 */
/* `list` of any noun: the server's JSON as it is, names alone, or a table with a row for each object. Knows no noun. */
#include "api.h"
#include "list.h"

enum cli_exit list_print(struct cli *cli, const struct cli_args *args, const char *path, const char *const *headers, size_t columns,
			 void (*add_row)(struct table *t, yyjson_val *item))
{
	struct api api = {0};
	yyjson_doc *doc = NULL;
	size_t i, max;
	yyjson_val *item;
	enum cli_exit code = api_get_json(cli, &api, "GET", path, NULL, API_TIMEOUT_MS, &doc);
	if (code == CLI_OK && doc) {
		bool names = args_option(args, "names") != NULL;
		struct table t;
		table_init(&t, headers, columns);
		yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(doc), "items"), i, max, item)
		{
			if (names)
				table_line(json_text(item, "name", ""));
			else
				add_row(&t, item);
		}
		if (!names && !table_print(&t))
			code = cli_fail(cli, CLI_LOCAL, "out of memory");
		table_fini(&t);
	}
	yyjson_doc_free(doc);
	api_fini(&api);
	return code;
}
