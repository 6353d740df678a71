/* SPDX-License-Identifier: Apache-2.0 */
/* What a request head means: version, framing of the body, persistence (RFC 9110, RFC 9112 6 and 9.3). Pure.
 * Whatever two readers could frame differently is refused, since that is how requests are smuggled. */
#include "http_parse.h"
#include <string.h>
#include <strings.h>

static bool head_fail(struct http_parser *p, int status, const char *detail)
{
	p->status = status;
	p->detail = detail;
	return false;
}

const char *http_field_find(const struct http_parser *p, const char *buf, const char *name)
{
	for (unsigned i = 0; i < p->nfields; i++)
		if (!strcasecmp(buf + p->fields[i].name, name))
			return buf + p->fields[i].value;
	return NULL;
}

static unsigned field_count(const struct http_parser *p, const char *buf, const char *name)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->nfields; i++)
		n += !strcasecmp(buf + p->fields[i].name, name);
	return n;
}

bool http_list_has(const char *list, const char *token)
{
	size_t len = strlen(token);

	while (list && *list) {
		list += strspn(list, " \t,");
		size_t n = strcspn(list, " \t,");
		if (n == len && !strncasecmp(list, token, n))
			return true;
		list += n;
	}
	return false;
}

/* A list may also be spread over several fields of the same name (RFC 9110 5.3). */
static bool field_has(const struct http_parser *p, const char *buf, const char *name, const char *token)
{
	for (unsigned i = 0; i < p->nfields; i++)
		if (!strcasecmp(buf + p->fields[i].name, name) && http_list_has(buf + p->fields[i].value, token))
			return true;
	return false;
}

static void head_method(struct http_head *h, const char *name)
{
	static const struct { const char *name; enum http_method m; } known[] = {
		{ "GET", HTTP_GET }, { "HEAD", HTTP_HEAD }, { "POST", HTTP_POST }, { "PUT", HTTP_PUT },
		{ "DELETE", HTTP_DELETE }, { "PATCH", HTTP_PATCH }, { "OPTIONS", HTTP_OPTIONS },
	};

	h->method_name = name;
	h->method = HTTP_OTHER;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (!strcmp(name, known[i].name))
			h->method = known[i].m;
}

static bool head_length(struct http_parser *p, const char *text, struct http_head *h)
{
	uint64_t v = 0;

	if (!*text)
		return head_fail(p, 400, "Content-Length is empty");
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return head_fail(p, 400, "Content-Length is not a decimal number");
		if (v > ((uint64_t)INT64_MAX - 9) / 10)
			return head_fail(p, 413, "Content-Length is larger than anything that fits here");
		v = v * 10 + (uint64_t)(*text - '0');
	}
	h->has_length = true;
	h->content_length = v;
	return true;
}

static bool head_framing(struct http_parser *p, const char *buf, struct http_head *h)
{
	unsigned lengths = field_count(p, buf, "content-length"), codings = field_count(p, buf, "transfer-encoding");

	if (lengths && codings)
		return head_fail(p, 400, "both Content-Length and Transfer-Encoding");
	if (lengths > 1 || codings > 1)
		return head_fail(p, 400, "the length of the body is given more than once");
	if (codings && h->http10)
		return head_fail(p, 400, "Transfer-Encoding does not exist in HTTP/1.0");
	if (codings && strcasecmp(http_field_find(p, buf, "transfer-encoding"), "chunked"))
		return head_fail(p, 501, "the only transfer coding that is known is chunked");
	h->chunked = codings;
	return lengths ? head_length(p, http_field_find(p, buf, "content-length"), h) : true;
}

static bool head_host(struct http_parser *p, const char *buf, const struct http_head *h)
{
	const char *host = http_field_find(p, buf, "host");
	unsigned n = field_count(p, buf, "host");

	if (n > 1 || (!n && !h->http10))
		return head_fail(p, 400, "expected exactly one Host field");
	if (host && host[strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_~:[]%!$&'()*+,;=")])
		return head_fail(p, 400, "Host has a character that is not allowed");
	return true;
}

static bool head_expect(struct http_parser *p, const char *buf, struct http_head *h)
{
	const char *expect = http_field_find(p, buf, "expect");

	if (!expect || h->http10)
		return true;
	if (strcasecmp(expect, "100-continue"))
		return head_fail(p, 417, "the only expectation that can be met is 100-continue");
	h->expect_continue = true;
	return true;
}

bool http_head_parse(struct http_parser *p, char *buf, struct http_head *h)
{
	const char *detail;

	memset(h, 0, sizeof *h);
	h->path = "";
	h->http10 = p->minor == 0;
	head_method(h, buf + p->method);
	if (!http_target_parse(buf + p->target, &h->path, &h->query, &detail)) {
		h->path = "";
		return head_fail(p, 400, detail);
	}
	if (!strcmp(h->path, "*") && h->method != HTTP_OPTIONS)
		return head_fail(p, 400, "the target * is for OPTIONS only");
	if (!head_host(p, buf, h) || !head_framing(p, buf, h) || !head_expect(p, buf, h))
		return false;
	h->keep_alive = h->http10 ? field_has(p, buf, "connection", "keep-alive") : true;
	if (field_has(p, buf, "connection", "close"))
		h->keep_alive = false;
	return true;
}
