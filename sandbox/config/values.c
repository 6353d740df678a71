/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the events along the tables and puts values into their fields. What is wrong is reported where it stands and left out; the
 * walk goes on behind it. CPU 0, in the caller's task; recursion is bounded by the tables. Knows no key by name. */
#include <core/arith.h>
#include <core/fmt.h>
#include <string.h>
#include "config_impl.h"

static void *field(void *obj, size_t off)
{
	return (char *)obj + off;
}

/* ---- scalars */

static bool set_text(const struct config_key *k, char *dst, const char *text, size_t len)
{
	if (len >= k->size)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	/* libyaml ends its scalars with a NUL, and none is inside. */
	if (k->check && !k->check(text))
		return false;
	memcpy(dst, text, len);
	memset(dst + len, 0, k->size - len);
	return true;
}

static bool set_uint(const struct config_key *k, void *dst, uint32_t v)
{
	uint16_t v16 = (uint16_t)v;

	if (k->size == sizeof(v16))
		memcpy(dst, &v16, sizeof(v16));
	else
		memcpy(dst, &v, sizeof(v));
	return true;
}

/* Plain decimal digits: 0x10, 1_000 and 010 mean different things to different readers of YAML. */
static bool set_number(const struct config_key *k, void *dst, const char *text, size_t len)
{
	uint64_t v = 0;

	if (len == 0 || len > 10 || (len > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(text[i] - '0');
	}
	return v >= k->min && v <= k->max && set_uint(k, dst, (uint32_t)v);
}

/* YAML 1.2, 10.3.2: yes, no, on and off are text. */
static bool set_bool(bool *dst, const char *text)
{
	bool is_true = !strcmp(text, "true") || !strcmp(text, "True") || !strcmp(text, "TRUE");

	if (!is_true && strcmp(text, "false") && strcmp(text, "False") && strcmp(text, "FALSE"))
		return false;
	*dst = is_true;
	return true;
}

static bool set_choice(const struct config_key *k, void *dst, const char *text)
{
	for (uint32_t i = 0; k->choices[i]; i++)
		if (!strcmp(text, k->choices[i]))
			return set_uint(k, dst, i);
	return false;
}

bool config_set(const struct config_key *k, void *obj, const char *text, size_t len, bool quoted)
{
	switch (k->kind) {
	case CONFIG_TEXT:
	case CONFIG_LIST: /* one element of it */
		return set_text(k, field(obj, k->off), text, len);
	case CONFIG_NUMBER:
		return !quoted && set_number(k, field(obj, k->off), text, len);
	case CONFIG_BOOL:
		return !quoted && set_bool(field(obj, k->off), text);
	case CONFIG_CHOICE:
		return set_choice(k, field(obj, k->off), text);
	default:
		return false;
	}
}

void config_expected(const struct config_key *k, char *dst, size_t size)
{
	if (k->expected)
		fmt_buf(dst, size, "%s", k->expected);
	else if (k->kind == CONFIG_NUMBER)
		fmt_buf(dst, size, "a number from %u to %u", k->min, k->max);
	else if (k->kind == CONFIG_BOOL)
		fmt_buf(dst, size, "true or false");
	else
		fmt_buf(dst, size, "one line of at most %zu bytes", k->size - 1);
}

/* ---- nodes: each reader starts at the first event of a node and ends at its last one */

/* Aliases, anchors and tags can make text mean what it does not show; nothing here needs them. Skips the node and returns false. */
static bool node_is_plain(struct config_reader *r)
{
	const yaml_event_t *e = &r->event;
	const char *what = NULL;

	if (e->type == YAML_ALIAS_EVENT)
		what = "aliases (*name)";
	else if (e->type == YAML_SCALAR_EVENT)
		what = e->data.scalar.anchor ? "anchors (&name)" : e->data.scalar.tag ? "tags (!name)" : NULL;
	else if (e->type == YAML_MAPPING_START_EVENT)
		what = e->data.mapping_start.anchor ? "anchors (&name)" : e->data.mapping_start.tag ? "tags (!name)" : NULL;
	else if (e->type == YAML_SEQUENCE_START_EVENT)
		what = e->data.sequence_start.anchor ? "anchors (&name)" : e->data.sequence_start.tag ? "tags (!name)" : NULL;
	if (!what)
		return true;
	config_mistake(r, config_here(r), "%s are not supported; expected the value itself", what);
	config_skip(r);
	return false;
}

static bool is_quoted(const yaml_event_t *e)
{
	return e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
}

/* A key with nothing behind it: as if it were not there. */
static bool is_null(const yaml_event_t *e)
{
	const char *s;

	if (e->type != YAML_SCALAR_EVENT || is_quoted(e))
		return false;
	s = (const char *)e->data.scalar.value;
	return !*s || !strcmp(s, "~") || !strcmp(s, "null") || !strcmp(s, "Null") || !strcmp(s, "NULL");
}

static bool read_scalar(struct config_reader *r, const struct config_key *k, void *obj)
{
	const yaml_event_t *e = &r->event;
	char expected[128];

	if (e->type == YAML_SCALAR_EVENT &&
	    config_set(k, obj, (const char *)e->data.scalar.value, e->data.scalar.length, is_quoted(e)))
		return true;
	config_expected(k, expected, sizeof(expected));
	config_unexpected(r, expected);
	config_skip(r);
	return false;
}

/* One element that is a mapping: used when all of it is right. */
static bool read_item_map(struct config_reader *r, const struct config_key *k, void *item)
{
	unsigned before = r->c->mistakes;

	if (r->event.type != YAML_MAPPING_START_EVENT) {
		config_unexpected(r, k->expected);
		config_skip(r);
		return false;
	}
	k->map->init(item);
	config_read_map(r, k->map, item);
	if (r->c->mistakes == before)
		return true;
	memset(item, 0, k->size);
	return false;
}

static bool read_item(struct config_reader *r, const struct config_key *k, void *item)
{
	struct config_key one = *k;

	if (!node_is_plain(r))
		return false;
	if (k->map)
		return read_item_map(r, k, item);
	one.off = 0;
	return read_scalar(r, &one, item);
}

static bool read_list(struct config_reader *r, const struct config_key *k, void *obj)
{
	unsigned n = 0;
	bool told = false;

	if (r->event.type != YAML_SEQUENCE_START_EVENT) {
		config_unexpected(r, "a list");
		config_skip(r);
		return false;
	}
	while (config_next(r) && r->event.type != YAML_SEQUENCE_END_EVENT) {
		if (n < k->max) {
			n += read_item(r, k, field(obj, k->off + n * k->size));
			if (k->count_off)
				*(unsigned *)field(obj, k->count_off) = n;
			continue;
		}
		if (!told)
			config_mistake(r, config_here(r), "expected at most %u of %s", k->max, k->name);
		told = true;
		config_skip(r);
	}
	return !told;
}

static bool read_value(struct config_reader *r, const struct config_key *k, void *obj)
{
	if (!node_is_plain(r) || is_null(&r->event))
		return false;
	if (k->kind == CONFIG_LIST)
		return read_list(r, k, obj);
	if (k->kind != CONFIG_MAP)
		return read_scalar(r, k, obj);
	if (r->event.type != YAML_MAPPING_START_EVENT) {
		config_unexpected(r, k->expected);
		config_skip(r);
		return false;
	}
	config_read_map(r, k->map, field(obj, k->off));
	return true;
}

/* ---- mappings */

static void unknown_key(struct config_reader *r, const struct config_map *m, const char *name)
{
	char names[120];
	size_t len = 0;

	for (unsigned i = 0; i < m->nkeys; i++)
		len += MIN(fmt_buf(names + len, sizeof(names) - len, "%s%s", i ? ", " : "", m->keys[i].name), sizeof(names) - len - 1);
	config_mistake(r, config_here(r), "unknown key \"%.24s\", expected %s%s", name, m->nkeys > 1 ? "one of " : "", names);
}

/* The key that the current event names, as an index; m->nkeys when it names none to use, which was reported. */
static unsigned read_key(struct config_reader *r, const struct config_map *m, struct config_seen *seen)
{
	unsigned i;
	const char *name;

	if (!node_is_plain(r))
		return m->nkeys;
	if (r->event.type != YAML_SCALAR_EVENT) {
		config_unexpected(r, "a key");
		config_skip(r);
		return m->nkeys;
	}
	name = (const char *)r->event.data.scalar.value;
	for (i = 0; i < m->nkeys && strcmp(name, m->keys[i].name); i++)
		;
	if (i == m->nkeys) {
		unknown_key(r, m, name);
	} else if (seen->given[i]) {
		config_mistake(r, config_here(r), "key \"%s\" is given twice, first with the value at line %u", name, seen->at[i].line);
		i = m->nkeys;
	} else {
		seen->given[i] = true;
	}
	return i;
}

void config_read_map(struct config_reader *r, const struct config_map *m, void *obj)
{
	struct config_seen seen = {0};
	struct config_mark at = config_here(r);

	while (config_next(r) && r->event.type != YAML_MAPPING_END_EVENT) {
		unsigned i = read_key(r, m, &seen), before;

		if (!config_next(r))
			break;
		if (i == m->nkeys) {
			config_skip(r);
			continue;
		}
		seen.at[i] = config_here(r);
		before = r->c->mistakes;
		seen.taken[i] = read_value(r, &m->keys[i], obj);
		seen.wrong[i] = r->c->mistakes != before;
	}
	/* After a syntax error too: what was read must make sense together. */
	if (m->finish)
		m->finish(r, obj, &seen, at);
}

void config_read_root(struct config_reader *r)
{
	if (!node_is_plain(r) || is_null(&r->event))
		return;
	if (r->event.type == YAML_MAPPING_START_EVENT) {
		config_read_map(r, &config_root, r->c);
		return;
	}
	config_unexpected(r, "keys with values, such as node: and guests:");
	config_skip(r);
}
