/* SPDX-License-Identifier: Apache-2.0 */
/* See fdt.h. The structure block begins behind the header and an empty list of reservations; strings follow it. */
#include "fdt.h"
#include <string.h>

enum { MAGIC = 0xd00dfeed, BEGIN_NODE = 1, END_NODE = 2, PROP = 3, END = 9, VERSION = 17, COMPATIBLE = 16, HEADER = 40, RESERVATIONS = 16 };

static void put(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void token(struct fdt *f, uint32_t v)
{
	put(f->p + f->at, v);
	f->at += 4;
}

static void bytes(struct fdt *f, const void *value, size_t len)
{
	memcpy(f->p + f->at, value, len);
	f->at = (f->at + len + 3) & ~3ul;
}

void fdt_begin(struct fdt *f, void *p)
{
	*f = (struct fdt){ .p = p, .at = HEADER + RESERVATIONS };
	fdt_node(f, "");
}

void fdt_node(struct fdt *f, const char *name)
{
	token(f, BEGIN_NODE);
	bytes(f, name, strlen(name) + 1);
}

void fdt_node_end(struct fdt *f)
{
	token(f, END_NODE);
}

void fdt_prop(struct fdt *f, const char *name, const void *value, size_t len)
{
	token(f, PROP);
	token(f, (uint32_t)len);
	token(f, (uint32_t)f->strings_len);
	bytes(f, value, len);
	memcpy(f->strings + f->strings_len, name, strlen(name) + 1);
	f->strings_len += strlen(name) + 1;
}

void fdt_string(struct fdt *f, const char *name, const char *value)
{
	fdt_prop(f, name, value, strlen(value) + 1);
}

void fdt_cells(struct fdt *f, const char *name, const uint32_t *cells, size_t n)
{
	uint8_t b[64];

	for (size_t i = 0; i < n; i++)
		put(b + 4 * i, cells[i]);
	fdt_prop(f, name, b, 4 * n);
}

void fdt_end(struct fdt *f)
{
	const uint32_t structure = HEADER + RESERVATIONS;
	uint32_t strings, header[10];

	fdt_node_end(f);
	token(f, END);
	strings = (uint32_t)f->at;
	bytes(f, f->strings, f->strings_len);
	memcpy(header, (const uint32_t[]){ MAGIC, (uint32_t)f->at, structure, strings, HEADER, VERSION, COMPATIBLE, 0, (uint32_t)f->strings_len, strings - structure },
	       sizeof header);
	for (unsigned i = 0; i < 10; i++)
		put(f->p + 4 * i, header[i]);
}
