/* SPDX-License-Identifier: Apache-2.0 */
/* The route table and openapi.json say the same: paths, methods, operationIds, rights, request bodies with each member's type and
 * bounds, in both directions; every $ref leads somewhere; and what the node answers fits the schema that is promised for it. */
#include <embed.h>
#include "../../sandbox/api/call.h"
#include "api_bench.h"

static yyjson_doc *spec;

static yyjson_val *at(yyjson_val *v, const char *key) { return yyjson_obj_get(v, key); }
static yyjson_val *root(void) { return yyjson_doc_get_root(spec); }

static yyjson_val *follow(yyjson_val *schema)
{
	const char *ref = yyjson_get_str(at(schema, "$ref"));

	return ref ? yyjson_doc_ptr_get(spec, ref + 1) : schema;
}

static const char *method_key(enum http_method m)
{
	static const char *const keys[] = {[HTTP_GET] = "get", [HTTP_POST] = "post", [HTTP_PUT] = "put", [HTTP_DELETE] = "delete"};

	return keys[m];
}

static yyjson_val *operation_of(const struct route *r)
{
	return at(at(at(root(), "paths"), r->pattern), method_key(r->method));
}

/* ---- routes */

static bool has_path_parameter(const struct route *r)
{
	yyjson_val *list = at(at(at(root(), "paths"), r->pattern), "parameters"), *p = yyjson_arr_get_first(list);

	return yyjson_arr_size(list) == 1 && yyjson_equals_str(at(p, "name"), "name") && yyjson_equals_str(at(p, "in"), "path") && yyjson_is_true(at(p, "required"));
}

static void test_routes_are_described(void)
{
	for (unsigned i = 0; i < api_nroutes; i++) {
		const struct route *r = &api_routes[i];
		yyjson_val *op = operation_of(r), *security = at(op, "security");

		if (!ok(op != NULL, "%s %s is described", method_key(r->method), r->pattern))
			continue;
		ok(yyjson_equals_str(at(op, "operationId"), r->operation), "%s: operationId", r->operation);
		ok(r->right == RIGHT_NONE ? yyjson_is_arr(security) && yyjson_arr_size(security) == 0 : security == NULL, "%s: who may", r->operation);
		ok(r->right == RIGHT_NONE || at(at(op, "responses"), "401"), "%s: 401 is described where it can be", r->operation);
		ok(at(at(op, "responses"), "default") != NULL, "%s: other problems", r->operation);
		ok(!strchr(r->pattern, '{') || has_path_parameter(r), "%s: the parameter of its path", r->operation);
		ok(yyjson_get_len(at(op, "summary")) > 0, "%s: a summary", r->operation);
	}
}

static const struct route *route_for(const char *path, const char *method)
{
	for (unsigned i = 0; i < api_nroutes; i++)
		if (!strcmp(api_routes[i].pattern, path) && !strcmp(method_key(api_routes[i].method), method))
			return &api_routes[i];
	return NULL;
}

static void test_described_are_routes(void)
{
	size_t i, n, k, m, count = 0;
	yyjson_val *path, *item, *method, *op;

	yyjson_obj_foreach (at(root(), "paths"), i, n, path, item)
		yyjson_obj_foreach (item, k, m, method, op) {
			if (yyjson_equals_str(method, "parameters"))
				continue;
			count++;
			ok(route_for(yyjson_get_str(path), yyjson_get_str(method)) != NULL, "%s %s is a route", yyjson_get_str(method), yyjson_get_str(path));
		}
	ok_eq(count, api_nroutes, "as many");
}

/* ---- request bodies */

static bool bound_is(yyjson_val *prop, const char *key, uint64_t want)
{
	return yyjson_get_uint(at(prop, key)) == want;
}

static bool type_is(yyjson_val *prop, const struct field *f)
{
	static const char *const names[] = {[FIELD_STRING] = "string", [FIELD_UINT] = "integer", [FIELD_BOOL] = "boolean"};
	yyjson_val *type = at(prop, "type");

	if (!f->nullable)
		return yyjson_equals_str(type, names[f->type]);
	return yyjson_arr_size(type) == 2 && yyjson_equals_str(yyjson_arr_get(type, 0), names[f->type]) && yyjson_equals_str(yyjson_arr_get(type, 1), "null");
}

static bool is_required(yyjson_val *schema, const char *name)
{
	size_t i, n;
	yyjson_val *v;

	yyjson_arr_foreach (at(schema, "required"), i, n, v)
		if (yyjson_equals_str(v, name))
			return true;
	return false;
}

static void check_field(const struct schema *s, const struct field *f, yyjson_val *doc)
{
	yyjson_val *prop = at(at(doc, "properties"), f->name);

	if (!ok(prop != NULL, "%s.%s is described", s->name, f->name))
		return;
	ok(type_is(prop, f), "%s.%s: type", s->name, f->name);
	ok(is_required(doc, f->name) == f->required, "%s.%s: required or not", s->name, f->name);
	if (f->type == FIELD_UINT)
		ok(bound_is(prop, "minimum", f->min) && bound_is(prop, "maximum", f->max), "%s.%s: range", s->name, f->name);
	if (f->type == FIELD_STRING && !at(prop, "pattern"))
		ok(bound_is(prop, "minLength", f->min) && bound_is(prop, "maxLength", f->size - 1), "%s.%s: length", s->name, f->name);
}

static void check_schema(const struct schema *s, yyjson_val *doc)
{
	size_t i, n;
	yyjson_val *name, *prop;

	ok(yyjson_is_false(at(doc, "additionalProperties")), "%s: no other members", s->name);
	for (unsigned k = 0; k < s->n; k++)
		check_field(s, &s->fields[k], doc);
	yyjson_obj_foreach (at(doc, "properties"), i, n, name, prop) {
		bool known = false;

		for (unsigned k = 0; k < s->n; k++)
			known |= yyjson_equals_str(name, s->fields[k].name);
		ok(known, "%s.%s is a member", s->name, yyjson_get_str(name));
	}
}

static void test_bodies(void)
{
	char ref[80];

	for (unsigned i = 0; i < api_nroutes; i++) {
		const struct route *r = &api_routes[i];
		yyjson_val *body = at(operation_of(r), "requestBody"), *schema = at(at(at(body, "content"), "application/json"), "schema");

		if (!r->schema) {
			ok(schema == NULL, "%s takes no JSON", r->operation);
			continue;
		}
		snprintf(ref, sizeof(ref), "#/components/schemas/%s", r->schema->name);
		ok(yyjson_equals_str(at(schema, "$ref"), ref), "%s: schema %s", r->operation, r->schema->name);
		ok(yyjson_get_bool(at(body, "required")) == !r->body_optional, "%s: body needed or not", r->operation);
		check_schema(r->schema, follow(schema));
	}
}

/* Defaults are in the code, and told. */
static void test_defaults(void)
{
	yyjson_val *vm = yyjson_doc_ptr_get(spec, "/components/schemas/VmCreate/properties");
	struct vm_spec s;

	vm_spec_defaults(&s);
	ok(yyjson_get_uint(at(at(vm, "vcpus"), "default")) == s.vcpus && yyjson_get_uint(at(at(vm, "memory_mib"), "default")) == s.memory_mib &&
	   yyjson_get_uint(at(at(vm, "weight"), "default")) == s.weight && yyjson_get_bool(at(at(vm, "autostart"), "default")) == s.autostart, "defaults of a VM");
	ok_eq(yyjson_get_uint(yyjson_doc_ptr_get(spec, "/components/schemas/VmStop/properties/timeout_ms/default")), 10000, "default of a stop");
}

static unsigned bad_refs(yyjson_val *v)
{
	size_t i, n;
	yyjson_val *k, *x;
	unsigned bad = 0;

	if (yyjson_is_obj(v) && at(v, "$ref") && !follow(v))
		bad++;
	yyjson_obj_foreach (v, i, n, k, x)
		bad += bad_refs(x);
	yyjson_arr_foreach (v, i, n, x)
		bad += bad_refs(x);
	return bad;
}

/* ---- answers: as much of JSON Schema as the document uses */

static bool fits(yyjson_val *v, yyjson_val *schema);

static bool type_fits(yyjson_val *v, const char *type)
{
	return !strcmp(type, "string") ? yyjson_is_str(v) : !strcmp(type, "integer") ? yyjson_is_int(v) : !strcmp(type, "boolean") ? yyjson_is_bool(v) :
	       !strcmp(type, "null") ? yyjson_is_null(v) : !strcmp(type, "array") ? yyjson_is_arr(v) : !strcmp(type, "object") && yyjson_is_obj(v);
}

static bool any_type_fits(yyjson_val *v, yyjson_val *type)
{
	size_t i, n;
	yyjson_val *t;
	bool fit = yyjson_is_str(type) && type_fits(v, yyjson_get_str(type));

	yyjson_arr_foreach (type, i, n, t)
		fit |= type_fits(v, yyjson_get_str(t));
	return fit;
}

static bool one_of(yyjson_val *v, yyjson_val *list)
{
	size_t i, n;
	yyjson_val *x;

	yyjson_arr_foreach (list, i, n, x)
		if (yyjson_equals(v, x))
			return true;
	return !list;
}

static bool object_fits(yyjson_val *v, yyjson_val *schema)
{
	yyjson_val *props = at(schema, "properties"), *k, *x;
	size_t i, n;

	yyjson_arr_foreach (at(schema, "required"), i, n, x)
		if (!at(v, yyjson_get_str(x))) {
			tap_note("%s is missing", yyjson_get_str(x));
			return false;
		}
	yyjson_obj_foreach (v, i, n, k, x) {
		yyjson_val *p = at(props, yyjson_get_str(k));

		if (p ? !fits(x, p) : yyjson_is_false(at(schema, "additionalProperties"))) {
			tap_note("%s does not fit", yyjson_get_str(k));
			return false;
		}
	}
	return true;
}

static bool fits(yyjson_val *v, yyjson_val *schema)
{
	size_t i, n;
	yyjson_val *x;

	schema = follow(schema);
	if (!any_type_fits(v, at(schema, "type")) || !one_of(v, at(schema, "enum")))
		return false;
	if (yyjson_is_int(v) && at(schema, "minimum") && yyjson_get_sint(v) < yyjson_get_sint(at(schema, "minimum")))
		return false;
	yyjson_arr_foreach (v, i, n, x)
		if (!fits(x, at(schema, "items")))
			return false;
	return !yyjson_is_obj(v) || object_fits(v, schema);
}

/* The last answer is what the operation promises for its status, or for any other. */
static void answer_fits(const char *operation)
{
	char status[12], type[64] = "";
	yyjson_val *responses = NULL, *r, *media;
	const char *line = strstr(reply.head, "\r\nContent-Type: ");

	for (unsigned i = 0; i < api_nroutes; i++)
		if (!strcmp(api_routes[i].operation, operation))
			responses = at(operation_of(&api_routes[i]), "responses");
	snprintf(status, sizeof(status), "%d", reply.status);
	r = at(responses, status) ? at(responses, status) : reply.status >= 400 ? at(responses, "default") : NULL;
	if (!ok(r != NULL, "%s: %d is described", operation, reply.status))
		return;
	if (line)
		sscanf(line + 16, "%63[^;\r]", type);
	media = at(at(r, "content"), type);
	ok(type[0] ? media != NULL : !at(r, "content"), "%s: %d has the media type that is promised: %s", operation, reply.status, type);
	if (strstr(type, "json"))
		ok(fits(yyjson_doc_get_root(reply.doc), at(media, "schema")), "%s: %d fits its schema", operation, reply.status);
}

#define ANSWER(operation, ...) do { request(__VA_ARGS__); answer_fits(operation); } while (0)

static void test_answers(void)
{
	ANSWER("getHealth", "GET", "/v1/health", NULL);
	ANSWER("getOpenapi", "GET", "/v1/openapi.json", NULL);
	ok(reply.len == embed_openapi_size && !memcmp(reply.body, embed_openapi, reply.len), "the document itself");
	ANSWER("getNode", "GET", "/v1/node", NULL);
	hv_current = NULL;
	ANSWER("getNode", "GET", "/v1/node", NULL);
	hv_current = &hv_fake;
	ANSWER("createVm", "POST", "/v1/vms", "{\"name\":\"a\",\"kernel\":\"kernel\",\"memory_mib\":16}");
	ANSWER("createVm", "POST", "/v1/vms", "{\"name\":\"a\",\"kernel\":\"kernel\",\"memory_mib\":16}");
	ANSWER("createVm", "POST", "/v1/vms", "{\"name\":\"b\",\"kernel\":\"kernel\",\"initrd\":\"initrd\",\"memory_mib\":16}");
	ANSWER("createVm", "POST", "/v1/vms", "{\"name\":\"c\",\"kernel\":\"kernel\",\"memory_mib\":100000}");
	ANSWER("createVm", "POST", "/v1/vms", "{}");
	ANSWER("listVms", "GET", "/v1/vms", NULL);
	ANSWER("getVm", "GET", "/v1/vms/b", NULL);
	ANSWER("getVm", "GET", "/v1/vms/none", NULL);
	ANSWER("startVm", "POST", "/v1/vms/a/start", NULL);
	ANSWER("startVm", "POST", "/v1/vms/a/start", NULL);
	ANSWER("pauseVm", "POST", "/v1/vms/a/pause", NULL);
	ANSWER("resumeVm", "POST", "/v1/vms/a/resume", "{}");
	ANSWER("resetVm", "POST", "/v1/vms/a/reset", NULL);
	ANSWER("getVm", "GET", "/v1/vms/a", NULL);
	ANSWER("deleteVm", "DELETE", "/v1/vms/a", NULL);
	ANSWER("stopVm", "POST", "/v1/vms/a/stop", "{\"timeout_ms\":0}");
	ANSWER("getVmConsoleLog", "GET", "/v1/vms/a/console/log", NULL);
	ANSWER("openVmConsole", "GET", "/v1/vms/a/console", NULL);
	ANSWER("deleteVm", "DELETE", "/v1/vms/a", NULL);
	ANSWER("putImage", "PUT", "/v1/images/x", "x");
	ANSWER("putImage", "PUT", "/v1/images/x", "x");
	ANSWER("putImage", "PUT", "/v1/images/y?sha256=0", "x");
	ANSWER("getImage", "GET", "/v1/images/x", NULL);
	ANSWER("listImages", "GET", "/v1/images", NULL);
	ANSWER("deleteImage", "DELETE", "/v1/images/x", NULL);
	ANSWER("deleteImage", "DELETE", "/v1/images/kernel", NULL);
	ANSWER("getMetrics", "GET", "/metrics", NULL);
	ANSWER("pair", "POST", "/v1/pair", "{\"code\":\"0\",\"csr\":\"x\",\"name\":\"n\"}");
	ANSWER("pair", "POST", "/v1/pair", "{\"code\":\"0\",\"csr\":\"x\",\"name\":\"n\"}");
	ANSWER("streamEvents", "GET", "/v1/events?since=x", NULL);
	ANSWER("rebootNode", "POST", "/v1/node/reboot", "{\"now\":true}");
	request_full(false, "GET", "/v1/node", "", NULL, 0);
	answer_fits("getNode");
}

/* docs/api.md, from the source tree's root, where tests run. */
static void test_reference(void)
{
	static char text[64 * 1024];
	FILE *f = fopen("docs/api.md", "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	char want[100];

	if (f)
		fclose(f);
	ok(n > 0, "docs/api.md is there");
	for (unsigned i = 0; i < api_nroutes; i++) {
		snprintf(want, sizeof(want), "`%s`", api_routes[i].pattern);
		ok(strstr(text, want) != NULL, "docs/api.md has %s", api_routes[i].pattern);
	}
	for (unsigned i = 1; i < PROBLEM_KINDS; i++) {
		const struct problem_info *info = problem_info((enum problem_kind)i);

		snprintf(want, sizeof(want), "| `%s` | %d |", info->slug, info->status);
		ok(strstr(text, want) != NULL, "docs/api.md has the problem %s", info->slug);
	}
}

int main(void)
{
	yyjson_read_err why;

	spec = yyjson_read_opts((char *)(uintptr_t)embed_openapi, embed_openapi_size, 0, NULL, &why);
	if (!ok(spec != NULL, "openapi.json is JSON%s%s", spec ? "" : ": ", spec ? "" : why.msg))
		return tap_done();
	ok(!strncmp(yyjson_get_str(at(root(), "openapi")), "3.1.", 4), "OpenAPI 3.1");
	test_routes_are_described();
	test_described_are_routes();
	test_bodies();
	test_defaults();
	test_reference();
	ok_eq(bad_refs(root()), 0, "every $ref leads somewhere");
	bench_start();
	test_answers();
	yyjson_doc_free(reply.doc);
	yyjson_doc_free(spec);
	return tap_done();
}
