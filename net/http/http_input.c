/* SPDX-License-Identifier: Apache-2.0 */
/* Input of a connection: the buffer, the next request's head within its time limits, and the body as the handler
 * asks for it. The connection's task. Must not know what is answered (http_conn.c). */
#include "http_impl.h"
#include <core/arith.h>
#include <core/hal.h>
#include <stdlib.h>
#include <string.h>

#define IN_START 2048
#define FRAME_ROOM 4096 /* behind the head, for pieces of the body and frames */
/* A body may be slow, but not slower than this on the whole, or a few slow clients could hold all connections. */
#define BODY_GRACE_NS (30 * NS_PER_S)
#define BODY_MIN_BYTES_PER_S 1024

static err_t input_reserve(struct http_exchange *x, size_t cap)
{
	char *p;

	if (x->in_cap >= cap)
		return OK;
	p = realloc(x->in, cap);
	if (!p)
		return E_NOMEM;
	x->in = p;
	x->in_cap = cap;
	return OK;
}

static err_t input_read(struct http_exchange *x, uint64_t deadline_ns, bool block)
{
	size_t room = x->in_cap - x->in_len, got = 0;
	err_t e;

	if (!room)
		return E_LIMIT;
	e = block ? stream_read_some(x->s, x->in + x->in_len, room, &got, deadline_ns) : x->s->ops->read(x->s, x->in + x->in_len, room, &got);
	if (e == OK)
		x->in_len += got;
	return e;
}

/* While a request is open the buffer does not move: its strings are in use. */
static void input_rewind(struct http_exchange *x)
{
	if (x->request && x->in_pos == x->in_len)
		x->in_pos = x->in_len = x->parser.pos;
}

err_t http_input_fill(struct http_exchange *x, uint64_t deadline_ns)
{
	input_rewind(x);
	return input_read(x, deadline_ns, true);
}

err_t http_input_poll(struct http_exchange *x)
{
	input_rewind(x);
	return input_read(x, 0, false);
}

void http_input_next(struct http_exchange *x)
{
	size_t left = x->in_len - x->in_pos;

	memmove(x->in, x->in + x->in_pos, left);
	x->in_len = left;
	x->in_pos = 0;
	x->request = false;
	/* A large head is rare; an idle connection should be small, but not give back what its next request takes again. */
	if (x->in_cap > IN_START + FRAME_ROOM && left <= IN_START) {
		char *p = realloc(x->in, IN_START);

		if (p) {
			x->in = p;
			x->in_cap = IN_START;
		}
	}
}

static void input_state(struct http_exchange *x, enum http_conn_state state)
{
	if (x->conn)
		http_conn_set_state(x->conn, state);
}

static err_t head_timeout(struct http_exchange *x)
{
	http_counters.timeouts++;
	x->parser.status = 408;
	x->parser.detail = "the request's header did not arrive in time";
	return E_CORRUPT;
}

err_t http_input_head(struct http_exchange *x)
{
	uint64_t now = hal_clock_ns(), deadline = now + x->limits->idle_ms * NS_PER_MS;
	bool started = x->in_len > 0;

	http_parse_init(&x->parser, x->limits->header_bytes);
	input_state(x, started ? CONN_HEAD : CONN_IDLE);
	if (started)
		deadline = now + x->limits->header_ms * NS_PER_MS;
	for (;;) {
		enum http_parse_result r = http_parse_feed(&x->parser, x->in, x->in_len);
		err_t e;

		if (r == HTTP_PARSE_DONE)
			break;
		if (r == HTTP_PARSE_BAD)
			return E_CORRUPT;
		e = x->in_len < x->in_cap ? OK : input_reserve(x, MIN(MAX(2 * x->in_cap, (size_t)IN_START), x->limits->header_bytes + 1));
		if (e == OK)
			e = http_input_fill(x, deadline);
		if (e == E_TIMEOUT && started)
			return head_timeout(x);
		if (e != OK)
			return e;
		if (!started) {
			started = true;
			deadline = hal_clock_ns() + x->limits->header_ms * NS_PER_MS;
			input_state(x, CONN_HEAD);
		} else if (hal_clock_ns() >= deadline) {
			return head_timeout(x); /* bytes came all the time, but too few */
		}
	}
	x->in_pos = x->parser.pos;
	input_state(x, CONN_BUSY);
	if (input_reserve(x, x->parser.pos + FRAME_ROOM) != OK)
		return E_NOMEM;
	if (!http_head_parse(&x->parser, x->in, &x->head))
		return E_CORRUPT;
	x->request = true;
	return OK;
}

static uint64_t body_deadline(const struct http_exchange *x)
{
	uint64_t slowest = x->body_start_ns + BODY_GRACE_NS + x->body_got / BODY_MIN_BYTES_PER_S * NS_PER_S;

	return MIN(hal_clock_ns() + x->limits->body_idle_ms * NS_PER_MS, slowest);
}

static err_t body_expect(struct http_exchange *x)
{
	static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (!x->head.expect_continue || x->continue_sent || x->response != RESP_NONE)
		return OK;
	x->continue_sent = true;
	x->head.expect_continue = false; /* the body is on its way now */
	return x->in_pos < x->in_len ? OK : http_write_bytes(x, line, sizeof line - 1);
}

/* Content by length that is not in the buffer goes straight to where it is wanted. */
static err_t body_read_direct(struct http_exchange *x, void *dst, size_t n, size_t *got)
{
	err_t e = stream_read_some(x->s, dst, MIN(n, x->body.left), got, body_deadline(x));

	if (e == OK) {
		x->body.left -= *got;
		x->body.done = !x->body.left;
	}
	return e;
}

static err_t body_fail(struct http_exchange *x, err_t e)
{
	x->close = true;
	http_counters.timeouts += e == E_TIMEOUT;
	return e;
}

err_t http_body_read(struct http_exchange *x, void *dst, size_t n, size_t *got)
{
	err_t e = OK;
	size_t out = 0;

	if (!x->body_start_ns)
		x->body_start_ns = hal_clock_ns();
	if (!x->body.done)
		e = body_expect(x);
	while (e == OK && n && !out && !x->body.done) {
		size_t used = 0;

		if (x->in_pos < x->in_len) {
			e = http_body_decode(&x->body, x->in + x->in_pos, x->in_len - x->in_pos, &used, dst, n, &out);
			if (e == OK)
				x->in_pos += used;
		} else if (!x->body.chunked) {
			e = body_read_direct(x, dst, n, &out);
		} else {
			e = http_input_fill(x, body_deadline(x));
		}
		if (e == OK && hal_clock_ns() > body_deadline(x))
			e = E_TIMEOUT;
	}
	if (e != OK)
		return body_fail(x, e);
	x->body_got += out;
	*got = out;
	return OK;
}

err_t http_body_read_all(struct http_exchange *x, size_t max, char **out, size_t *len)
{
	size_t cap = 1024, n = 0, got = 0;
	char *p;
	err_t e = OK;

	if (x->head.has_length && x->head.content_length > max)
		return E_LIMIT;
	if (x->head.has_length)
		cap = (size_t)x->head.content_length + 1;
	p = malloc(cap);
	if (!p)
		return E_NOMEM;
	while ((e = http_body_read(x, p + n, cap - n, &got)) == OK && got) {
		n += got;
		if (n > max) {
			e = E_LIMIT;
			break;
		}
		if (n == cap) {
			char *bigger = realloc(p, cap * 2);

			if (!bigger) {
				e = E_NOMEM;
				break;
			}
			p = bigger;
			cap *= 2;
		}
	}
	if (e != OK) {
		free(p);
		return e;
	}
	p[n] = '\0';
	*out = p;
	*len = n;
	return OK;
}
