/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain tables for people: cells are masked copies, columns as wide as they
 * need to be. Knows nothing of what it shows.
 */
#ifndef CAISSON_TABLE_H
#define CAISSON_TABLE_H

#include <stdbool.h>
#include <stddef.h>

enum { TABLE_MAX_COLUMNS = 8 };

struct table {
	size_t columns;
	size_t count; /* cells so far, the header's included */
	size_t capacity;
	char **cells;
	bool failed; /* out of memory; table_print then says so */
};

/* headers: columns strings, at most TABLE_MAX_COLUMNS. */
void table_init(struct table *t, const char *const *headers, size_t columns);
/* Adds the next cell; NULL shows as "-". */
void table_cell(struct table *t, const char *text);
/* Writes to stdout; false when memory ran out while it was filled. */
bool table_print(const struct table *t);
void table_fini(struct table *t);

/* One masked line without a label. */
void table_line(const char *text);
/* One "label:  value" line of a detail view; value is masked, NULL shows as "-". */
void table_field(const char *label, const char *value);

#endif
