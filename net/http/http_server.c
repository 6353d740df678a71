/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTPS server: takes connections, gives each a task, and keeps their number in bounds by closing the one that
 * matters least. CPU 0: accept on the loop, the rest in the connections' tasks. Must not know HTTP itself. */
#include "http_impl.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/log.h>
#include <net/netif.h>
#include <stdlib.h>
#include <string.h>

#define CONN_STACK_BYTES (32 * KIB) /* measured: a handshake takes 7 KiB, signing a client certificate 13; the rest is for handlers */
#define LISTEN_BACKLOG 64

struct http_server {
	struct tls_identity *id;
	const struct http_limits *limits;
	const struct http_handler *h;
	struct list conns;
	unsigned live; /* connections that are not dying */
	struct log_limit refused_log;
};

const struct http_limits http_limits_default = {
	.connections = 128,
	.strangers_per_address = 64,
	.header_bytes = 16 * KIB,
	.handshake_ms = 10000,
	.header_ms = 10000,
	.body_idle_ms = 15000,
	.idle_ms = 120000,
	.write_ms = 20000,
};

void http_conn_set_state(struct http_conn *c, enum http_conn_state state)
{
	c->state = state;
	c->since_ns = hal_clock_ns();
}

/* How little closing it would hurt; 0: do not. A client that has shown a certificate is somebody we know; a stranger may go in the middle
 * of a request too, or slow bodies would hold all places. */
enum { KEEP, EXPENDABLE_IDLE, EXPENDABLE_STRANGER };
static unsigned conn_expendable(const struct http_conn *c)
{
	if (c->dying)
		return KEEP;
	if (c->peer.has_cert)
		return c->state == CONN_IDLE ? EXPENDABLE_IDLE : KEEP;
	return EXPENDABLE_STRANGER;
}

/* "192.0.2.1:4711" and "[fe80::1]:4711": everything before the last colon. */
static size_t peer_host_len(const char *peer)
{
	const char *colon = strrchr(peer, ':');

	return colon ? (size_t)(colon - peer) : strlen(peer);
}

static bool peer_same_host(const char *a, const char *b)
{
	size_t len = peer_host_len(a);

	return peer_host_len(b) == len && !memcmp(a, b, len);
}

/* The connection that may best go: of any client, or of a stranger at the address of peer. NULL: there is none. */
static struct http_conn *server_victim(struct http_server *srv, const char *peer)
{
	struct http_conn *victim = NULL;

	list_foreach(n, &srv->conns) {
		struct http_conn *c = list_entry(n, struct http_conn, link);
		unsigned e = conn_expendable(c);

		if (e == KEEP || (peer && (e != EXPENDABLE_STRANGER || !peer_same_host(c->raw->peer, peer))))
			continue;
		if (!victim || e > conn_expendable(victim) || (e == conn_expendable(victim) && c->since_ns < victim->since_ns))
			victim = c;
	}
	return victim;
}

static void conn_evict(struct http_conn *c)
{
	c->dying = true;
	c->server->live--;
	http_counters.active--;
	http_counters.refused++;
	c->raw->ops->abort(c->raw);
}

static unsigned server_count_strangers(struct http_server *srv, const char *peer)
{
	unsigned n = 0;

	list_foreach(i, &srv->conns) {
		const struct http_conn *c = list_entry(i, struct http_conn, link);

		n += conn_expendable(c) == EXPENDABLE_STRANGER && peer_same_host(c->raw->peer, peer);
	}
	return n;
}

/* Room for one more? Makes it when something may go: first at the newcomer's own address, so that one host that dials without end
 * pushes out itself alone. */
static bool server_make_room(struct http_server *srv, const struct stream *raw)
{
	bool crowd = server_count_strangers(srv, raw->peer) >= srv->limits->strangers_per_address;
	struct http_conn *victim;

	if (!crowd && srv->live < srv->limits->connections)
		return true;
	victim = server_victim(srv, crowd ? raw->peer : NULL);
	if (!victim)
		return false;
	log_debug("http", "%s is closed for a newer connection", victim->raw->peer);
	conn_evict(victim);
	return true;
}

static void conn_free(struct http_conn *c)
{
	list_remove(&c->link);
	if (!c->dying) {
		c->server->live--;
		http_counters.active--;
	}
	free(c);
}

static void conn_task(void *arg)
{
	struct http_conn *c = arg;
	const struct http_server *srv = c->server;
	struct http_exchange *x;
	struct stream *s;
	err_t e;

	/* From here on raw belongs to tls_accept and then to s; c->raw stays valid until that is closed. */
	e = tls_accept(srv->id, c->raw, hal_clock_ns() + srv->limits->handshake_ms * NS_PER_MS, &s, &c->peer);
	if (e != OK) {
		http_counters.timeouts += e == E_TIMEOUT;
		conn_free(c);
		return;
	}
	x = calloc(1, sizeof *x);
	if (x) {
		x->s = s;
		x->peer = &c->peer;
		x->limits = srv->limits;
		x->h = srv->h;
		x->conn = c;
		http_conn_serve(x);
		free(x);
	} else {
		stream_close(s);
	}
	conn_free(c);
}

static void server_refuse(struct http_server *srv, struct stream *raw, const char *why)
{
	http_counters.refused++;
	if (log_allowed(&srv->refused_log, 2))
		log_warn("http", "connection of %s refused: %s", raw->peer, why);
	stream_close(raw);
}

static void server_accept(void *ctx, struct stream *raw)
{
	struct http_server *srv = ctx;
	struct http_conn *c;

	if (!server_make_room(srv, raw)) {
		server_refuse(srv, raw, "too many connections");
		return;
	}
	c = calloc(1, sizeof *c);
	if (!c) {
		server_refuse(srv, raw, "no memory");
		return;
	}
	c->server = srv;
	c->raw = raw;
	http_conn_set_state(c, CONN_HANDSHAKE);
	list_push_back(&srv->conns, &c->link);
	if (task_create("https", conn_task, c, CONN_STACK_BYTES, NULL) != OK) {
		list_remove(&c->link);
		free(c);
		server_refuse(srv, raw, "no memory for a stack");
		return;
	}
	srv->live++;
	http_counters.active++;
	http_counters.connections++;
}

err_t http_serve(uint16_t port, struct tls_identity *id, const struct http_limits *limits, const struct http_handler *h)
{
	struct http_server *srv = calloc(1, sizeof *srv);
	err_t e;

	if (!srv)
		return E_NOMEM;
	srv->id = id;
	srv->limits = limits;
	srv->h = h;
	list_init(&srv->conns);
	e = net_listen(port, LISTEN_BACKLOG, server_accept, srv);
	if (e != OK)
		free(srv);
	return e;
}
