/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the flattened device tree that a guest test was given (Devicetree Specification 0.4, 5). Nodes of the first two levels are all that
 * a test asks for. Trusts the loader. */
#include "guest.h"

enum { MAGIC = 0xd00dfeed, BEGIN_NODE = 1, END_NODE = 2, PROP = 3, END = 9 };
static const uint8_t *tree;

uint32_t be32(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

uint64_t be64(const void *p)
{
	return (uint64_t)be32(p) << 32 | be32((const uint8_t *)p + 4);
}

bool fdt_open(const void *at)
{
	tree = at && be32(at) == MAGIC ? at : NULL;
	return tree;
}

uint32_t fdt_total(void)
{
	return be32(tree + 4);
}

/* "memory" is the name of node "memory" and of "memory@40000000". */
static bool is_named(const char *node, const char *name)
{
	size_t n = strlen(name);

	return memcmp(node, name, n) == 0 && (node[n] == 0 || node[n] == '@');
}

struct walk { const char *top, *child, *property; unsigned depth, found; bool in_top, in_node; const void **value; uint32_t *len; };

static void enter_node(struct walk *w, const char *name)
{
	w->depth++;
	if (w->depth == 2)
		w->in_top = is_named(name, w->top);
	w->in_node = w->child ? w->depth == 3 && w->in_top && is_named(name, w->child) : w->depth == 2 && w->in_top;
	w->found += w->in_node;
}

static void see_property(struct walk *w, const uint8_t *p)
{
	const char *name = (const char *)tree + be32(tree + 12) + be32(p + 4);

	if (!w->in_node || w->found != 1 || !w->property || strcmp(name, w->property) != 0)
		return;
	*w->value = p + 8;
	*w->len = be32(p);
}

unsigned fdt_find(const char *top, const char *child, const char *property, const void **value, uint32_t *len)
{
	struct walk w = {.top = top, .child = child, .property = property, .value = value, .len = len};
	const uint8_t *p;

	if (value)
		*value = NULL;
	if (!tree)
		return 0;
	for (p = tree + be32(tree + 8);;) {
		uint32_t token = be32(p);

		p += 4;
		if (token == BEGIN_NODE) {
			enter_node(&w, (const char *)p);
			p += (strlen((const char *)p) + 4) & ~3ull;
		} else if (token == PROP) {
			see_property(&w, p);
			p += 8 + ((be32(p) + 3) & ~3u);
		} else if (token == END_NODE) {
			w.depth--;
			w.in_node = false;
			if (w.depth < 2)
				w.in_top = false;
		} else if (token == END) {
			return w.found;
		}
	}
}
