/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket on a connection: the opening handshake (RFC 6455 4.2), messages, pings and the closing handshake. The
 * connection's task; ws_send also from another task of CPU 0, one at a time. Framing itself is ws.c. */
#include "http_impl.h"
#include <core/arith.h>
#include <core/hal.h>
#include <net/tls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSE_WAIT_NS (2 * NS_PER_S)

static void base64_write(char *dst, const uint8_t *src, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)src[i] << 16 | (i + 1 < n ? (uint32_t)src[i + 1] << 8 : 0) | (i + 2 < n ? src[i + 2] : 0);

		*dst++ = digits[v >> 18];
		*dst++ = digits[v >> 12 & 63];
		*dst++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
		*dst++ = i + 2 < n ? digits[v & 63] : '=';
	}
	*dst = '\0';
}

/* 4.1: base64 of 16 bytes is 22 digits and "==". */
static bool key_ok(const char *key)
{
	return key && strlen(key) == 24 &&
	       strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") == 22 && !strcmp(key + 22, "==");
}

static err_t upgrade_refuse(struct http_exchange *x, int status, const char *detail)
{
	if (status == 426) {
		http_add_header(x, "Sec-WebSocket-Version", "13");
		http_add_header(x, "Upgrade", "websocket");
	}
	x->h->problem(x->h->ctx, x, status, detail);
	return E_CORRUPT;
}

static err_t upgrade_accept(struct http_exchange *x, const char *key)
{
	char text[64], accept[32];
	uint8_t digest[20];
	size_t len;
	char *head;
	err_t e;

	snprintf(text, sizeof text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
	tls_sha1(text, strlen(text), digest);
	base64_write(accept, digest, sizeof digest);
	http_add_header(x, "Upgrade", "websocket");
	http_add_header(x, "Connection", "Upgrade");
	http_add_header(x, "Sec-WebSocket-Accept", accept);
	head = http_write_head(x, 101, NULL, -1, 0, &len);
	x->response = RESP_WEBSOCKET;
	x->close = true;
	ws_decoder_init(&x->ws);
	if (!head) {
		x->broken = true;
		return E_NOMEM;
	}
	e = http_write_bytes(x, head, len);
	free(head);
	return e;
}

err_t http_websocket(struct http_exchange *x)
{
	const char *key = http_header(x, "sec-websocket-key"), *version = http_header(x, "sec-websocket-version");

	if (x->response != RESP_NONE || !x->request)
		return E_STATE;
	if (x->head.method != HTTP_GET || x->head.http10 || http_has_body(x))
		return upgrade_refuse(x, 400, "a WebSocket is opened by GET in HTTP/1.1 without a body");
	if (!http_list_has(http_header(x, "upgrade"), "websocket") || !http_list_has(http_header(x, "connection"), "upgrade"))
		return upgrade_refuse(x, 426, "expected Upgrade: websocket and Connection: Upgrade");
	if (!version || strcmp(version, "13"))
		return upgrade_refuse(x, 426, "expected Sec-WebSocket-Version: 13");
	if (!key_ok(key))
		return upgrade_refuse(x, 400, "expected Sec-WebSocket-Key with 16 bytes in base64");
	return upgrade_accept(x, key);
}

/* One frame; header and a short payload in one write. */
static err_t ws_send_frame(struct http_exchange *x, enum ws_opcode op, const void *p, size_t n)
{
	uint8_t buf[1024];
	size_t at = ws_header_write(buf, op, n), first = MIN(n, sizeof buf - at);
	err_t e;

	if (first)
		memcpy(buf + at, p, first);
	e = http_write_bytes(x, buf, at + first);
	if (e == OK && n > first)
		e = http_write_bytes(x, (const uint8_t *)p + first, n - first);
	return e;
}

err_t ws_send(struct http_exchange *x, enum ws_type type, const void *p, size_t n)
{
	if (x->response != RESP_WEBSOCKET)
		return E_STATE;
	if (x->ws_closed)
		return E_CLOSED;
	return ws_send_frame(x, (enum ws_opcode)type, p, n);
}

void ws_close(struct http_exchange *x, uint16_t code, const char *reason)
{
	uint8_t payload[WS_CONTROL_MAX];
	size_t n = reason ? MIN(strlen(reason), sizeof payload - 2) : 0;
	err_t e;

	if (x->response != RESP_WEBSOCKET || x->ws_closed)
		return;
	/* A reason that is cut may not end inside a character. */
	while (n && reason[n] && ((uint8_t)reason[n] & 0xc0) == 0x80)
		n--;
	payload[0] = (uint8_t)(code >> 8);
	payload[1] = (uint8_t)code;
	if (n)
		memcpy(payload + 2, reason, n);
	e = ws_send_frame(x, WS_OP_CLOSE, payload, ws_code_valid(code) ? 2 + n : 0);
	(void)e; /* the connection ends either way */
	x->ws_closed = true;
}

static err_t ws_grow(struct http_exchange *x, size_t max)
{
	size_t cap = MIN(MAX(2 * x->ws_cap, (size_t)512), max);
	uint8_t *p;

	if (cap <= x->ws_cap)
		return OK;
	p = realloc(x->ws_buf, cap);
	if (!p)
		return E_NOMEM;
	x->ws_buf = p;
	x->ws_cap = cap;
	return OK;
}

static err_t ws_message(struct http_exchange *x, enum ws_type *type, void *dst, size_t *len)
{
	if (x->ws.message_len)
		memcpy(dst, x->ws_buf, x->ws.message_len);
	*type = (enum ws_type)x->ws.message_type;
	*len = x->ws.message_len;
	ws_decoder_next(&x->ws);
	if (x->ws_cap > 4 * KIB) { /* large messages are rare */
		free(x->ws_buf);
		x->ws_buf = NULL;
		x->ws_cap = 0;
	}
	return OK;
}

static err_t ws_fail(struct http_exchange *x, unsigned code)
{
	ws_close(x, (uint16_t)code, code == WS_CODE_TOO_BIG ? "message too big" : "protocol error");
	return code == WS_CODE_TOO_BIG ? E_LIMIT : E_CORRUPT;
}

/* Works on what is in the buffer. E_AGAIN: more input is needed. */
static err_t ws_step(struct http_exchange *x, enum ws_type *type, void *dst, size_t cap, size_t *len)
{
	while (x->in_pos < x->in_len || x->ws.in_payload) {
		size_t used, n = x->in_len - x->in_pos;
		enum ws_event ev = ws_decode(&x->ws, (const uint8_t *)x->in + x->in_pos, n, &used, x->ws_buf, x->ws_cap, cap);
		err_t e = OK;

		x->in_pos += used;
		switch (ev) {
		case WS_EV_MORE:
			if (used == n)
				return E_AGAIN;
			e = ws_grow(x, cap);
			break;
		case WS_EV_MESSAGE: return ws_message(x, type, dst, len);
		case WS_EV_PING: e = ws_send_frame(x, WS_OP_PONG, x->ws.control, x->ws.control_len); break;
		case WS_EV_PONG: break;
		case WS_EV_CLOSE:
			ws_close(x, x->ws.code, NULL);
			return E_CLOSED;
		case WS_EV_ERROR: return ws_fail(x, x->ws.code);
		}
		if (e != OK)
			return e;
	}
	return E_AGAIN;
}

err_t ws_recv(struct http_exchange *x, enum ws_type *type, void *dst, size_t cap, size_t *len, uint64_t deadline_ns)
{
	bool woken = false;

	if (x->response != RESP_WEBSOCKET)
		return E_STATE;
	for (;;) {
		err_t e = x->ws_closed ? E_CLOSED : ws_step(x, type, dst, cap, len);

		if (e != E_AGAIN)
			return e;
		e = http_input_poll(x);
		if (e == OK)
			continue;
		if (e != E_AGAIN)
			return e;
		if (hal_clock_ns() >= deadline_ns)
			return E_TIMEOUT;
		if (woken)
			return E_AGAIN; /* by somebody else: let the caller look */
		e = wait_until(&x->s->readable, deadline_ns);
		woken = e == OK;
	}
}
