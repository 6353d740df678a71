/* SPDX-License-Identifier: Apache-2.0 */
/* Request heads, targets, queries and body framing: what is accepted, what is refused and with which status; each case
 * whole and byte by byte. Pure code, no fakes. */
#include "../../net/http/http_body.h"
#include "../../net/http/http_parse.h"
#include "tap.h"
#include <stdlib.h>

#define H "Host: node\r\n"
#define LIMIT 8192

/* Status 0: accepted. */
struct head_case { const char *text; int status; const char *name; };
static const struct head_case heads[] = {
	{ "GET / HTTP/1.1\r\n" H "\r\n", 0, "the smallest request" },
	{ "\r\nGET / HTTP/1.1\r\n" H "\r\n", 0, "one empty line before it" },
	{ "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", 400, "two empty lines before it" },
	{ "GET / HTTP/1.0\r\n\r\n", 0, "HTTP/1.0 needs no Host" },
	{ "GET / HTTP/1.1\r\n\r\n", 400, "HTTP/1.1 needs Host" },
	{ "GET / HTTP/1.1\r\n" H H "\r\n", 400, "two Host fields" },
	{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "a blank in Host" },
	{ "GET / HTTP/1.1\n" H "\r\n", 400, "a bare LF after the request line" },
	{ "GET / HTTP/1.1\r\nHost: n\nA: b\r\n\r\n", 400, "a bare LF between fields" },
	{ "GET / HTTP/1.1\r\nHost: n\rA: b\r\n\r\n", 400, "a bare CR" },
	{ "GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n", 400, "a folded line" },
	{ "GET / HTTP/1.1\r\n" H "A : b\r\n\r\n", 400, "a blank before the colon" },
	{ "GET / HTTP/1.1\r\n" H ": b\r\n\r\n", 400, "an empty field name" },
	{ "GET / HTTP/1.1\r\n" H "A\r\n\r\n", 400, "no colon" },
	{ "GET / HTTP/1.1\r\n" H "A: \x01\r\n\r\n", 400, "a control character in a value" },
	{ "GET / HTTP/1.1\r\n" H "A: \xc3\xa4\r\n\r\n", 0, "obs-text in a value" },
	{ "GET  / HTTP/1.1\r\n" H "\r\n", 400, "two blanks in the request line" },
	{ "GET / HTTP/1.1 \r\n" H "\r\n", 400, "a blank after the version" },
	{ "GET / http/1.1\r\n" H "\r\n", 400, "the version in lower case" },
	{ "GET / HTTP/1.10\r\n" H "\r\n", 400, "a version of two digits" },
	{ "GET / HTTP/2.0\r\n" H "\r\n", 505, "another version" },
	{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "the preface of HTTP/2" },
	{ "GET /\r\n\r\n", 400, "HTTP/0.9" },
	{ "G\x16T / HTTP/1.1\r\n" H "\r\n", 400, "a control character in the method" },
	{ "\x16\x03\x01\x02\x05", 400, "a TLS record" },
	{ "ABCDEFGHIJKLMNOPQRST / HTTP/1.1\r\n" H "\r\n", 501, "a long method" },
	{ "BREW / HTTP/1.1\r\n" H "\r\n", 0, "an unknown method is for the handler" },
	{ "GET * HTTP/1.1\r\n" H "\r\n", 400, "* with GET" },
	{ "OPTIONS * HTTP/1.1\r\n" H "\r\n", 0, "* with OPTIONS" },
	{ "CONNECT node:443 HTTP/1.1\r\n" H "\r\n", 400, "authority form" },
	{ "GET https://node/v1 HTTP/1.1\r\n" H "\r\n", 0, "absolute form" },
	{ "GET x HTTP/1.1\r\n" H "\r\n", 400, "a relative target" },
	{ "GET /a\x80 HTTP/1.1\r\n" H "\r\n", 400, "a raw byte above ASCII in the target" },
	{ "GET /a#b HTTP/1.1\r\n" H "\r\n", 400, "a fragment" },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n", 0, "Content-Length" },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400, "Content-Length twice" },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n", 400, "Content-Length as a list" },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n", 400, "a sign in Content-Length" },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: \r\n\r\n", 400, "an empty Content-Length" },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\n", 400, "Content-Length in hexadecimal" },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n", 413, "Content-Length that overflows" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 0, "chunked" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400, "both framings" },
	{ "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "both framings, the other order" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "chunked twice" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, identity\r\n\r\n", 501, "another coding" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", 501, "almost chunked" },
	{ "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b" "chunked\r\n\r\n", 400, "a vertical tab before chunked" },
	{ "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "chunked in HTTP/1.0" },
	{ "POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", 0, "100-continue" },
	{ "POST / HTTP/1.1\r\n" H "Expect: more\r\n\r\n", 417, "another expectation" },
};

static enum http_parse_result feed(struct http_parser *p, char *buf, const char *text, size_t step)
{
	size_t n = strlen(text);
	enum http_parse_result r = HTTP_PARSE_MORE;

	http_parse_init(p, LIMIT);
	for (size_t at = 0; at < n && r == HTTP_PARSE_MORE;) {
		size_t take = at + step < n ? step : n - at;

		memcpy(buf + at, text + at, take);
		at += take;
		r = http_parse_feed(p, buf, at);
	}
	return r;
}

static int head_status(struct http_parser *p, char *buf, struct http_head *h, const char *text, size_t step)
{
	enum http_parse_result r = feed(p, buf, text, step);

	if (r == HTTP_PARSE_MORE)
		return -1;
	if (r == HTTP_PARSE_BAD)
		return p->status;
	return http_head_parse(p, buf, h) ? 0 : p->status;
}

static void test_heads(void)
{
	for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
		struct http_parser p;
		struct http_head h;
		char *buf = malloc(strlen(heads[i].text)); /* exact, so that reading on is seen */
		int whole = head_status(&p, buf, &h, heads[i].text, 100000);
		int bytes = head_status(&p, buf, &h, heads[i].text, 1);

		ok(whole == heads[i].status && bytes == heads[i].status, "%s: %d", heads[i].name, heads[i].status);
		if (whole != heads[i].status || bytes != whole)
			tap_note("got %d and %d", whole, bytes);
		free(buf);
	}
}

static void test_fields(void)
{
	static const char text[] = "GET /a%20b/./c/../d?x=1&y=%41+b HTTP/1.1\r\n" H "Empty:\r\nPad: \t v w \t \r\nConnection: Foo, close\r\n\r\nrest";
	struct http_parser p;
	struct http_head h;
	char buf[512], v[16];

	ok_eq(head_status(&p, buf, &h, text, 3), 0, "accepted");
	ok_eq(p.pos, sizeof text - 1 - 4, "the head ends before the rest");
	ok_str(h.path, "/a b/d", "path decoded and normalised");
	ok_str(http_field_find(&p, buf, "EMPTY"), "", "an empty value, its name in another case");
	ok_str(http_field_find(&p, buf, "pad"), "v w", "blanks around a value are dropped");
	ok(!http_field_find(&p, buf, "none"), "an absent field");
	ok(!h.keep_alive, "close in a list");
	ok(http_query_find(h.query, "y", v, sizeof v), "query key");
	ok_str(v, "A b", "query value decoded");
	ok(!http_query_find(h.query, "z", v, sizeof v), "absent query key");
	ok(!http_query_find("a=123456", "a", v, 6), "query value longer than the room");
	ok(http_query_find("a=12345", "a", v, 6), "query value that just fits");
	ok(http_query_find("aa=1&a", "a", v, sizeof v) && !v[0], "key without a value, behind a longer one");
	ok(!http_query_stray("sha256=1&sha256=2&", "sha256", v, sizeof v), "no key but the known one");
	ok(http_query_stray("sha256=1&sha2%356x", "sha256", v, sizeof v) && !strcmp(v, "sha256x"), "a stray key, decoded");
	ok(http_query_stray("a=1", NULL, v, 1) && !v[0], "any key is stray; its name is cut to the room");
	ok(!http_query_stray(NULL, NULL, v, sizeof v), "no query, no stray key");
	ok(http_list_has("a, Upgrade ,b", "upgrade") && !http_list_has("upgrades", "upgrade"), "list tokens are whole");
}

static void test_targets(void)
{
	static const struct { const char *in, *path; } good[] = {
		{ "/", "/" }, { "/v1/vms", "/v1/vms" }, { "/v1/vms/", "/v1/vms/" }, { "//v1///vms", "/v1/vms" }, { "/a/.", "/a/" },
		{ "/a/..", "/" }, { "/a/b/..", "/a/" }, { "/%61", "/a" }, { "/a/%2e%2e/b", "/b" }, { "/...", "/..." }, { "/%c3%a4", "/\xc3\xa4" },
		{ "https://node:8443", "/" }, { "https://node/x", "/x" }, { "/./././", "/" }, { "/a%25b", "/a%b" },
	};
	static const char *const bad[] = {
		"/..", "/a/../..", "/%2e%2e", "/%", "/%4", "/%zz", "/%00", "/%2f", "/%5c", "/%0a", "/%ff", "/%c3", "/%ed%a0%80", "/%c0%af", "/?%", "/?a=%00",
		"http://node/", "https://node?x",
	};
	const char *path, *query, *detail;
	char buf[64];

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		strcpy(buf, good[i].in);
		if (ok(http_target_parse(buf, &path, &query, &detail), "%s is fine", good[i].in))
			ok_str(path, good[i].path, "and becomes");
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		strcpy(buf, bad[i]);
		detail = NULL;
		ok(!http_target_parse(buf, &path, &query, &detail) && detail, "%s is refused: %s", bad[i], detail ? detail : "?");
	}
}

static void test_limits(void)
{
	static char buf[LIMIT + 4096];
	struct http_parser p;
	size_t n;

	n = (size_t)sprintf(buf, "GET / HTTP/1.1\r\nA: ");
	memset(buf + n, 'x', sizeof buf - n);
	http_parse_init(&p, LIMIT);
	ok(http_parse_feed(&p, buf, LIMIT) == HTTP_PARSE_MORE, "a head as long as the limit is still read");
	ok(http_parse_feed(&p, buf, LIMIT + 1) == HTTP_PARSE_BAD && p.status == 431, "one byte more is 431");
	memset(buf, 'x', sizeof buf);
	memcpy(buf, "GET /", 5);
	http_parse_init(&p, LIMIT);
	ok(http_parse_feed(&p, buf, LIMIT) == HTTP_PARSE_BAD && p.status == 414, "a long target is 414");
	n = (size_t)sprintf(buf, "GET / HTTP/1.1\r\n");
	for (int i = 0; i < 65; i++)
		n += (size_t)sprintf(buf + n, "A: b\r\n");
	http_parse_init(&p, LIMIT);
	ok(http_parse_feed(&p, buf, n) == HTTP_PARSE_BAD && p.status == 431, "65 fields are 431");
}

/* ---- bodies */

struct body_case { const char *in, *out; size_t used; const char *name; }; /* out NULL: refused; used 0: all */
static const struct body_case bodies[] = {
	{ "0\r\n\r\n", "", 0, "empty" },
	{ "5\r\nhello\r\n0\r\n\r\nnext", "hello", 15, "one chunk, and what follows is left" },
	{ "2\r\nhe\r\n03\r\nllo\r\n000\r\n\r\n", "hello", 0, "two chunks, leading zeros" },
	{ "A;x=\"y\"\r\n0123456789\r\n0;z\r\n\r\n", "0123456789", 0, "extensions" },
	{ "1\r\na\r\n0\r\nX: y\r\nZ: w\r\n\r\n", "a", 0, "trailers" },
	{ "1\na\r\n0\r\n\r\n", NULL, 0, "a bare LF after the size" },
	{ "1 \r\na\r\n0\r\n\r\n", NULL, 0, "a blank after the size" },
	{ "-1\r\na\r\n", NULL, 0, "a sign" },
	{ "0x1\r\na\r\n", NULL, 0, "0x" },
	{ "\r\n", NULL, 0, "no size" },
	{ "1\r\nab\r\n", NULL, 0, "content longer than its size" },
	{ "1\r\na\n0\r\n\r\n", NULL, 0, "a bare LF after the content" },
	{ "10000000000000000\r\n", NULL, 0, "a size above 2^64" },
	{ "1;\x01\r\na\r\n", NULL, 0, "a control character in an extension" },
	{ "0\r\nX\x01\r\n\r\n", NULL, 0, "a control character in a trailer" },
};

static bool body_run(const struct body_case *c, size_t step, size_t cap)
{
	struct http_body b;
	char out[64] = "";
	size_t n = strlen(c->in), at = 0, end = 0;

	http_body_init(&b, true, 0);
	while (!b.done && at < n) {
		size_t used, got, take = step < n - at ? step : n - at;

		if (http_body_decode(&b, c->in + at, take, &used, out + end, cap, &got) != OK)
			return !c->out && b.detail;
		if (!used && !got)
			return false;
		at += used;
		end += got;
	}
	return c->out && b.done && !strcmp(out, c->out) && at == (c->used ? c->used : n);
}

static void test_bodies(void)
{
	struct http_body b;
	char out[8], line[400];
	size_t used, got;

	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
		ok(body_run(&bodies[i], 100, 32) && body_run(&bodies[i], 1, 1), "chunked: %s", bodies[i].name);
	http_body_init(&b, false, 5);
	ok(http_body_decode(&b, "helloworld", 10, &used, out, 3, &got) == OK && used == 3 && got == 3 && !b.done, "length: as much as there is room for");
	ok(http_body_decode(&b, "loworld", 7, &used, out, 8, &got) == OK && used == 2 && got == 2 && b.done, "length: not a byte more");
	http_body_init(&b, false, 0);
	ok(b.done, "length 0 is done at once");
	http_body_init(&b, true, 0);
	memset(line, 'x', sizeof line);
	memcpy(line, "1;", 2);
	ok(http_body_decode(&b, line, sizeof line, &used, out, 8, &got) == E_CORRUPT, "a chunk extension without end");
}

int main(void)
{
	test_heads();
	test_fields();
	test_targets();
	test_limits();
	test_bodies();
	return tap_done();
}
