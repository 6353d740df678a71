/* SPDX-License-Identifier: Apache-2.0 */
/* caisson.yaml from text to struct config. CPU 0, once at boot, in the start task. The tables (tables.c) say what may be in it. */
#include <core/log.h>
#include <string.h>
#include "config_impl.h"

static void map_defaults(const struct config_map *m, void *obj)
{
	for (unsigned i = 0; i < m->nkeys; i++) {
		const struct config_key *k = &m->keys[i];

		if (k->kind == CONFIG_MAP)
			map_defaults(k->map, (char *)obj + k->off);
		else if (k->def)
			(void)config_set(k, obj, k->def, strlen(k->def), false); /* the unit test sees that all are set */
	}
}

void config_defaults(struct config *c)
{
	memset(c, 0, sizeof(*c));
	c->file = "caisson.yaml";
	map_defaults(&config_root, c);
}

/* stream start, document start, the root, document end, stream end. */
static void read_stream(struct config_reader *r)
{
	if (!config_next(r) || !config_next(r) || r->event.type == YAML_STREAM_END_EVENT)
		return; /* nothing but comments: all defaults */
	if (r->event.data.document_start.tag_directives.start != r->event.data.document_start.tag_directives.end)
		config_mistake(r, config_here(r), "%%TAG is not supported");
	if (!config_next(r))
		return;
	config_read_root(r);
	if (!config_next(r) || !config_next(r))
		return;
	if (r->event.type != YAML_STREAM_END_EVENT)
		config_mistake(r, config_here(r), "expected the end of the file, found another document; it is not used");
}

unsigned config_parse(struct config *c, const char *file, const char *text, size_t n)
{
	struct config_reader r = {.c = c};

	c->file = file;
	if (n > CONFIG_MAX_BYTES) {
		config_mistake(&r, (struct config_mark){1, 1}, "expected at most %u bytes, found %zu; none of it is used", CONFIG_MAX_BYTES, n);
		return c->mistakes;
	}
	if (!config_reader_init(&r, c, text, n)) {
		config_mistake(&r, (struct config_mark){1, 1}, "out of memory; none of it is used");
		return c->mistakes;
	}
	read_stream(&r);
	config_reader_fini(&r);
	return c->mistakes;
}

void config_log(const struct config *c, unsigned from)
{
	for (; from < c->nerrors; from++)
		log_error("config", "%s", c->errors[from]);
}
