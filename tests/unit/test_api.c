/* SPDX-License-Identifier: Apache-2.0 */
/* The management API request by request: routes, rights, bodies, names, images, pairing, metrics; every refusal is a problem document.
 * What lives longer than a request (consoles, events, waiting) is in test_api_live.c. */
#include <ctype.h>
#include "../../sandbox/api/call.h"
#include "api_bench.h"
#include "tls_client.h"

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" /* FIPS 180-2, B.1 */

static const char *method_name(enum http_method m)
{
	static const char *const names[] = {[HTTP_GET] = "GET", [HTTP_POST] = "POST", [HTTP_PUT] = "PUT", [HTTP_DELETE] = "DELETE"};

	return names[m];
}

/* The pattern with a name in it. */
static const char *path_of(const struct route *r)
{
	static char path[128];
	const char *brace = strchr(r->pattern, '{');

	if (brace)
		snprintf(path, sizeof(path), "%.*sdemo%s", (int)(brace - r->pattern), r->pattern, strchr(brace, '}') + 1);
	else
		snprintf(path, sizeof(path), "%s", r->pattern);
	return path;
}

static void test_every_route(void)
{
	for (unsigned i = 0; i < api_nroutes; i++) {
		const struct route *r = &api_routes[i];
		char allow[16];

		request_full(false, method_name(r->method), path_of(r), "", NULL, 0);
		ok(r->right == RIGHT_NONE ? reply.status != 401 : reply_is_problem(401, "unauthorized", "caisson pair"), "%s: without a certificate", r->operation);
		snprintf(allow, sizeof(allow), "%s", method_name(r->method));
		request("PATCH", path_of(r), NULL);
		ok(reply_is_problem(405, "method-not-allowed", "not PATCH") && strstr(reply.head, "\r\nAllow: ") && reply_has_head(allow), "%s: PATCH", r->operation);
		if (r->schema) {
			request_full(true, method_name(r->method), path_of(r), "Content-Type: text/plain\r\n", "{}", 2);
			ok(reply_is_problem(415, "unsupported-media-type", "application/json"), "%s: another media type", r->operation);
			request(method_name(r->method), path_of(r), "{\"nonsense\":1}");
			ok(reply_is_problem(400, "bad-request", "nonsense"), "%s: an unknown member", r->operation);
			request(method_name(r->method), path_of(r), "[");
			ok(reply_is_problem(400, "bad-request", "no JSON"), "%s: broken JSON", r->operation);
		}
	}
}

static void test_paths(void)
{
	static char path[4000];

	ok(request_full(false, "GET", "/v1/nothing", "", NULL, 0) == 401 && request_full(false, "PATCH", "/v1/vms", "", NULL, 0) == 401,
	   "a stranger does not learn what is not there either");
	ok_eq(request_full(false, "DELETE", "/v1/health", "", NULL, 0), 405, "but of what everybody may ask");
	REFUSED("GET", "/", NULL, 404, "not-found", "openapi.json");
	REFUSED("GET", "/v1", NULL, 404, "not-found", "nothing at this path");
	REFUSED("GET", "/v1/vms/", NULL, 404, "not-found", "nothing at this path");
	REFUSED("GET", "/v1/vms/demo/", NULL, 404, "not-found", "nothing at this path");
	REFUSED("POST", "/v1/vms/demo/launch", NULL, 404, "not-found", "nothing at this path");
	REFUSED("OPTIONS", "*", NULL, 404, "not-found", "nothing at this path");
	REFUSED("BREW", "/v1/vms", NULL, 405, "method-not-allowed", "GET, HEAD, POST, not BREW");
	REFUSED("DELETE", "/v1/vms", NULL, 405, "method-not-allowed", "GET, HEAD, POST");
	ok(reply_has_head("\r\nAllow: GET, HEAD, POST\r\n"), "Allow");
	REFUSED("GET", "/v1/vms/d%C3%A9mo%22", NULL, 404, "not-found", "there is no VM \"d\xc3\xa9mo\"\"");
	ok_str(reply_str("/instance"), "/v1/vms/d\xc3\xa9mo\"", "the instance, decoded");
	ok_eq(request("GET", "/v1/vms/%64emo", NULL), 200, "a name in percent signs");
	ok_str(reply_str("/name"), "demo", "is the name");
	REFUSED("GET", "/v1/vms/a%2Fb", NULL, 400, "bad-request", "separator");
	REFUSED("GET", "/v1/vms/a%00", NULL, 400, "bad-request", "control character");
	REFUSED("GET", "/v1/vms/%ff", NULL, 400, "bad-request", "UTF-8");
	REFUSED("GET", "/v1/../../metrics", NULL, 400, "bad-request", "above the root");
	memset(path, 'a', 3000);
	memcpy(path, "/v1/images/", 11);
	ok(request_full(true, "PUT", path, "", "x", 1) == 400 && reply_is_problem(400, "bad-request", "image name: expected 1 to 64"), "a name that is much too long");
	request("GET", path, NULL);
	ok(reply_is_problem(404, "not-found", "there is no image"), "nor is there such an image");
	request_full(true, "GET", "/v1/health", "Bad Header: x\r\n", NULL, 0);
	ok(reply_is_problem(400, "bad-request", ""), "the server's own refusals are documents too");
}

/* A browser that holds a client certificate presents it for any page: what a foreign page asks for is refused. */
static void test_origin(void)
{
	static const char *const foreign[] = {"https://evil.example", "null", "http://node", "https://node:8443", "https://node.evil.example", ""};
	char header[100];

	for (unsigned i = 0; i < ARRAY_LEN(foreign); i++) {
		snprintf(header, sizeof(header), "Origin: %s\r\n", foreign[i]);
		request_full(true, "POST", "/v1/vms/demo/start", header, NULL, 0);
		ok(reply_is_problem(403, "forbidden", "Origin"), "a page of \"%s\"", foreign[i]);
	}
	ok(vm_ctl_state(vm_ctl_find("demo")) == VM_STOPPED, "has no say");
	request_full(true, "GET", "/v1/vms/demo/console", "Origin: https://evil.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", NULL, 0);
	ok(reply_is_problem(403, "forbidden", "Origin"), "nor a console (RFC 6455 10.2)");
	ok_eq(request_full(true, "GET", "/v1/vms/demo", "Origin: https://NODE\r\n", NULL, 0), 200, "the node's own pages do");
}

/* Statuses of HTTP that have no kind of their own stay what they are. */
static void test_server_refusals(void)
{
	struct conn *c = conn_open(true);

	conn_text(c, "GET /v1/health HTTP/3.0\r\n\r\n");
	reply_parse(c);
	ok(reply_is_problem(505, "bad-request", ""), "another version of HTTP: 505");
	conn_end(c);
	request("GET", "/v1/vms/demo/console", NULL);
	ok(reply_is_problem(426, "bad-request", "Upgrade") && reply_has_head("\r\nSec-WebSocket-Version: 13\r\n"), "a console without an upgrade: 426");
}

static void test_head(void)
{
	for (unsigned i = 0; i < api_nroutes; i++) {
		const struct route *r = &api_routes[i];
		struct conn *c;
		char text[256];

		if (r->method != HTTP_GET || strstr(r->pattern, "/console"))
			continue;
		c = conn_open(true);
		snprintf(text, sizeof(text), "HEAD %s HTTP/1.1\r\nHost: n\r\n\r\n", path_of(r));
		conn_text(c, text);
		ok(!strncmp(c->in, "HTTP/1.1 200 ", 13) && c->len > 4 && !strcmp(c->in + c->len - 4, "\r\n\r\n"), "%s: HEAD has a head alone", r->operation);
		conn_text(c, "GET /v1/health HTTP/1.1\r\nHost: n\r\n\r\n");
		ok(conn_has(c, "{\"status\":\"ok\"}"), "%s: and the connection goes on", r->operation);
		conn_end(c);
	}
}

static void test_bodies(void)
{
	static char big[API_BODY_MAX + 100];
	size_t n;
	struct conn *c;

	n = (size_t)sprintf(big, "{\"name\":\"big\",\"kernel\":\"kernel\",\"memory_mib\":16");
	memset(big + n, ' ', API_BODY_MAX - n);
	big[API_BODY_MAX - 1] = '}';
	ok_eq(request("POST", "/v1/vms", big), 201, "64 KiB of JSON");
	ok(reply_has_head("\r\nLocation: /v1/vms/big\r\n") && reply_has_head("\r\nCache-Control: no-store\r\n"), "where it is");
	ok_eq(request("DELETE", "/v1/vms/big", NULL), 204, "gone again");
	ok_eq(reply.len, 0, "without a body");
	big[API_BODY_MAX] = ' ';
	REFUSED("POST", "/v1/vms", big, 413, "too-large", "at most 64 KiB");
	c = conn_open(true);
	conn_text(c, "POST /v1/vms HTTP/1.1\r\nHost: n\r\nContent-Type: application/json; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
		     "2\r\n{}\r\n0\r\n\r\n");
	reply_parse(c);
	ok(reply_is_problem(400, "bad-request", "name: is missing"), "a chunked body");
	conn_text(c, "POST /v1/vms HTTP/1.1\r\nHost: n\r\nContent-Type: application/json\r\n\r\n");
	reply_parse(c);
	ok(reply_is_problem(400, "bad-request", "no JSON"), "no body where one is needed");
	conn_text(c, "POST /v1/vms HTTP/1.1\r\nHost: n\r\nContent-Type: application/jsonx\r\nContent-Length: 2\r\n\r\n{}");
	reply_parse(c);
	ok(reply_is_problem(415, "unsupported-media-type", "application/json"), "a media type that begins alike");
	conn_text(c, "GET /v1/vms/demo HTTP/1.1\r\nHost: n\r\nContent-Length: 5\r\n\r\nhello");
	reply_parse(c);
	ok_eq(reply.status, 200, "a body on GET is of no meaning");
	conn_text(c, "DELETE /v1/vms/none HTTP/1.1\r\nHost: n\r\nContent-Length: 5\r\n\r\nhello");
	reply_parse(c);
	ok_eq(reply.status, 404, "nor on DELETE");
	conn_text(c, "POST /v1/vms/demo/pause HTTP/1.1\r\nHost: n\r\nContent-Length: 0\r\n\r\n");
	reply_parse(c);
	ok(reply_is_problem(409, "conflict", "stopped"), "an empty body where none is needed");
	conn_text(c, "POST /v1/vms HTTP/1.1\r\nHost: n\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{");
	pass_ms(http_limits_default.body_idle_ms + 1);
	conn_collect(c);
	reply_parse(c);
	ok(reply_is_problem(408, "timeout", "did not arrive"), "a body that stops");
	conn_end(c);
	/* A detail that would be cut inside a character is no reason to fail. */
	n = (size_t)sprintf(big, "{\"x");
	for (int i = 0; i < 200; i++)
		n += (size_t)sprintf(big + n, "\xc3\xa9");
	strcpy(big + n, "\":1}");
	REFUSED("POST", "/v1/vms", big, 400, "bad-request", "unknown member \"x\xc3\xa9");
}

static void test_vms(void)
{
	ok_eq(request("POST", "/v1/vms", "{\"name\":\"full\",\"kernel\":\"kernel\",\"initrd\":\"initrd\",\"cmdline\":\"a=\\\"b\\u0001\\\"\",\"vcpus\":2,\"memory_mib\":17,"
		      "\"weight\":7,\"autostart\":true}"), 201, "a VM with everything");
	ok(!strcmp(reply_str("/name"), "full") && !strcmp(reply_str("/initrd"), "initrd") && !strcmp(reply_str("/cmdline"), "a=\"b\001\"") &&
	   !strcmp(reply_str("/state"), "stopped"), "strings");
	ok(yyjson_get_uint(reply_get("/vcpus")) == 2 && yyjson_get_uint(reply_get("/memory_mib")) == 17 && yyjson_get_uint(reply_get("/weight")) == 7 &&
	   yyjson_is_true(reply_get("/autostart")) && yyjson_is_null(reply_get("/uptime_ms")) && yyjson_is_null(reply_get("/reason")), "and the rest");
	ok(request("GET", "/v1/vms", NULL) == 200 && yyjson_arr_size(reply_get("/items")) == 2 && !strcmp(reply_str("/items/1/name"), "full"), "in the list");
	REFUSED("POST", "/v1/vms", "{\"name\":\"full\",\"kernel\":\"kernel\"}", 409, "conflict", "already");
	REFUSED("POST", "/v1/vms", "{\"name\":\"x\",\"kernel\":\"none\"}", 400, "bad-request", "kernel: there is no image \"none\"");
	REFUSED("POST", "/v1/vms", "{\"name\":\"x\",\"kernel\":\"kernel\",\"memory_mib\":100000}", 507, "insufficient-memory", "not enough");
	REFUSED("POST", "/v1/vms/full/stop", "{\"timeout_ms\":600001}", 400, "bad-request", "timeout_ms: expected a number from 0 to 600000");
	REFUSED("DELETE", "/v1/images/initrd", NULL, 409, "conflict", "\"initrd\" is used by a VM: delete that first");
	ok_eq(request("POST", "/v1/vms/full/start", NULL), 200, "started");
	ok(!strcmp(reply_str("/state"), "running") && yyjson_is_uint(reply_get("/uptime_ms")), "it runs");
	REFUSED("DELETE", "/v1/vms/full", NULL, 409, "conflict", "running: stop it first");
	REFUSED("POST", "/v1/vms/full/start", NULL, 409, "conflict", "cannot start it");
	ok(request("POST", "/v1/vms/full/pause", "{}") == 200 && !strcmp(reply_str("/state"), "paused"), "paused");
	ok(request("POST", "/v1/vms/full/resume", "") == 200 && !strcmp(reply_str("/state"), "running"), "resumed");
	ok(request("POST", "/v1/vms/full/reset", NULL) == 200 && !strcmp(reply_str("/state"), "running"), "reset");
	vm_crash(vm_ctl_find("full")->vm, "triple \"fault\"");
	fake_loop_settle();
	ok(request("GET", "/v1/vms/full", NULL) == 200 && !strcmp(reply_str("/state"), "crashed") && !strcmp(reply_str("/reason"), "triple \"fault\""), "crashed, and why");
	ok(request("POST", "/v1/vms/full/stop", "{\"timeout_ms\":0}") == 200, "stopping what is down is no mistake");
	plain.load_fails = true;
	REFUSED("POST", "/v1/vms/full/start", NULL, 400, "bad-request", "the kernel is no kernel");
	plain.load_fails = false;
	ok_eq(request("DELETE", "/v1/vms/full", NULL), 204, "deleted");
	REFUSED("DELETE", "/v1/vms/full", NULL, 404, "not-found", "there is no VM \"full\"");
	REFUSED("POST", "/v1/vms/full/start", NULL, 404, "not-found", "there is no VM");
}

/* ---- images */

static void refused_upload(const char *query, const char *body, int status, const char *slug, const char *detail, const char *name)
{
	char path[600];

	snprintf(path, sizeof(path), "/v1/images/up%s", query);
	request_full(true, "PUT", path, "", body, strlen(body));
	ok(reply_is_problem(status, slug, detail), "%s: %d", name, status);
	if (!ok(image_find("up") == NULL, "%s: nothing is kept", name))
		request("DELETE", "/v1/images/up", NULL);
}

static void test_digests(void)
{
	char longer[400];

	refused_upload("?sha256=" ABC, "abd", 422, "digest-mismatch", "sha256 of the 3 bytes received is a52d159f", "a wrong digest");
	ok_eq(request("PUT", "/v1/images/up?sha256=" ABC, "abc"), 201, "the right digest");
	ok(!strcmp(reply_str("/sha256"), ABC) && yyjson_get_uint(reply_get("/size_bytes")) == 3 && yyjson_is_false(reply_get("/in_use")), "the image");
	ok(request("GET", "/v1/images/up", NULL) == 200 && !strcmp(reply_str("/name"), "up"), "look-up");
	REFUSED("PUT", "/v1/images/up", "abc", 409, "conflict", "already");
	ok_eq(request("DELETE", "/v1/images/up", NULL), 204, "removed");
	REFUSED("GET", "/v1/images/up", NULL, 404, "not-found", "there is no image \"up\"");
	refused_upload("?sha256=", "abc", 400, "bad-request", "sha256: expected 64", "an empty digest");
	refused_upload("?sha256=ba78", "abc", 400, "bad-request", "sha256: expected 64", "a short digest");
	refused_upload("?sha256=" ABC "0", "abc", 400, "bad-request", "sha256: expected 64", "65 digits");
	refused_upload("?sha265=" ABC, "abc", 400, "bad-request", "unknown query parameter \"sha265\": expected sha256", "a misspelt parameter");
	snprintf(longer, sizeof(longer), "?sha256=%s%s%s%s", ABC, ABC, ABC, ABC);
	refused_upload(longer, "abc", 400, "bad-request", "sha256: expected 64", "256 digits");
	refused_upload("?sha256=g" "a7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "abc", 400, "bad-request", "sha256: expected 64", "no hexadecimal digits");
	refused_upload("?sha%32%356=ba78", "abc", 400, "bad-request", "sha256: expected 64", "a key in percent signs");
	ok_eq(request("PUT", "/v1/images/up?&sha256=" ABC, "abc"), 201, "behind an empty parameter");
	ok_eq(request("DELETE", "/v1/images/up", NULL), 204, "removed");
}

static uint64_t free_pages(void)
{
	struct page_stats s;

	fake_loop_settle();
	page_stats(&s);
	return s.free;
}

static void test_uploads(void)
{
	static char data[300000];
	uint64_t pages = free_pages();
	struct conn *c, *d;

	memset(data, 'x', sizeof(data));
	ok_eq(request_full(true, "PUT", "/v1/images/big", "", data, sizeof(data)), 201, "a large image");
	ok(request("DELETE", "/v1/images/big", NULL) == 204 && free_pages() == pages, "gone with its pages");
	refused_upload("", "", 400, "bad-request", "at least one byte", "nothing");
	REFUSED("PUT", "/v1/images/a%20b", "x", 400, "bad-request", "image name");
	c = conn_open(true);
	conn_text(c, "PUT /v1/images/chunks?sha256=" ABC " HTTP/1.1\r\nHost: n\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n");
	ok(conn_has(c, "HTTP/1.1 201 ") && image_find("chunks"), "in chunks");
	conn_text(c, "PUT /v1/images/bad HTTP/1.1\r\nHost: n\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nzz\r\n");
	reply_parse(c);
	ok(reply_is_problem(400, "bad-request", "ended early") && !image_find("bad"), "in broken chunks");
	conn_end(c);
	request("DELETE", "/v1/images/chunks", NULL);
	c = conn_open(true);
	conn_text(c, "PUT /v1/images/cut HTTP/1.1\r\nHost: n\r\nContent-Length: 100000\r\n\r\n");
	conn_send(c, data, 50000);
	conn_end(c);
	ok(!image_find("cut") && free_pages() == pages, "a client that leaves in the middle leaves nothing");
	c = conn_open(true);
	conn_text(c, "PUT /v1/images/slow HTTP/1.1\r\nHost: n\r\nContent-Length: 100\r\n\r\nabc");
	pass_ms(http_limits_default.body_idle_ms + 1);
	conn_collect(c);
	reply_parse(c);
	ok(reply_is_problem(408, "timeout", "ended early") && !image_find("slow"), "one that stops is told");
	conn_end(c);
	c = conn_open(true);
	d = conn_open(true);
	conn_text(c, "PUT /v1/images/same HTTP/1.1\r\nHost: n\r\nContent-Length: 4\r\n\r\nab");
	conn_text(d, "PUT /v1/images/same HTTP/1.1\r\nHost: n\r\nContent-Length: 1\r\n\r\nz");
	ok(conn_has(d, " 201 "), "two at once: the first to end has the name");
	conn_text(d, "DELETE /v1/images/same HTTP/1.1\r\nHost: n\r\n\r\n");
	ok(conn_has(d, " 204 "), "which may even be removed");
	conn_text(d, "PUT /v1/images/same HTTP/1.1\r\nHost: n\r\nContent-Length: 1\r\n\r\nz");
	conn_text(c, "cd");
	ok(conn_has(c, " 409 ") && conn_has(c, "made meanwhile"), "the other is told");
	conn_end(c);
	conn_end(d);
	ok(request("DELETE", "/v1/images/same", NULL) == 204 && free_pages() == pages, "every page is back");
	for (size_t sent = 0; sent < 300; sent++) { /* the quota is 64 MiB */
		char name[40];

		snprintf(name, sizeof(name), "/v1/images/fill%zu", sent);
		if (request_full(true, "PUT", name, "", data, sizeof(data)) != 201)
			break;
	}
	ok(reply_is_problem(507, "insufficient-memory", "no memory"), "until memory for images runs out");
	for (size_t i = 0; i < 300; i++) {
		char name[24];
		struct problem p;

		snprintf(name, sizeof(name), "fill%zu", i);
		if (image_remove(name, &p) != OK)
			break;
	}
	ok_eq(free_pages(), pages, "every page is back");
}

/* ---- pairing */

static char csr[2048], json[8192];

static int pair(const char *code, const char *name)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(doc);
	char *text;

	yyjson_mut_doc_set_root(doc, o);
	yyjson_mut_obj_add_str(doc, o, "code", code);
	yyjson_mut_obj_add_str(doc, o, "csr", csr);
	yyjson_mut_obj_add_str(doc, o, "name", name);
	text = yyjson_mut_write(doc, 0, NULL);
	snprintf(json, sizeof(json), "%s", text);
	free(text);
	yyjson_mut_doc_free(doc);
	return request_full(false, "POST", "/v1/pair", "Content-Type: application/json\r\n", json, strlen(json));
}

static void test_pair(void)
{
	mbedtls_pk_context key;
	char code[16];
	struct event e;

	if (!ok(client_csr(&key, csr, sizeof(csr)) == 0, "a CSR"))
		return;
	snprintf(code, sizeof(code), "%s", pairing_code());
	ok(pair(code, "laptop ") == 400 && reply_is_problem(400, "bad-request", "name: expected"), "a name that ends in a blank");
	ok(pair(code, "CN=x") == 400 && pair(code, "a\",b") == 400 && pair(code, "\xc3\xa9") == 400, "or has a meaning");
	ok(pair(code, "bob:laptop") == 400 && pair(code, "x-") == 400, "or that no certificate can carry");
	ok(!strcmp(pairing_code(), code), "cost nothing");
	ok(pair(code, "laptop") == 201 && !strncmp(reply_str("/certificate"), "-----BEGIN CERTIFICATE-----", 27), "a certificate, without having one");
	ok(!strcmp(reply_str("/ca"), tls_identity_ca_pem(node.identity)) && !strcmp(reply_str("/node"), "caisson-test") &&
	   !strcmp(reply_str("/fingerprint"), tls_identity_fingerprint(node.identity)), "and who gave it");
	ok(event_get(event_last_id(), &e) && !strcmp(e.type, "node.paired") && !strcmp(e.object, "laptop") && !strcmp(e.reason, "192.0.2.9:4711"), "told");
	pair(code, "again");
	ok(reply_is_problem(403, "forbidden", "4 of 5 tries are left"), "a code works once");
	pair(code, "again");
	ok(reply_is_problem(429, "too-many-requests", "one try per second") && reply_has_head("\r\nRetry-After: 1\r\n"), "too fast");
	pass_ms(1000);
	snprintf(csr, sizeof(csr), "no CSR");
	snprintf(code, sizeof(code), "%s", pairing_code());
	pair(code, "laptop");
	ok(reply_is_problem(400, "bad-request", "csr: ") && strcmp(pairing_code(), code) != 0, "rubbish uses the code up");
	mbedtls_pk_free(&key);
}

/* ---- the rest */

static void test_node(void)
{
	static struct config odd;
	const struct config *was = node.config;
	struct event e;

	odd = *was;
	odd.nerrors = 1;
	snprintf(odd.errors[0], sizeof(odd.errors[0]), "caisson.yaml:3:7: expected a number, found \"many\"");
	node.config = &odd;
	ok_eq(request("GET", "/v1/node", NULL), 200, "the node");
	ok_str(reply_str("/config_errors/0"), odd.errors[0], "mistakes in its config file");
	ok(!strcmp(reply_str("/name"), "caisson-test") && !strcmp(reply_str("/time_source"), "uefi") && !strncmp(reply_str("/time"), "2026-01-01T", 11) &&
	   !strcmp(reply_str("/virtualization/backend"), hv_fake.name) && yyjson_get_uint(reply_get("/memory/total_kib")) == 256 * 1024 &&
	   yyjson_get_uint(reply_get("/vms/total")) == 1, "and what it is");
	node.config = was;
	ok(request_full(false, "GET", "/v1/health", "", NULL, 0) == 200 && !strcmp(reply_str("/status"), "ok"), "health is for all");
	fake_fail_stack_alloc(1); /* after the connection's */
	REFUSED("POST", "/v1/node/reboot", NULL, 507, "insufficient-memory", "no memory to end the node");
	ok(request("POST", "/v1/node/reboot", NULL) == 202 && yyjson_is_obj(yyjson_doc_get_root(reply.doc)), "reboot is answered first");
	ok(event_get(event_last_id(), &e) && !strcmp(e.type, "node.ending") && !strcmp(e.state, "reboot"), "and told");
	REFUSED("POST", "/v1/node/poweroff", NULL, 409, "conflict", "is ending");
}

/* Text format 0.0.4: each family once and in one piece, HELP and TYPE before its samples, labels quoted, values numbers. */
static void test_metrics(void)
{
	char families[4096] = " ", family[100] = "", want[120], *line, *save = NULL;
	unsigned bad = 0, samples = 0;

	make_vm("metered");
	request("POST", "/v1/vms/metered/start", NULL);
	ok(request("GET", "/metrics", NULL) == 200 && reply_has_head("\r\nContent-Type: text/plain; version=0.0.4"), "metrics");
	ok(strstr(reply.body, "\ncaisson_vms 2\n") && strstr(reply.body, "\ncaisson_vm_exits_total{vm=\"metered\",kind=\"idle\"} ") &&
	   strstr(reply.body, "caisson_cpu_seconds_total{cpu=\"0\",mode=\"idle\"}") && strstr(reply.body, "\ncaisson_pairing_codes_used_total 2\n"), "of all kinds");
	ok(reply.body[reply.len - 1] == '\n', "the last line ends");
	for (line = strtok_r(reply.body, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!strncmp(line, "# HELP ", 7)) {
			sscanf(line + 7, "%99s", family);
			snprintf(want, sizeof(want), " %s ", family);
			bad += strstr(families, want) != NULL;
			snprintf(families + strlen(families), sizeof(families) - strlen(families), "%s ", family);
		} else if (!strncmp(line, "# TYPE ", 7)) {
			snprintf(want, sizeof(want), "%s ", family);
			bad += strncmp(line + 7, want, strlen(want)) != 0;
		} else {
			size_t n = strcspn(line, "{ ");
			const char *value = strrchr(line, ' ');

			samples++;
			bad += n != strlen(family) || strncmp(line, family, n) || !value || strspn(value + 1, "0123456789.") != strlen(value + 1);
		}
	}
	ok(bad == 0 && samples > 30, "every line is well formed");
	request("POST", "/v1/vms/metered/stop", "{\"timeout_ms\":0}");
	request("DELETE", "/v1/vms/metered", NULL);
}

int main(void)
{
	bench_start();
	make_vm("demo");
	bench_image("demo", "an image");
	test_every_route();
	test_paths();
	test_origin();
	test_server_refusals();
	test_head();
	test_bodies();
	test_vms();
	test_digests();
	test_uploads();
	test_pair();
	test_metrics();
	test_node();
	yyjson_doc_free(reply.doc);
	return tap_done();
}
