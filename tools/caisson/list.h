/* SPDX-License-Identifier: Apache-2.0 */
/* What `vm list` and `image list` share. */
#ifndef CAISSON_LIST_H
#define CAISSON_LIST_H
#include <yyjson.h>
#include "cli.h"
#include "table.h"

/* GETs path and prints its items: as JSON, as names (option "names"), or as a table whose rows add_row fills. */
enum cli_exit list_print(struct cli *cli, const struct cli_args *args, const char *path, const char *const *headers, size_t columns,
			 void (*add_row)(struct table *t, yyjson_val *item));

#endif
