/* SPDX-License-Identifier: Apache-2.0 */
/* libyaml's events one by one, with the bounds that hostile text needs, and the list of mistakes. Nothing is built in memory but
 * the current event, so that aliases cannot multiply anything. CPU 0, in the caller's task. Knows no keys. */
#include <core/arith.h>
#include <core/fmt.h>
#include <string.h>
#include "config_impl.h"

enum { FOUND_MAX = 32 };

bool config_reader_init(struct config_reader *r, struct config *c, const char *text, size_t n)
{
	*r = (struct config_reader){.c = c, .text = text, .n = n};
	if (!yaml_parser_initialize(&r->parser))
		return false;
	yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)text, n);
	return true;
}

void config_reader_fini(struct config_reader *r)
{
	yaml_event_delete(&r->event);
	yaml_parser_delete(&r->parser);
}

static void mistake_add(struct config *c, const char *where, const char *f, va_list ap)
{
	char *dst = c->errors[CONFIG_MAX_ERRORS - 1];
	size_t len, size = sizeof(c->errors[0]);

	if (c->mistakes++ >= CONFIG_MAX_ERRORS) { /* the last line that is kept stands for itself and the rest */
		fmt_buf(dst, size, "%s: %u more mistakes", c->file, c->mistakes - CONFIG_MAX_ERRORS + 1);
		return;
	}
	dst = c->errors[c->nerrors++];
	len = MIN(fmt_buf(dst, size, "%.*s: ", 80, where), size - 1);
	fmt_vbuf(dst + len, size - len, f, ap);
	for (; *dst; dst++) /* what a terminal would obey stays out */
		if ((unsigned char)*dst < 0x20 || (unsigned char)*dst >= 0x7f)
			*dst = '?';
}

void config_report(struct config *c, const char *where, const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	mistake_add(c, where, f, ap);
	va_end(ap);
}

void config_mistake(struct config_reader *r, struct config_mark at, const char *f, ...)
{
	char where[96];
	va_list ap;

	fmt_buf(where, sizeof(where), "%.*s:%u:%u", 58, r->c->file, at.line, at.column);
	va_start(ap, f);
	mistake_add(r->c, where, f, ap);
	va_end(ap);
}

static struct config_mark mark_of(yaml_mark_t m)
{
	return (struct config_mark){(unsigned)m.line + 1, (unsigned)m.column + 1};
}

struct config_mark config_here(const struct config_reader *r)
{
	return mark_of(r->event.start_mark);
}

/* The reader stage tells a byte offset alone. */
static struct config_mark mark_of_offset(const struct config_reader *r, size_t off)
{
	struct config_mark m = {1, 1};

	for (size_t i = 0; i < MIN(off, r->n); i++) {
		if (r->text[i] == '\n')
			m = (struct config_mark){m.line + 1, 1};
		else if (((unsigned char)r->text[i] & 0xc0) != 0x80) /* UTF-8 continuation bytes are no columns */
			m.column++;
	}
	return m;
}

/* Is there a tab where the scanner stopped? The most frequent reason, and libyaml does not say so. */
static bool tab_at(const struct config_reader *r, struct config_mark m)
{
	const char *p = r->text, *end = p + r->n;

	for (unsigned line = 1; line < m.line && p; line++) {
		p = memchr(p, '\n', (size_t)(end - p));
		p = p ? p + 1 : NULL;
	}
	return p && (size_t)(end - p) >= m.column && p[m.column - 1] == '\t';
}

static void report_syntax(struct config_reader *r)
{
	const yaml_parser_t *p = &r->parser;
	struct config_mark m = mark_of(p->problem_mark);

	switch (p->error) {
	case YAML_MEMORY_ERROR:
		config_mistake(r, mark_of(p->mark), "out of memory; the rest is not used");
		break;
	case YAML_READER_ERROR:
		config_mistake(r, mark_of_offset(r, p->problem_offset), "expected UTF-8 text: %s", p->problem);
		break;
	default:
		if (tab_at(r, m))
			config_mistake(r, m, "expected spaces, found a tab");
		else
			config_mistake(r, m, "not valid YAML: %s%s%s", p->problem ? p->problem : "syntax error", p->context ? " " : "",
				       p->context ? p->context : "");
	}
}

/* Depth is counted in one place, for values that are read and those that are skipped. */
static bool depth_ok(struct config_reader *r)
{
	switch (r->event.type) {
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT:
		if (++r->depth <= CONFIG_MAX_DEPTH)
			return true;
		config_mistake(r, config_here(r), "nested too deeply; the rest is not used");
		return false;
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		r->depth--;
		return true;
	default:
		return true;
	}
}

bool config_next(struct config_reader *r)
{
	if (r->broken)
		return false;
	yaml_event_delete(&r->event);
	if (!yaml_parser_parse(&r->parser, &r->event)) {
		report_syntax(r);
		r->broken = true;
	} else if (!depth_ok(r)) {
		r->broken = true;
	}
	return !r->broken;
}

void config_skip(struct config_reader *r)
{
	unsigned open = 0;

	do {
		if (r->event.type == YAML_MAPPING_START_EVENT || r->event.type == YAML_SEQUENCE_START_EVENT)
			open++;
		else if (r->event.type == YAML_MAPPING_END_EVENT || r->event.type == YAML_SEQUENCE_END_EVENT)
			open--;
	} while (open && config_next(r));
}

void config_unexpected(struct config_reader *r, const char *expected)
{
	const yaml_event_t *e = &r->event;

	switch (e->type) {
	case YAML_SCALAR_EVENT:
		config_mistake(r, config_here(r), "expected %s, found \"%.*s%s\"", expected, (int)MIN(e->data.scalar.length, FOUND_MAX),
			       (const char *)e->data.scalar.value, e->data.scalar.length > FOUND_MAX ? "..." : "");
		break;
	case YAML_SEQUENCE_START_EVENT:
		config_mistake(r, config_here(r), "expected %s, found a list", expected);
		break;
	default:
		config_mistake(r, config_here(r), "expected %s, found keys with values", expected);
	}
}
