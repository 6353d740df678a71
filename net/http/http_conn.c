/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one connection: requests one after the other, each answered exactly once, then the end in good order.
 * Its own task. Must not know how connections are accepted or counted (http_server.c).
 *
 * Pipelining is refused: when bytes of a further request are there before a response begins, that response carries
 * "Connection: close" and is the last one; the rest is thrown away (RFC 9112 9.3.2 lets the client try again). */
#include "http_impl.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/log.h>
#include <stdlib.h>
#include <string.h>

/* After the last response the client may still be sending: so long and so much is read and thrown away, since a reset
 * would take the response away from it. */
#define LINGER_NS (3 * NS_PER_S)
#define LINGER_BYTES (16 * MIB)

struct http_stats http_counters;

void http_stats(struct http_stats *out)
{
	*out = http_counters;
}

static void exchange_reset(struct http_exchange *x)
{
	free(x->extra);
	x->extra = NULL;
	x->extra_len = 0;
	memset(&x->head, 0, sizeof x->head);
	x->body_start_ns = x->body_got = 0;
	x->continue_sent = x->chunked_out = false;
	x->response = RESP_NONE;
	http_body_init(&x->body, false, 0);
}

/* The server's own answer. When the handler above has nothing to say, a bare status line is still an answer. */
static void exchange_problem(struct http_exchange *x, int status, const char *detail)
{
	err_t e;

	x->h->problem(x->h->ctx, x, status, detail);
	if (x->response == RESP_NONE) {
		e = http_respond(x, status, "text/plain", detail, strlen(detail));
		(void)e;
	}
}

static void exchange_refuse(struct http_exchange *x)
{
	http_counters.bad_requests++;
	x->request = false;
	x->close = true;
	log_debug("http", "%s: %d, %s", x->s->peer, x->parser.status, x->parser.detail);
	exchange_problem(x, x->parser.status, x->parser.detail);
}

/* What the handler left unread of a body, so that the next request is found behind it. */
static void exchange_drain(struct http_exchange *x)
{
	char sink[512];
	size_t got = 1;

	while (!x->close && !x->body.done && got)
		if (http_body_read(x, sink, sizeof sink, &got) != OK)
			x->close = true;
}

static void exchange_finish(struct http_exchange *x)
{
	if (x->response == RESP_NONE)
		exchange_problem(x, 500, "the request was not answered");
	if (x->response == RESP_STREAM) { /* its end is missing: the client must see that */
		log_warn("http", "%s %s: a streamed response was left open", x->head.method_name, x->head.path);
		x->broken = x->close = true;
	}
	exchange_drain(x);
}

static void exchange_handle(struct http_exchange *x)
{
	http_counters.requests++;
	http_body_init(&x->body, x->head.chunked, x->head.content_length);
	x->h->handle(x->h->ctx, x);
	exchange_finish(x);
}

static void conn_end(struct http_exchange *x, err_t e)
{
	if (x->response == RESP_WEBSOCKET)
		ws_close(x, 1001, NULL);
	if (x->conn)
		http_conn_set_state(x->conn, CONN_IDLE); /* may go when room is needed */
	if (x->broken)
		x->s->ops->abort(x->s);
	if (e == OK && !x->broken)
		stream_linger_close(x->s, LINGER_BYTES, hal_clock_ns() + LINGER_NS);
	else
		stream_close(x->s);
	x->s = NULL;
	free(x->in);
	free(x->ws_buf);
	exchange_reset(x);
}

void http_conn_serve(struct http_exchange *x)
{
	err_t e;

	do {
		exchange_reset(x);
		e = http_input_head(x);
		if (e == OK)
			exchange_handle(x);
		else if (e == E_CORRUPT)
			exchange_refuse(x), e = OK;
		if (x->request)
			http_input_next(x);
	} while (e == OK && !x->close && x->response != RESP_WEBSOCKET);
	conn_end(x, e);
}

void http_serve_stream(struct stream *s, const struct tls_peer *peer, const struct http_limits *limits, const struct http_handler *h)
{
	struct http_exchange *x = calloc(1, sizeof *x);

	if (!x) {
		stream_close(s);
		return;
	}
	x->s = s;
	x->peer = peer;
	x->limits = limits;
	x->h = h;
	http_conn_serve(x);
	free(x);
}
