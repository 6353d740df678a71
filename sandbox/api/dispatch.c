/* SPDX-License-Identifier: Apache-2.0 */
/* From a parsed request to its handler: route, right, media type, body. CPU 0, the connection's task. */
#include <core/arith.h>
#include <core/fmt.h>
#include <sandbox/api.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "call.h"

/* Does path match the pattern? What stands for {name} goes to name (API_NAME_MAX bytes); one that is longer than any object's
 * becomes the empty name, which none has and none can get. */
static bool route_matches(const char *pattern, const char *path, char *name)
{
	const char *brace = strchr(pattern, '{'), *end;
	size_t prefix, n;

	if (!brace)
		return strcmp(pattern, path) == 0;
	prefix = (size_t)(brace - pattern);
	if (strncmp(pattern, path, prefix) != 0)
		return false;
	end = path + prefix + strcspn(path + prefix, "/");
	n = (size_t)(end - path) - prefix;
	if (n == 0 || strcmp(strchr(brace, '}') + 1, end) != 0)
		return false;
	if (n >= API_NAME_MAX)
		n = 0;
	memcpy(name, path + prefix, n);
	name[n] = '\0';
	return true;
}

static void allow_method(char *allow, size_t cap, enum http_method m)
{
	static const char *const names[] = {[HTTP_GET] = "GET, HEAD", [HTTP_POST] = "POST", [HTTP_PUT] = "PUT", [HTTP_DELETE] = "DELETE"};
	size_t n = strlen(allow);

	fmt_buf(allow + n, cap - n, "%s%s", n ? ", " : "", names[m]);
}

/* Finds the route; answers 404 or 405 itself. */
static const struct route *find_route(struct http_exchange *x, char *name)
{
	enum http_method want = http_method(x) == HTTP_HEAD ? HTTP_GET : http_method(x);
	char allow[64] = "";

	for (unsigned i = 0; i < api_nroutes; i++) {
		if (!route_matches(api_routes[i].pattern, http_path(x), name))
			continue;
		if (api_routes[i].method == want)
			return &api_routes[i];
		allow_method(allow, sizeof(allow), api_routes[i].method);
	}
	if (!allow[0]) {
		api_problem_text(x, PROBLEM_NOT_FOUND, "there is nothing at this path; see /v1/openapi.json");
		return NULL;
	}
	http_add_header(x, "Allow", allow);
	api_problem_text(x, PROBLEM_METHOD_NOT_ALLOWED, "this path takes %s, not %s", allow, http_method_name(x));
	return NULL;
}

/* May somebody without a certificate know what is at this path? Of others not even whether there is something. */
static bool is_public(const struct http_exchange *x)
{
	char name[API_NAME_MAX];

	for (unsigned i = 0; i < api_nroutes; i++)
		if (api_routes[i].right == RIGHT_NONE && route_matches(api_routes[i].pattern, http_path(x), name))
			return true;
	return false;
}

static bool is_json(const char *media_type)
{
	size_t n = media_type ? strcspn(media_type, "; ") : 0;

	return n == strlen("application/json") && strncasecmp(media_type, "application/json", n) == 0;
}

/* Reads and decodes the body into c->body, which holds defaults. Answers itself on error. */
static bool read_body(struct call *c)
{
	struct problem p;
	char *text;
	size_t n;
	err_t e;

	if (c->route->body_optional && !http_has_body(c->x))
		return true;
	if (!is_json(http_header(c->x, "content-type"))) {
		api_problem_text(c->x, PROBLEM_UNSUPPORTED_MEDIA_TYPE, "expected a body of Content-Type application/json");
		return false;
	}
	e = http_body_read_all(c->x, API_BODY_MAX, &text, &n);
	if (e == E_NOMEM)
		api_problem_text(c->x, PROBLEM_INSUFFICIENT_MEMORY, "no memory to read the request");
	else if (e == E_LIMIT)
		api_problem_text(c->x, PROBLEM_TOO_LARGE, "expected at most %u KiB of JSON", API_BODY_MAX / 1024);
	else if (e)
		api_problem_text(c->x, e == E_TIMEOUT ? PROBLEM_TIMEOUT : PROBLEM_BAD_REQUEST, "the body did not arrive whole");
	if (e)
		return false;
	e = c->route->body_optional && n == 0 ? OK : schema_decode(c->route->schema, text, n, c->body, &p);
	free(text);
	if (e)
		api_problem(c->x, &p);
	return e == OK;
}

static void run_with_body(struct call *c)
{
	c->body = calloc(1, sizeof(*c->body));
	if (!c->body) {
		api_problem_text(c->x, PROBLEM_INSUFFICIENT_MEMORY, "no memory to read the request");
		return;
	}
	if (c->route->schema == &schema_vm)
		vm_spec_defaults(&c->body->vm);
	if (c->route->schema == &schema_stop)
		c->body->stop.timeout_ms = 10000;
	if (read_body(c))
		c->route->handle(c);
	free(c->body);
}

/* A browser presents its client certificate for any page that asks. What a page asks for has an Origin (RFC 6454 7, RFC 6455 10.2), and
 * only our own may: "https://" and the Host that the request names. */
static bool is_foreign(const struct http_exchange *x)
{
	const char *origin = http_header(x, "origin"), *host = http_header(x, "host");

	return origin && (!host || strncasecmp(origin, "https://", 8) != 0 || strcasecmp(origin + 8, host) != 0);
}

static void api_handle(void *ctx, struct http_exchange *x)
{
	struct call c = {.x = x};
	char stray[32];

	(void)ctx;
	http_add_header(x, "Cache-Control", "no-store");
	if (!http_peer(x)->has_cert && !is_public(x)) {
		api_problem_text(x, PROBLEM_UNAUTHORIZED, "present a client certificate of this node; `caisson pair` makes one");
		return;
	}
	c.route = find_route(x, c.name);
	if (!c.route)
		return;
	if (c.route->right == RIGHT_CLIENT && is_foreign(x)) {
		api_problem_text(x, PROBLEM_FORBIDDEN, "the page that asks is not this node's: Origin and Host differ");
		return;
	}
	/* A misspelt parameter must not be taken for an absent one: "sha265" would leave an upload unchecked. */
	if (http_stray_query(x, c.route->query, stray, sizeof(stray))) {
		api_problem_text(x, PROBLEM_BAD_REQUEST, "unknown query parameter \"%s\": expected %s", stray, c.route->query ? c.route->query : "none");
		return;
	}
	if (c.route->schema)
		run_with_body(&c);
	else
		c.route->handle(&c);
}

struct vm_ctl *call_vm(struct call *c)
{
	struct vm_ctl *vm = vm_ctl_find(c->name);

	if (!vm)
		api_problem_text(c->x, PROBLEM_NOT_FOUND, "there is no VM \"%s\"", c->name);
	return vm;
}

/* What the HTTP server itself refuses: the same documents. A status that has no kind of its own (426, 505) is a kind of bad request. */
static void api_server_problem(void *ctx, struct http_exchange *x, int status, const char *detail)
{
	struct problem p = {.kind = PROBLEM_BAD_REQUEST};

	(void)ctx;
	for (unsigned i = 1; i < PROBLEM_KINDS; i++)
		if (problem_info((enum problem_kind)i)->status == status)
			p.kind = (enum problem_kind)i;
	fmt_buf(p.detail, sizeof(p.detail), "%s", detail);
	api_problem_status(x, status, &p);
}

const struct http_handler api_handler = {.handle = api_handle, .problem = api_server_problem};
