/* SPDX-License-Identifier: Apache-2.0 */
/* JSON request bodies by table: each member is checked against its row and stored at its offset. Pure but for the parser's memory. */
#include <core/fmt.h>
#include <sandbox/text.h>
#include <string.h>
#include <yyjson.h>
#include "call.h"

/* The parser makes a real number of an integer that has no room in 64 bits. */
static const char *number_name(yyjson_val *v)
{
	if (yyjson_is_real(v))
		return yyjson_get_real(v) >= 0x1p64 || yyjson_get_real(v) < -0x1p63 ? "a number beyond 64 bits" : "a fraction";
	return yyjson_is_sint(v) ? "a negative number" : "a number";
}

static const char *type_name(yyjson_val *v)
{
	switch (yyjson_get_type(v)) {
	case YYJSON_TYPE_NULL: return "null";
	case YYJSON_TYPE_BOOL: return "a boolean";
	case YYJSON_TYPE_NUM: return number_name(v);
	case YYJSON_TYPE_STR: return "a string";
	case YYJSON_TYPE_ARR: return "an array";
	case YYJSON_TYPE_OBJ: return "an object";
	default: return "nothing";
	}
}

static err_t decode_string(const struct field *f, yyjson_val *v, char *to, struct problem *p)
{
	size_t n = yyjson_get_len(v);

	if (!yyjson_is_str(v))
		return problem_set(p, E_INVAL, PROBLEM_BAD_REQUEST, "%s: expected a string, found %s", f->name, type_name(v));
	if (n < f->min || n >= f->size)
		return problem_set(p, E_INVAL, PROBLEM_BAD_REQUEST, "%s: expected %llu to %zu bytes of text, found %zu", f->name,
				   (unsigned long long)f->min, f->size - 1, n);
	if (strlen(yyjson_get_str(v)) != n)
		return problem_set(p, E_INVAL, PROBLEM_BAD_REQUEST, "%s: expected text without NUL characters", f->name);
	memcpy(to, yyjson_get_str(v), n + 1);
	return OK;
}

static err_t decode_uint(const struct field *f, yyjson_val *v, unsigned *to, struct problem *p)
{
	if (!yyjson_is_uint(v))
		return problem_set(p, E_INVAL, PROBLEM_BAD_REQUEST, "%s: expected a number from %llu to %llu, found %s", f->name,
				   (unsigned long long)f->min, (unsigned long long)f->max, type_name(v));
	if (yyjson_get_uint(v) < f->min || yyjson_get_uint(v) > f->max)
		return problem_set(p, E_INVAL, PROBLEM_BAD_REQUEST, "%s: expected a number from %llu to %llu, found %llu", f->name,
				   (unsigned long long)f->min, (unsigned long long)f->max, (unsigned long long)yyjson_get_uint(v));
	*to = (unsigned)yyjson_get_uint(v);
	return OK;
}

static err_t decode_member(const struct field *f, yyjson_val *v, void *out, struct problem *p)
{
	void *to = (char *)out + f->offset;

	if (f->nullable && yyjson_is_null(v))
		return OK;
	switch (f->type) {
	case FIELD_STRING: return decode_string(f, v, to, p);
	case FIELD_UINT: return decode_uint(f, v, to, p);
	case FIELD_BOOL:
		if (!yyjson_is_bool(v))
			return problem_set(p, E_INVAL, PROBLEM_BAD_REQUEST, "%s: expected true or false, found %s", f->name, type_name(v));
		*(bool *)to = yyjson_get_bool(v);
	}
	return OK;
}

static const struct field *find_field(const struct schema *s, const char *name, size_t len)
{
	for (unsigned i = 0; i < s->n; i++)
		if (strlen(s->fields[i].name) == len && memcmp(s->fields[i].name, name, len) == 0)
			return &s->fields[i];
	return NULL;
}

static err_t unknown_member(const char *name, struct problem *p)
{
	char part[65];

	fmt_buf(part, sizeof(part), "%s", name);
	text_trim(part);
	return problem_set(p, E_INVAL, PROBLEM_BAD_REQUEST, "unknown member \"%s\"", part);
}

static err_t decode_object(const struct schema *s, yyjson_val *root, void *out, struct problem *p)
{
	uint64_t seen = 0;
	size_t i, n;
	yyjson_val *key, *v;

	if (!yyjson_is_obj(root))
		return problem_set(p, E_INVAL, PROBLEM_BAD_REQUEST, "the body: expected a JSON object, found %s", type_name(root));
	yyjson_obj_foreach (root, i, n, key, v) {
		const struct field *f = find_field(s, yyjson_get_str(key), yyjson_get_len(key));
		err_t e;

		if (!f)
			return unknown_member(yyjson_get_str(key), p);
		if (seen >> (f - s->fields) & 1)
			return problem_set(p, E_INVAL, PROBLEM_BAD_REQUEST, "%s: given twice", f->name);
		seen |= 1ull << (f - s->fields);
		e = decode_member(f, v, out, p);
		if (e)
			return e;
	}
	for (unsigned k = 0; k < s->n; k++)
		if (s->fields[k].required && !(seen >> k & 1))
			return problem_set(p, E_INVAL, PROBLEM_BAD_REQUEST, "%s: is missing", s->fields[k].name);
	return OK;
}

err_t schema_decode(const struct schema *s, const char *json, size_t n, void *out, struct problem *p)
{
	yyjson_read_err why;
	/* The reader takes a writable pointer but writes only in place mode, which is not asked for. */
	yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)json, n, YYJSON_READ_NOFLAG, NULL, &why);
	err_t e;

	if (!doc)
		return problem_set(p, E_INVAL, PROBLEM_BAD_REQUEST, "the body is no JSON: %s at byte %zu", why.msg, why.pos);
	e = decode_object(s, yyjson_doc_get_root(doc), out, p);
	yyjson_doc_free(doc);
	return e;
}
