/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP connection over a stream in memory: keep-alive, bodies, limits, time-outs, streaming, WebSocket; the client is
 * the test itself, which writes bytes, lets the loop settle and looks at what came back. */
#include "../fake/fake.h"
#include "tap.h"
#include <core/arith.h>
#include <core/clock.h>
#include <net/http.h>
#include <stdlib.h>

#define H "Host: node\r\n"

static struct stream *client, *server;
static bool served;
static char answer[300000];
static size_t answer_len;
static struct http_limits limits;
static struct tls_peer peer;
static unsigned handled;
static char last_path[128];
static size_t last_body;

static void handle_echo(struct http_exchange *x)
{
	char *body;
	size_t len;
	err_t e = http_body_read_all(x, 100000, &body, &len);

	if (e != OK) {
		(void)http_respond(x, e == E_LIMIT ? 413 : 400, "text/plain", "bad body", 8);
		return;
	}
	last_body = len;
	(void)http_respond(x, 200, "text/plain", body, len);
	free(body);
}

static void handle_stream(struct http_exchange *x)
{
	if (http_stream_begin(x, 200, "text/event-stream") != OK || http_stream_write(x, "one", 3) != OK)
		return;
	while (!http_client_gone(x)) {
		err_t e = wait_until(ws_wait_queue(x), hal_clock_ns() + NS_PER_S);

		if (e == E_TIMEOUT && http_stream_write(x, "tick", 4) != OK)
			break;
		if (http_query(x, "once", last_path, sizeof last_path))
			break;
	}
	http_stream_end(x);
}

static void handle_ws(struct http_exchange *x)
{
	enum ws_type type;
	char buf[64];
	size_t n;
	err_t e;

	if (http_websocket(x) != OK)
		return;
	for (;;) {
		e = ws_recv(x, &type, buf, sizeof buf, &n, hal_clock_ns() + 5 * NS_PER_S);
		if (e == E_TIMEOUT && ws_send(x, WS_TEXT, "still there?", 12) == OK)
			continue;
		if (e == E_AGAIN)
			continue;
		if (e != OK || ws_send(x, type, buf, n) != OK)
			break;
		if (n == 3 && !memcmp(buf, "bye", 3))
			break;
	}
	ws_close(x, 1000, "done");
}

static void handle(void *ctx, struct http_exchange *x)
{
	const char *path = http_path(x);

	(void)ctx;
	handled++;
	snprintf(last_path, sizeof last_path, "%s", path);
	if (!strcmp(path, "/echo"))
		handle_echo(x);
	else if (!strcmp(path, "/stream"))
		handle_stream(x);
	else if (!strcmp(path, "/ws"))
		handle_ws(x);
	else if (!strcmp(path, "/silent"))
		return;
	else if (!strcmp(path, "/header")) {
		http_add_header(x, "X-Good", "yes");
		http_add_header(x, "X-Bad", "a\r\nInjected: b");
		(void)http_respond(x, 204, NULL, NULL, 0);
	} else if (!strcmp(path, "/big")) {
		char *p = calloc(1, 200000);

		(void)http_respond(x, 200, "text/plain", p, 200000);
		free(p);
	} else
		(void)http_respond(x, 200, "text/plain", "hello", 5);
}

static void problem(void *ctx, struct http_exchange *x, int status, const char *detail)
{
	char text[256];

	(void)ctx;
	snprintf(text, sizeof text, "problem: %s", detail);
	(void)http_respond(x, status, "application/problem+json", text, strlen(text));
}

static const struct http_handler handler = { handle, problem, NULL };

static void serve(void *arg)
{
	(void)arg;
	http_serve_stream(server, &peer, &limits, &handler);
	served = true;
}

static void open_connection(void)
{
	served = false;
	answer_len = 0;
	answer[0] = '\0';
	if (stream_pair(65536, &client, &server) != OK || task_create("http", serve, NULL, 65536, NULL) != OK)
		ok(false, "set up");
	fake_loop_settle();
}

static void close_connection(void)
{
	stream_close(client);
	client = NULL;
	fake_loop_settle();
	ok(served, "the connection's task ends");
}

/* Writes text, settles, appends what came back to answer. */
static void collect(void)
{
	size_t n;

	for (;;) {
		fake_loop_settle();
		if (answer_len + 1 >= sizeof answer || client->ops->read(client, answer + answer_len, sizeof answer - 1 - answer_len, &n) != OK)
			break;
		answer_len += n;
	}
	answer[answer_len] = '\0';
}

static bool is_closed(void)
{
	char c;
	size_t n;

	return client->ops->read(client, &c, 1, &n) == E_CLOSED;
}

static void send_bytes(const void *p, size_t n)
{
	const char *s = p;
	size_t put;

	while (n && client->ops->write(client, s, n, &put) == OK) {
		s += put;
		n -= put;
		fake_loop_settle();
	}
	collect();
}

static void send_text(const char *text)
{
	answer_len = 0;
	send_bytes(text, strlen(text));
}

static void pass(uint64_t ms)
{
	fake_clock_advance(ms * NS_PER_MS);
	collect();
}

static bool starts(const char *text)
{
	return !strncmp(answer, text, strlen(text));
}

static bool has(const char *text)
{
	return strstr(answer, text) != NULL;
}

static bool ends(const char *text)
{
	return answer_len >= strlen(text) && !strcmp(answer + answer_len - strlen(text), text);
}

static void test_keep_alive(void)
{
	open_connection();
	send_text("GET / HTTP/1.1\r\n" H "\r\n");
	ok(starts("HTTP/1.1 200 OK\r\n") && has("Content-Length: 5\r\n") && ends("\r\n\r\nhello"), "a response");
	ok(!has("Connection:") && !is_closed(), "the connection stays");
	send_text("HEAD / HTTP/1.1\r\n" H "\r\n");
	ok(starts("HTTP/1.1 200") && has("Content-Length: 5\r\n") && ends("\r\n\r\n"), "HEAD: no body");
	send_text("POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc");
	ok(ends("\r\n\r\nabc"), "a body by length");
	send_text("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
	ok(ends("\r\n\r\nabcde"), "a chunked body");
	send_text("POST / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nxyz");
	ok(ends("hello") && !has("close"), "a body that the handler left");
	send_text("GET /header HTTP/1.1\r\n" H "\r\n");
	ok(starts("HTTP/1.1 204") && has("X-Good: yes\r\n") && !has("Injected") && !has("Content-Length"), "more headers, none injected");
	send_text("GET /silent HTTP/1.1\r\n" H "\r\n");
	ok(starts("HTTP/1.1 500"), "a handler that says nothing");
	send_text("GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
	ok(has("Connection: close\r\n") && is_closed(), "the client asks for the end");
	close_connection();
	open_connection();
	send_text("GET / HTTP/1.0\r\n\r\n");
	ok(has("Connection: close\r\n") && is_closed(), "HTTP/1.0 ends by itself");
	close_connection();
}

static void test_pieces(void)
{
	static const char text[] = "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";

	open_connection();
	answer_len = 0;
	for (size_t i = 0; i + 1 < sizeof text; i++)
		send_bytes(text + i, 1);
	ok(ends("\r\n\r\nabc"), "a request byte by byte");
	answer_len = 0;
	send_text("GET /big HTTP/1.1\r\n" H "\r\n");
	ok(answer_len > 200000, "a response larger than the stream's room");
	send_text("POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	ok_str(answer, "HTTP/1.1 100 Continue\r\n\r\n", "100-continue");
	send_text("abc");
	ok(starts("HTTP/1.1 200") && ends("abc"), "and then the answer");
	close_connection();
}

static void test_pipelining(void)
{
	open_connection();
	handled = 0;
	send_text("GET /a HTTP/1.1\r\n" H "\r\nGET /b HTTP/1.1\r\n" H "\r\n");
	ok(handled == 1 && has("Connection: close\r\n") && is_closed(), "pipelining: the first is answered, then the end");
	close_connection();
	open_connection();
	handled = 0;
	send_text("POST /echo HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nabGET /b HTTP/1.1\r\n" H "\r\n");
	ok(handled == 1 && last_body == 2 && has("close") && is_closed(), "pipelining behind a body");
	close_connection();
}

static void refused(const char *text, int status, const char *name)
{
	char want[32];

	snprintf(want, sizeof want, "HTTP/1.1 %d ", status);
	open_connection();
	handled = 0;
	send_text(text);
	ok(starts(want) && has("problem: ") && has("Connection: close") && is_closed() && !handled, "%s: %d", name, status);
	close_connection();
}

static void test_refusals(void)
{
	static char huge[1 << 20];

	refused("nonsense\r\n\r\n", 400, "nonsense");
	refused("GET / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "smuggling");
	refused("GET / HTTP/3.0\r\n\r\n", 505, "version");
	refused("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n", 501, "coding");
	memset(huge, 'x', sizeof huge - 1);
	memcpy(huge, "GET / HTTP/1.1\r\n" H "A: ", 29);
	refused(huge, 431, "1 MiB of header, sent to the end");
	open_connection();
	send_text("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nzz\r\n");
	ok(starts("HTTP/1.1 400") && has("close") && is_closed(), "a broken chunk");
	close_connection();
	open_connection();
	send_text("POST /echo HTTP/1.1\r\n" H "Content-Length: 100001\r\n\r\n");
	ok(starts("HTTP/1.1 413") && has("close") && is_closed(), "a body longer than the handler takes");
	close_connection();
}

static void test_timeouts(void)
{
	struct http_stats before, after;

	http_stats(&before);
	open_connection();
	pass(limits.idle_ms - 1);
	ok(!served, "a silent client may stay for a while");
	pass(2);
	ok(served && !answer_len, "then it is closed without a word");
	stream_close(client);

	open_connection();
	send_text("GET / HTTP/1.1\r\n");
	for (uint32_t ms = 0; ms + 500 < limits.header_ms; ms += 500) {
		send_bytes("A: b\r\n", 6);
		pass(500);
	}
	ok(!answer_len, "slow header lines are read for a while");
	send_bytes("A: b\r\n", 6);
	pass(1000);
	ok(starts("HTTP/1.1 408") && is_closed(), "the whole header has one deadline");
	close_connection();

	open_connection();
	send_text("POST /echo HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\nabc");
	pass(limits.body_idle_ms + 1);
	ok(starts("HTTP/1.1 400") && has("close"), "a body that stops");
	close_connection();

	open_connection();
	send_text("POST /echo HTTP/1.1\r\n" H "Content-Length: 1000\r\n\r\n");
	for (int i = 0; i < 40 && !answer_len; i++) {
		send_bytes("x", 1);
		pass(1000);
	}
	ok(starts("HTTP/1.1 400") && has("close"), "a body of one byte a second");
	close_connection();

	open_connection();
	{
		size_t put;

		ok(client->ops->write(client, "GET /big HTTP/1.1\r\n" H "\r\n", 33, &put) == OK, "a client that does not read");
	}
	fake_loop_settle();
	ok(!served, "is waited for");
	fake_clock_advance(limits.write_ms * NS_PER_MS + 1);
	fake_loop_settle();
	ok(served, "but not for ever");
	stream_close(client);
	http_stats(&after);
	ok(after.timeouts > before.timeouts, "time-outs are counted");
}

static void test_stream(void)
{
	open_connection();
	send_text("GET /stream HTTP/1.1\r\n" H "\r\n");
	ok(has("Transfer-Encoding: chunked\r\n") && ends("\r\n\r\n3\r\none\r\n"), "a stream begins");
	pass(1001);
	ok(ends("4\r\ntick\r\n"), "and goes on");
	stream_close(client);
	fake_loop_settle();
	ok(served, "until the client is gone");
	open_connection();
	send_text("GET /stream?once=1 HTTP/1.1\r\n" H "\r\n");
	pass(1001);
	ok(ends("0\r\n\r\n") && !is_closed(), "a stream that ends keeps the connection");
	close_connection();
	open_connection();
	send_text("GET /stream?once=1 HTTP/1.0\r\n\r\n");
	pass(1001);
	ok(!has("chunked") && ends("onetick") && is_closed(), "for HTTP/1.0 the end is the end of the connection");
	close_connection();
}

#define UPGRADE "GET /ws HTTP/1.1\r\n" H "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"

static void test_websocket(void)
{
	open_connection();
	send_text(UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
	ok(starts("HTTP/1.1 101 ") && has("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "the handshake of RFC 6455 1.3");
	answer_len = 0;
	send_bytes("\x81\x82\0\0\0\0hi", 8);
	ok(answer_len == 4 && !memcmp(answer, "\x81\x02hi", 4), "a message comes back");
	answer_len = 0;
	send_bytes("\x01\x81\0\0\0\0h", 7);
	pass(5001);
	ok(answer_len == 14 && !memcmp(answer, "\x81\x0cstill there?", 14), "a deadline in the middle of a message");
	answer_len = 0;
	send_bytes("\x89\x81\0\0\0\0p\x80\x81\0\0\0\0i", 14);
	ok(answer_len == 7 && !memcmp(answer, "\x8a\x01p\x81\x02hi", 7), "nothing was lost; a ping is answered");
	answer_len = 0;
	send_bytes("\x82\x83\0\0\0\0bye", 9);
	ok(answer_len == 5 + 8 && !memcmp(answer + 5, "\x88\x06\x03\xe8" "done", 8) && is_closed(), "the server closes");
	close_connection();

	open_connection();
	send_text(UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
	answer_len = 0;
	send_bytes("\x88\x82\0\0\0\0\x03\xe8", 8);
	ok(answer_len == 4 && !memcmp(answer, "\x88\x02\x03\xe8", 4) && is_closed(), "the client closes");
	close_connection();

	open_connection();
	send_text(UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
	answer_len = 0;
	send_bytes("\x82\xfe\x01\0\0\0\0\0", 8);
	ok(answer_len > 4 && !memcmp(answer + 2, "\x03\xf1", 2) && is_closed(), "too big a message: 1009");
	close_connection();

	open_connection();
	send_text("GET /ws HTTP/1.1\r\n" H "\r\n");
	ok(starts("HTTP/1.1 426") && has("Sec-WebSocket-Version: 13\r\n"), "no upgrade: 426");
	send_text(UPGRADE "Sec-WebSocket-Key: short\r\n\r\n");
	ok(starts("HTTP/1.1 400"), "a bad key: 400");
	close_connection();
}

int main(void)
{
	fake_init(64 << 20, 1);
	clock_set_utc(1767225600ll * 1000000000, CLOCK_UEFI);
	limits = http_limits_default;
	test_keep_alive();
	ok(has("Date: Thu, 01 Jan 2026 00:00:"), "responses carry the date");
	test_pieces();
	test_pipelining();
	test_refusals();
	test_timeouts();
	test_stream();
	test_websocket();
	return tap_done();
}
