/* SPDX-License-Identifier: Apache-2.0 */
/* Responses: status line, fields, and the three ways of a body (whole, chunked, until close). The connection's task;
 * blocks up to limits.write_ms for each piece. */
#include "http_impl.h"
#include <core/arith.h>
#include <core/clock.h>
#include <core/fmt.h>
#include <core/hal.h>
#include <core/log.h>
#include <stdlib.h>
#include <string.h>

#define EXTRA_MAX 4096
#define WRITE_PIECE 8192 /* what must get through within write_ms */

const char *http_reason(int status)
{
	static const struct { int status; const char *text; } reasons[] = {
		{ 101, "Switching Protocols" }, { 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" },
		{ 304, "Not Modified" }, { 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 408, "Request Timeout" }, { 409, "Conflict" }, { 411, "Length Required" },
		{ 413, "Content Too Large" }, { 414, "URI Too Long" }, { 415, "Unsupported Media Type" }, { 417, "Expectation Failed" },
		{ 422, "Unprocessable Content" }, { 426, "Upgrade Required" }, { 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" }, { 501, "Not Implemented" },
		{ 503, "Service Unavailable" }, { 505, "HTTP Version Not Supported" }, { 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Status";
}

/* A line break in a value would let it write fields, or a response, of its own. */
static bool field_text_ok(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 && *s != '\t')
			return false;
	return true;
}

void http_add_header(struct http_exchange *x, const char *name, const char *value)
{
	size_t n = strlen(name) + strlen(value) + 4;
	char *p;

	if (!field_text_ok(name) || !field_text_ok(value) || x->extra_len + n > EXTRA_MAX || x->response != RESP_NONE) {
		log_warn("http", "response field %s is left out: malformed, too long or too late", field_text_ok(name) ? name : "?");
		return;
	}
	p = realloc(x->extra, x->extra_len + n + 1);
	if (!p)
		return;
	x->extra = p;
	fmt_buf(p + x->extra_len, n + 1, "%s: %s\r\n", name, value);
	x->extra_len += n;
}

/* RFC 9110 5.6.7, from RFC 3339; only when the time is known (6.6.1). */
static void date_field(char dst[48])
{
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	static const char *const days[] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" }; /* 1970 began on a Thursday */
	int64_t utc = clock_utc_ns();
	char t[25];
	unsigned month;

	dst[0] = '\0';
	if (clock_source() == CLOCK_NONE || utc < 0)
		return;
	clock_rfc3339(utc, t);
	month = (unsigned)(t[5] - '0') * 10 + (unsigned)(t[6] - '0') - 1;
	fmt_buf(dst, 48, "Date: %s, %.2s %s %.4s %.8s GMT\r\n", days[(uint64_t)utc / (86400 * NS_PER_S) % 7], t + 8, months[month % 12], t, t + 11);
}

static bool status_has_body(int status)
{
	return status >= 200 && status != 204 && status != 304;
}

char *http_write_head(struct http_exchange *x, int status, const char *content_type, int64_t content_length, size_t extra_room, size_t *len)
{
	size_t cap = 512 + x->extra_len + (content_type ? strlen(content_type) : 0);
	char date[48], length[48] = "", type[128] = "";
	char *p = malloc(cap + extra_room);

	if (!p)
		return NULL;
	date_field(date);
	if (status_has_body(status) && content_length >= 0)
		fmt_buf(length, sizeof length, "Content-Length: %lld\r\n", (long long)content_length);
	else if (status_has_body(status) && x->chunked_out)
		fmt_buf(length, sizeof length, "Transfer-Encoding: chunked\r\n");
	if (content_type && status_has_body(status) && field_text_ok(content_type))
		fmt_buf(type, sizeof type, "Content-Type: %.100s\r\n", content_type);
	*len = fmt_buf(p, cap, "HTTP/1.1 %d %s\r\n%s%s%s%s%.*s\r\n", status, http_reason(status), date, type, length,
		       status == 101 ? "" : x->close ? "Connection: close\r\n" : x->head.http10 ? "Connection: keep-alive\r\n" : "",
		       (int)x->extra_len, x->extra ? x->extra : "");
	return p;
}

err_t http_write_bytes(struct http_exchange *x, const void *p, size_t n)
{
	const char *s = p;

	while (n && !x->broken) {
		size_t piece = MIN(n, WRITE_PIECE);
		err_t e = stream_write_all(x->s, s, piece, hal_clock_ns() + x->limits->write_ms * NS_PER_MS);

		if (e != OK) {
			http_counters.timeouts += e == E_TIMEOUT;
			x->broken = x->close = true;
			return e;
		}
		s += piece;
		n -= piece;
	}
	return x->broken ? E_CLOSED : OK;
}

/* Can the connection serve another request after this response? Decided before the response says so. */
static void response_decide_close(struct http_exchange *x)
{
	err_t e;

	if (!x->request || !x->head.keep_alive)
		x->close = true;
	/* The client waits for our word before it sends the body, or sends more than is worth throwing away. */
	if (!x->body.done && (x->head.expect_continue || x->body.chunked || x->body.left > 64 * KIB))
		x->close = true;
	if (!x->body.done || x->close)
		return;
	/* Pipelining: who sends the next request before it has the answer to this one gets this one, and then the end. */
	if (x->in_pos == x->in_len) {
		e = http_input_poll(x);
		(void)e;
	}
	if (x->in_pos < x->in_len)
		x->close = true;
}

err_t http_respond(struct http_exchange *x, int status, const char *content_type, const void *body, size_t len)
{
	size_t head_len, inlined;
	char *head;
	err_t e;

	if (x->response != RESP_NONE)
		return E_STATE;
	response_decide_close(x);
	if (!status_has_body(status))
		len = 0;
	inlined = x->head.method == HTTP_HEAD ? 0 : MIN(len, 4 * KIB);
	head = http_write_head(x, status, content_type, (int64_t)len, inlined, &head_len);
	x->response = RESP_DONE;
	if (!head) {
		x->broken = x->close = true;
		return E_NOMEM;
	}
	if (inlined)
		memcpy(head + head_len, body, inlined);
	e = http_write_bytes(x, head, head_len + inlined);
	free(head);
	if (e == OK && x->head.method != HTTP_HEAD && len > inlined)
		e = http_write_bytes(x, (const char *)body + inlined, len - inlined);
	return e;
}

err_t http_stream_begin(struct http_exchange *x, int status, const char *content_type)
{
	size_t len;
	char *head;
	err_t e;

	if (x->response != RESP_NONE)
		return E_STATE;
	response_decide_close(x);
	x->chunked_out = !x->head.http10;
	if (!x->chunked_out)
		x->close = true;
	head = http_write_head(x, status, content_type, -1, 0, &len);
	x->response = RESP_STREAM;
	if (!head) {
		x->broken = x->close = true;
		return E_NOMEM;
	}
	e = http_write_bytes(x, head, len);
	free(head);
	return e;
}

err_t http_stream_write(struct http_exchange *x, const void *p, size_t n)
{
	const char *s = p;

	if (x->response != RESP_STREAM)
		return E_STATE;
	if (x->head.method == HTTP_HEAD || !x->chunked_out)
		return x->head.method == HTTP_HEAD ? OK : http_write_bytes(x, p, n);
	while (n) {
		/* One write, and so one TLS record, for size line, data and CR LF of a piece. */
		char buf[1024];
		size_t piece = MIN(n, sizeof buf - 16), at = fmt_buf(buf, 16, "%zx\r\n", piece);
		err_t e;

		memcpy(buf + at, s, piece);
		memcpy(buf + at + piece, "\r\n", 2);
		e = http_write_bytes(x, buf, at + piece + 2);
		if (e != OK)
			return e;
		s += piece;
		n -= piece;
	}
	return OK;
}

err_t http_stream_end(struct http_exchange *x)
{
	if (x->response != RESP_STREAM)
		return E_STATE;
	x->response = RESP_DONE;
	if (!x->chunked_out || x->head.method == HTTP_HEAD)
		return x->broken ? E_CLOSED : OK;
	return http_write_bytes(x, "0\r\n\r\n", 5);
}
