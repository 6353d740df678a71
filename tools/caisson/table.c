/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables for people; see table.h. Everything shown came from a node or a guest,
 * so each cell is masked before it is kept.
 */
#include "table.h"

#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void table_init(struct table *t, const char *const *headers, size_t columns)
{
	*t = (struct table){.columns = columns};
	for (size_t i = 0; i < columns; i++)
		table_cell(t, headers[i]);
}

void table_cell(struct table *t, const char *text)
{
	if (t->failed)
		return;
	if (t->count == t->capacity) {
		size_t capacity = t->capacity ? t->capacity * 2 : 64;
		char **cells = realloc(t->cells, capacity * sizeof *cells);
		if (!cells) {
			t->failed = true;
			return;
		}
		t->cells = cells;
		t->capacity = capacity;
	}
	char masked[256];
	const char *shown = text && *text ? text : "-";
	text_mask(shown, strlen(shown), masked, sizeof masked);
	t->cells[t->count] = strdup(masked);
	t->failed = t->cells[t->count] == NULL;
	t->count += !t->failed;
}

bool table_print(const struct table *t)
{
	size_t width[TABLE_MAX_COLUMNS] = {0};
	if (t->failed)
		return false;
	for (size_t i = 0; i < t->count; i++) {
		size_t w = text_columns(t->cells[i]);
		if (w > width[i % t->columns])
			width[i % t->columns] = w;
	}
	for (size_t i = 0; i < t->count; i++) {
		bool last = i % t->columns == t->columns - 1;
		fputs(t->cells[i], stdout);
		if (last)
			putchar('\n');
		else
			printf("%*s", (int)(width[i % t->columns] - text_columns(t->cells[i]) + 2), "");
	}
	return true;
}

void table_fini(struct table *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct table){0};
}

void table_field(const char *label, const char *value)
{
	char masked[2100];
	const char *shown = value && *value ? value : "-";
	text_mask(shown, strlen(shown), masked, sizeof masked);
	printf("%-16s %s\n", label, masked);
}

void table_line(const char *text)
{
	char masked[512];
	text_mask(text, strlen(text), masked, sizeof masked);
	puts(masked);
}
