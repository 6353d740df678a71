/* SPDX-License-Identifier: Apache-2.0 */
/* The byte machine for request heads: each byte is looked at once, so that a slow sender costs nothing extra and
 * nonsense is refused at its first byte. Pure. Must not know what fields mean (http_head.c). */
#include "http_parse.h"
#include <string.h>

enum {
	S_START, S_START_LF, S_METHOD, S_TARGET, S_VERSION, S_LINE_LF, S_FIELD, S_NAME, S_BLANK, S_VALUE, S_VALUE_LF, S_END_LF, S_DONE, S_BAD
};

void http_parse_init(struct http_parser *p, size_t limit)
{
	memset(p, 0, sizeof *p);
	p->limit = limit;
	p->state = S_START;
}

static unsigned parse_fail(struct http_parser *p, int status, const char *detail)
{
	p->status = status;
	p->detail = detail;
	return S_BAD;
}

/* RFC 9110 5.6.2: token characters. */
static bool is_tchar(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* What a target may consist of: RFC 3986 pchar, "/", "?", and brackets that some clients leave bare. */
static bool is_target_char(unsigned char c)
{
	return c > 0x20 && c < 0x7f && !strchr("\"#<>\\^`{|}", c);
}

static bool is_value_char(unsigned char c)
{
	return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static unsigned on_start(struct http_parser *p, unsigned char c)
{
	/* RFC 9112 2.2: one empty line before the request line is forgiven. */
	if (c == '\r' && p->pos == 0)
		return S_START_LF;
	if (!is_tchar(c))
		return parse_fail(p, 400, "expected a method name at the start of the request");
	p->method = (uint32_t)p->pos;
	p->mark = p->pos;
	return S_METHOD;
}

static unsigned on_method(struct http_parser *p, char *buf, unsigned char c)
{
	if (c == ' ') {
		buf[p->pos] = '\0';
		p->target = (uint32_t)p->pos + 1;
		p->mark = p->pos + 1;
		return S_TARGET;
	}
	if (!is_tchar(c))
		return parse_fail(p, 400, "the method name has a character that is not allowed");
	if (p->pos - p->mark >= HTTP_METHOD_MAX)
		return parse_fail(p, 501, "the method name is longer than any known one");
	return S_METHOD;
}

static unsigned on_target(struct http_parser *p, char *buf, unsigned char c)
{
	if (c == ' ') {
		if (p->pos == p->mark)
			return parse_fail(p, 400, "the request target is empty");
		buf[p->pos] = '\0';
		p->index = 0;
		return S_VERSION;
	}
	if (!is_target_char(c))
		return parse_fail(p, 400, "the request target has a character that must be percent-encoded");
	if (p->pos - p->mark >= HTTP_TARGET_MAX)
		return parse_fail(p, 414, "the request target is longer than 4096 bytes");
	return S_TARGET;
}

static unsigned on_version(struct http_parser *p, unsigned char c)
{
	static const char pattern[] = "HTTP/#.#";
	char want = p->index < 8 ? pattern[p->index] : '\r';

	if (want == '#' && c >= '0' && c <= '9') {
		if (p->index == 5)
			p->major = c - '0';
		else
			p->minor = c - '0';
		p->index++;
		return S_VERSION;
	}
	if (want == '#' || c != (unsigned char)want)
		return parse_fail(p, 400, "expected HTTP/1.1 and CR LF at the end of the request line");
	if (want != '\r') {
		p->index++;
		return S_VERSION;
	}
	if (p->major != 1)
		return parse_fail(p, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
	return S_LINE_LF;
}

static unsigned on_field(struct http_parser *p, unsigned char c)
{
	if (c == '\r')
		return S_END_LF;
	if (c == ' ' || c == '\t')
		return parse_fail(p, 400, "folded header lines are not allowed");
	if (!is_tchar(c))
		return parse_fail(p, 400, "expected a header field name");
	if (p->nfields == HTTP_MAX_FIELDS)
		return parse_fail(p, 431, "more than 64 header fields");
	p->fields[p->nfields].name = (uint32_t)p->pos;
	return S_NAME;
}

static unsigned on_name(struct http_parser *p, char *buf, unsigned char c)
{
	if (c == ':') {
		buf[p->pos] = '\0';
		return S_BLANK;
	}
	/* RFC 9112 5.1: a blank before the colon has been used to smuggle requests. */
	if (!is_tchar(c))
		return parse_fail(p, 400, "a header field name has a character that is not allowed");
	return S_NAME;
}

static unsigned on_value(struct http_parser *p, char *buf, unsigned char c)
{
	if (p->state == S_BLANK && c != ' ' && c != '\t') {
		p->mark = p->end = p->pos;
		p->state = S_VALUE;
	}
	if (c == '\r') {
		/* The blank, the colon or the CR itself: there is always a byte for the NUL, of this value or of an empty one. */
		p->fields[p->nfields].value = (uint32_t)p->mark;
		buf[p->end] = '\0';
		p->nfields++;
		return S_VALUE_LF;
	}
	if (!is_value_char(c))
		return parse_fail(p, 400, "a header field value has a control character");
	if (p->state == S_VALUE && c != ' ' && c != '\t')
		p->end = p->pos + 1;
	return p->state;
}

static unsigned on_lf(struct http_parser *p, unsigned char c, unsigned next)
{
	return c == '\n' ? next : parse_fail(p, 400, "expected LF after CR");
}

static unsigned parse_byte(struct http_parser *p, char *buf, unsigned char c)
{
	switch (p->state) {
	case S_START: return on_start(p, c);
	case S_START_LF: return on_lf(p, c, S_START);
	case S_METHOD: return on_method(p, buf, c);
	case S_TARGET: return on_target(p, buf, c);
	case S_VERSION: return on_version(p, c);
	case S_LINE_LF: return on_lf(p, c, S_FIELD);
	case S_FIELD: return on_field(p, c);
	case S_NAME: return on_name(p, buf, c);
	case S_BLANK:
	case S_VALUE: return on_value(p, buf, c);
	case S_VALUE_LF: return on_lf(p, c, S_FIELD);
	case S_END_LF: return on_lf(p, c, S_DONE);
	}
	return p->state;
}

enum http_parse_result http_parse_feed(struct http_parser *p, char *buf, size_t len)
{
	while (p->pos < len && p->state != S_DONE && p->state != S_BAD) {
		if (p->pos >= p->limit) {
			p->state = parse_fail(p, 431, "the request's header is too large");
			break;
		}
		p->state = parse_byte(p, buf, (unsigned char)buf[p->pos]);
		if (p->state != S_BAD)
			p->pos++;
	}
	if (p->state == S_BAD)
		return HTTP_PARSE_BAD;
	return p->state == S_DONE ? HTTP_PARSE_DONE : HTTP_PARSE_MORE;
}
