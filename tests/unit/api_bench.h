/* SPDX-License-Identifier: Apache-2.0 */
/* A node without network: the management API on streams in memory, VMs on the scripted backend and the plain machine. A test opens
 * connections, writes bytes, lets the loop settle and looks at what came back. One include per program. */
#ifndef TESTS_UNIT_API_BENCH_H
#define TESTS_UNIT_API_BENCH_H
#include <core/clock.h>
#include <core/efivar.h>
#include <core/task.h>
#include <net/http.h>
#include <sandbox/api.h>
#include <sandbox/event.h>
#include <sandbox/node.h>
#include <sandbox/pairing.h>
#include <sandbox/vm_ctl.h>
#include <stdlib.h>
#include <unit/tap.h>
#include <yyjson.h>
#include "plain_machine.h"

#define BENCH_FN __attribute__((unused)) static

/* ---- the node */

BENCH_FN void guest_idle(struct vcpu *v, struct hv_exit *out, void *ctx)
{
	(void)v, (void)ctx;
	*out = (struct hv_exit){.kind = HV_EXIT_IDLE};
}

BENCH_FN void bench_image(const char *name, const char *data)
{
	struct boot_file f = {.data = data, .size = strlen(data)};

	snprintf(f.name, sizeof(f.name), "%s", name);
	if (image_add_file(&f) != OK)
		ok(false, "image %s", name);
}

BENCH_FN void bench_start(void)
{
	static const struct tls_store store = {efivar_get, efivar_set};
	static struct config config;
	static const char *const names[] = {"node"};

	fake_init(256 * MIB, 1);
	clock_set_utc(1767225600ll * 1000000000, CLOCK_UEFI);
	plain_use();
	fake_hv.on_run = guest_idle;
	event_init();
	pairing_init();
	vm_ctl_init();
	image_init(64 * MIB);
	config_defaults(&config);
	node.config = &config;
	snprintf(node.name, sizeof(node.name), "caisson-test");
	if (tls_identity_open(&store, NULL, node.name, names, 1, &node.identity, &node.identity_persistent) != OK)
		ok(false, "the node's identity");
	bench_image("kernel", "a kernel");
	bench_image("initrd", "an initrd");
}

/* ---- connections */

struct conn {
	struct stream *client, *server;
	struct tls_peer peer;
	bool served;
	size_t len;
	char in[400000]; /* what came back since conn_clear, with a NUL behind */
};

BENCH_FN void conn_serve(void *arg)
{
	struct conn *c = arg;

	http_serve_stream(c->server, &c->peer, &http_limits_default, &api_handler);
	c->served = true;
}

BENCH_FN struct conn *conn_open_cap(bool has_cert, size_t cap)
{
	struct conn *c = calloc(1, sizeof(*c));

	c->peer.has_cert = has_cert;
	if (stream_pair(cap, &c->client, &c->server) != OK || task_create("http", conn_serve, c, 128 * 1024, NULL) != OK)
		abort();
	snprintf(c->server->peer, sizeof(c->server->peer), "192.0.2.9:4711");
	fake_loop_settle();
	return c;
}

BENCH_FN struct conn *conn_open(bool has_cert) { return conn_open_cap(has_cert, 65536); }

/* One read, at most n bytes; false when there was nothing. */
BENCH_FN bool conn_read(struct conn *c, size_t n)
{
	size_t got;

	fake_loop_settle();
	if (c->len + 1 >= sizeof(c->in) || c->client->ops->read(c->client, c->in + c->len, MIN(n, sizeof(c->in) - 1 - c->len), &got) != OK)
		return false;
	c->len += got;
	c->in[c->len] = '\0';
	return true;
}

BENCH_FN void conn_collect(struct conn *c)
{
	while (conn_read(c, sizeof(c->in)))
		;
}

BENCH_FN void conn_clear(struct conn *c)
{
	c->len = 0;
	c->in[0] = '\0';
}

/* Writes all while the node takes it, and collects. */
BENCH_FN void conn_send(struct conn *c, const void *p, size_t n)
{
	const char *s = p;
	size_t put;

	while (n && c->client->ops->write(c->client, s, n, &put) == OK) {
		s += put;
		n -= put;
		fake_loop_settle();
	}
	conn_collect(c);
}

BENCH_FN void conn_text(struct conn *c, const char *text)
{
	conn_clear(c);
	conn_send(c, text, strlen(text));
}

BENCH_FN bool conn_has(const struct conn *c, const char *text) { return strstr(c->in, text) != NULL; }

/* Closes the client's end; true when the node's task ended. */
BENCH_FN bool conn_end(struct conn *c)
{
	bool served;

	stream_close(c->client);
	fake_loop_settle();
	for (unsigned i = 0; i < 40 && !c->served; i++) { /* a stream looks for its client once in 15 s */
		fake_clock_advance(NS_PER_S);
		fake_loop_settle();
	}
	served = c->served;
	if (served)
		free(c);
	return served;
}

BENCH_FN void pass_ms(uint64_t ms)
{
	fake_clock_advance(ms * NS_PER_MS);
	fake_loop_settle();
}

/* ---- one request, one answer */

static struct reply {
	int status;
	char head[2048];
	char body[300000];
	size_t len;
	yyjson_doc *doc; /* of a JSON body */
} reply;

BENCH_FN void reply_parse(const struct conn *c)
{
	const char *body = strstr(c->in, "\r\n\r\n");
	size_t head;

	yyjson_doc_free(reply.doc);
	memset(&reply, 0, sizeof(reply));
	if (!body || sscanf(c->in, "HTTP/1.1 %d", &reply.status) != 1)
		return;
	head = (size_t)(body + 2 - c->in);
	body += 4;
	memcpy(reply.head, c->in, MIN(head, sizeof(reply.head) - 1));
	reply.len = MIN((size_t)(c->in + c->len - body), sizeof(reply.body) - 1);
	memcpy(reply.body, body, reply.len);
	reply.doc = yyjson_read(reply.body, reply.len, 0);
}

/* headers: more lines, each with CR LF. body NULL: none. Returns the status, 0 for no answer. */
BENCH_FN int request_full(bool cert, const char *method, const char *path, const char *headers, const void *body, size_t len)
{
	struct conn *c = conn_open(cert);
	char head[8192];
	size_t n;

	n = (size_t)snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: node\r\n%s", method, path, headers);
	if (body)
		n += (size_t)snprintf(head + n, sizeof(head) - n, "Content-Length: %zu\r\n", len);
	n += (size_t)snprintf(head + n, sizeof(head) - n, "\r\n");
	conn_clear(c);
	conn_send(c, head, n);
	if (body)
		conn_send(c, body, len);
	reply_parse(c);
	if (!conn_end(c))
		ok(false, "%s %s: the connection's task ends", method, path);
	return reply.status;
}

BENCH_FN int request(const char *method, const char *path, const char *json)
{
	return request_full(true, method, path, json ? "Content-Type: application/json\r\n" : "", json, json ? strlen(json) : 0);
}

BENCH_FN yyjson_val *reply_get(const char *pointer) { return yyjson_doc_ptr_get(reply.doc, pointer); }

BENCH_FN const char *reply_str(const char *pointer)
{
	const char *s = yyjson_get_str(reply_get(pointer));

	return s ? s : "";
}

BENCH_FN bool reply_has_head(const char *line) { return strstr(reply.head, line) != NULL; }

/* Is the answer a whole problem document of this kind, with this in its detail? */
BENCH_FN bool reply_is_problem(int status, const char *slug, const char *detail)
{
	char type[80];

	snprintf(type, sizeof(type), "urn:caisson:problem:%s", slug);
	if (reply.status == status && reply_has_head("\r\nContent-Type: application/problem+json\r\n") && !strcmp(reply_str("/type"), type) &&
	    reply_str("/title")[0] && yyjson_get_int(reply_get("/status")) == status && strstr(reply_str("/detail"), detail) &&
	    yyjson_is_str(reply_get("/instance")))
		return true;
	tap_note("expected %d %s \"%s\"; got %d: %s", status, slug, detail, reply.status, reply.body);
	return false;
}

#define REFUSED(method, path, json, status, slug, detail) \
	do { \
		request(method, path, json); \
		ok(reply_is_problem(status, slug, detail), "%s %s: %d, %s", method, path, status, detail); \
	} while (0)

BENCH_FN void make_vm(const char *name)
{
	char json[200];

	snprintf(json, sizeof(json), "{\"name\":\"%s\",\"kernel\":\"kernel\",\"memory_mib\":16}", name);
	if (request("POST", "/v1/vms", json) != 201)
		ok(false, "VM %s: %d %s", name, reply.status, reply.body);
}

#endif
