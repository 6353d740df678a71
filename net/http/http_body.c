/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder of request bodies. Pure. A chunked body that any reader could take for something else is refused: bare
 * LF, signs and blanks in sizes, sizes that overflow, content that does not end where its size says. */
#include "http_body.h"
#include <core/arith.h>
#include <string.h>

#define CHUNK_LINE_MAX 256
#define TRAILERS_MAX 4096
#define CHUNK_SIZE_MAX (UINT64_MAX >> 8) /* one more hexadecimal digit still fits */

enum { B_SIZE, B_SIZE_MORE, B_EXT, B_SIZE_LF, B_DATA, B_DATA_CR, B_DATA_LF, B_TRAILER, B_TRAILER_LINE, B_TRAILER_LF, B_END_LF };

void http_body_init(struct http_body *b, bool chunked, uint64_t length)
{
	memset(b, 0, sizeof *b);
	b->chunked = chunked;
	b->left = length;
	b->state = chunked ? B_SIZE : B_DATA;
	b->done = !chunked && !length;
}

static err_t body_fail(struct http_body *b, const char *detail)
{
	b->detail = detail;
	return E_CORRUPT;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static err_t on_size(struct http_body *b, uint8_t c)
{
	int d = hex_digit(c);

	if (d >= 0) {
		if (b->left > CHUNK_SIZE_MAX)
			return body_fail(b, "a chunk size is too large");
		b->left = b->left << 4 | (unsigned)d;
		b->state = B_SIZE_MORE;
		return OK;
	}
	if (b->state == B_SIZE)
		return body_fail(b, "expected a hexadecimal chunk size");
	if (c == '\r')
		b->state = B_SIZE_LF;
	else if (c == ';')
		b->state = B_EXT;
	else
		return body_fail(b, "expected CR LF after a chunk size");
	return OK;
}

static err_t on_text(struct http_body *b, uint8_t c, unsigned after_cr)
{
	if (c == '\r')
		b->state = after_cr;
	else if (c != '\t' && (c < 0x20 || c == 0x7f))
		return body_fail(b, "a control character between chunks");
	return OK;
}

static err_t on_lf(struct http_body *b, uint8_t c, unsigned next)
{
	if (c != '\n')
		return body_fail(b, "expected LF after CR");
	b->state = next;
	if (next != B_TRAILER)
		b->overhead = 0;
	return OK;
}

static err_t on_trailer(struct http_body *b, uint8_t c)
{
	if (c == '\r') {
		b->state = B_END_LF;
		return OK;
	}
	b->state = B_TRAILER_LINE;
	return on_text(b, c, B_TRAILER_LF);
}

static err_t body_framing_byte(struct http_body *b, uint8_t c)
{
	if (++b->overhead > (b->state >= B_TRAILER ? TRAILERS_MAX : CHUNK_LINE_MAX))
		return body_fail(b, "chunk extensions or trailers are too long");
	switch (b->state) {
	case B_SIZE:
	case B_SIZE_MORE: return on_size(b, c);
	case B_EXT: return on_text(b, c, B_SIZE_LF);
	case B_SIZE_LF: return on_lf(b, c, b->left ? B_DATA : B_TRAILER);
	case B_DATA_CR:
		b->state = B_DATA_LF;
		return c == '\r' ? OK : body_fail(b, "expected CR LF after a chunk");
	case B_DATA_LF: return on_lf(b, c, B_SIZE);
	case B_TRAILER: return on_trailer(b, c);
	case B_TRAILER_LINE: return on_text(b, c, B_TRAILER_LF);
	case B_TRAILER_LF: return on_lf(b, c, B_TRAILER);
	case B_END_LF:
		if (c != '\n')
			return body_fail(b, "expected LF after CR");
		b->done = true;
		return OK;
	}
	return body_fail(b, "the body has ended");
}

err_t http_body_decode(struct http_body *b, const void *src, size_t n, size_t *used, void *dst, size_t cap, size_t *got)
{
	const uint8_t *in = src;
	size_t i = 0, out = 0;

	while (!b->done && i < n) {
		if (b->state == B_DATA) {
			size_t take = MIN(MIN(n - i, cap - out), b->left);

			if (!take)
				break;
			memcpy((uint8_t *)dst + out, in + i, take);
			i += take;
			out += take;
			b->left -= take;
			if (!b->left) {
				b->done = !b->chunked;
				b->state = B_DATA_CR;
			}
		} else {
			err_t e = body_framing_byte(b, in[i++]);

			if (e != OK)
				return e;
		}
	}
	*used = i;
	*got = out;
	return OK;
}
