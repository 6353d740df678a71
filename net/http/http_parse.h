/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an HTTP/1.1 request (RFC 9112), parsed as bytes arrive, and what it means (RFC 9110). Sans-I/O and pure:
 * the caller owns the buffer, in which names and values become NUL-terminated strings. Stricter than the RFC must be: no
 * bare LF, no line folding, no repeated Content-Length, never both framings. */
#ifndef NET_HTTP_PARSE_H
#define NET_HTTP_PARSE_H
#include <net/http.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_MAX_FIELDS 64
#define HTTP_METHOD_MAX 16
#define HTTP_TARGET_MAX 4096

enum http_parse_result { HTTP_PARSE_MORE, HTTP_PARSE_DONE, HTTP_PARSE_BAD };

/* Offsets into the caller's buffer, which may move between calls. */
struct http_field { uint32_t name, value; };
struct http_parser {
	size_t limit;        /* bytes of the whole head */
	size_t pos;          /* bytes consumed; at DONE the length of the head */
	size_t mark, end;    /* the token being read; end: one past the last byte of a value that is not a blank */
	unsigned state, index;
	uint32_t method, target;
	int major, minor;
	unsigned nfields;
	int status;          /* when BAD: what to answer, */
	const char *detail;  /* and why, a literal */
	struct http_field fields[HTTP_MAX_FIELDS];
};
void http_parse_init(struct http_parser *p, size_t limit);
/* buf holds all len bytes since the start of the head; the first p->pos of them as the last call left them. */
enum http_parse_result http_parse_feed(struct http_parser *p, char *buf, size_t len);

/* A complete head, interpreted. Strings point into the parser's buffer. */
struct http_head {
	enum http_method method;
	const char *method_name, *path;
	const char *query;        /* still encoded, checked; NULL: none */
	bool keep_alive, chunked, has_length, expect_continue, http10;
	uint64_t content_length;  /* at most INT64_MAX */
};
/* After DONE. False: p->status and p->detail say why. Decodes the path in place. */
bool http_head_parse(struct http_parser *p, char *buf, struct http_head *h);
/* Value of a field, name in any case; NULL when absent. */
const char *http_field_find(const struct http_parser *p, const char *buf, const char *name);
/* Does a comma-separated list hold the token, in any case? NULL list: no. */
bool http_list_has(const char *list, const char *token);

/* Request target to path and query (RFC 9112 3.2, RFC 3986 5.2.4), in place. False: malformed, *detail says how. */
bool http_target_parse(char *target, const char **path, const char **query, const char **detail);
/* Decoded value of key in an encoded query that http_target_parse accepted. */
bool http_query_find(const char *query, const char *key, char *dst, size_t cap);
/* Is there a key other than known (NULL: any)? Its decoded name goes to dst, cut to cap. */
bool http_query_stray(const char *query, const char *known, char *dst, size_t cap);

#endif
