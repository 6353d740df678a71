/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: request heads and bodies. The input's first byte says how it is cut; the verdict must not depend on that,
 * and what is accepted must keep its promises. */
#include "../../net/http/http_body.h"
#include "../../net/http/http_parse.h"
#include "../../net/http/utf8.h"
#include <stdlib.h>
#include <string.h>

#define LIMIT 4096

static void expect(bool holds)
{
	if (!holds)
		abort();
}

static int parse(const uint8_t *data, size_t n, size_t step, struct http_parser *p, char *buf)
{
	enum http_parse_result r = HTTP_PARSE_MORE;

	http_parse_init(p, LIMIT);
	for (size_t at = 0; at < n && r == HTTP_PARSE_MORE;) {
		size_t take = step < n - at ? step : n - at;

		memcpy(buf + at, data + at, take);
		at += take;
		r = http_parse_feed(p, buf, at);
	}
	return r == HTTP_PARSE_MORE ? -1 : r == HTTP_PARSE_BAD ? p->status : 0;
}

static void check_path(const char *path)
{
	if (!strcmp(path, "*"))
		return;
	expect(path[0] == '/' && utf8_valid(path, strlen(path)));
	expect(!strstr(path, "//") && !strstr(path, "/../") && !strstr(path, "/./"));
	expect(strlen(path) < 3 || strcmp(path + strlen(path) - 3, "/.."));
}

static void run_body(const struct http_head *h, const uint8_t *data, size_t n, size_t step)
{
	struct http_body b;
	char out[64];
	size_t at = 0, total = 0;

	http_body_init(&b, h->chunked, h->content_length);
	while (!b.done && at < n) {
		size_t used, got, take = step < n - at ? step : n - at;

		if (http_body_decode(&b, data + at, take, &used, out, 1 + step % sizeof out, &got) != OK) {
			expect(b.detail != NULL);
			return;
		}
		expect((used || got) && used <= take && got <= sizeof out);
		at += used;
		total += got;
	}
	expect(h->chunked || total <= h->content_length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct http_parser p, q;
	struct http_head h;
	size_t step;
	char *buf, value[32];
	int status;

	if (n < 2)
		return 0;
	step = data[0] + 1u;
	data++;
	n--;
	buf = malloc(n);
	status = parse(data, n, step, &p, buf);
	expect(parse(data, n, n, &q, buf) == status && (status || p.pos == q.pos));
	if (!status) {
		if (http_head_parse(&q, buf, &h)) {
			check_path(h.path);
			http_query_find(h.query, "a", value, sizeof value);
			expect(!(h.chunked && h.has_length));
			run_body(&h, data + p.pos, n - p.pos, step);
		} else {
			expect(q.status >= 400 && q.detail);
		}
	}
	free(buf);
	return 0;
}
