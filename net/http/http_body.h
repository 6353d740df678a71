/* SPDX-License-Identifier: Apache-2.0 */
/* Framing of request bodies: by length or chunked (RFC 9112 6, 7.1). Sans-I/O and pure: bytes go in as they arrive,
 * content comes out. Chunk extensions and trailers are checked, bounded and dropped. */
#ifndef NET_HTTP_BODY_H
#define NET_HTTP_BODY_H
#include <core/err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_body {
	bool chunked, done;
	uint64_t left;      /* bytes of the body, or of the current chunk */
	unsigned state;
	unsigned overhead;  /* bytes of the current chunk line, or of the trailers */
	const char *detail; /* why it is E_CORRUPT, a literal */
};
void http_body_init(struct http_body *b, bool chunked, uint64_t length);
/* Takes *used <= n bytes from src and yields *got <= cap bytes of content into dst. Progress: until done, either
 * *used or *got is not 0 when n and cap are not 0. E_CORRUPT: the framing is broken. */
err_t http_body_decode(struct http_body *b, const void *src, size_t n, size_t *used, void *dst, size_t cap, size_t *got) MUST_CHECK;

#endif
