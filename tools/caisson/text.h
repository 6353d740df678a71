/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small pure helpers for text and numbers: sizes, times, URL escapes, a growing
 * buffer, and the masking that keeps a hostile node from steering the
 * operator's terminal. No I/O; safe in any context.
 */
#ifndef CAISSON_TEXT_H
#define CAISSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Grows up to max bytes; data is NUL-terminated behind length. Zero-initialise, then set max. */
struct buffer {
	char *data;
	size_t length;
	size_t capacity;
	size_t max;
};
/* False when max would be passed or memory is short; the buffer is then as before. */
bool buffer_append(struct buffer *b, const void *bytes, size_t length);
bool buffer_printf(struct buffer *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Drops the first count bytes. */
void buffer_consume(struct buffer *b, size_t count);
void buffer_free(struct buffer *b);

/* Milliseconds of a clock that never jumps. */
uint64_t clock_ms(void);
/* What is left until a deadline of clock_ms(), 0 when it has passed, at most INT32_MAX. */
int clock_left_ms(uint64_t deadline);

/* Decimal digits only, at most max. */
bool text_parse_u64(const char *s, uint64_t max, uint64_t *out);
/* "256M", "1G", "1.5G" is refused; plain numbers are MiB; result in MiB, at least 1. */
bool text_parse_mib(const char *s, uint64_t *mib);
/* "10s", "500ms", "2m", "1h"; plain numbers are seconds; at most a day. */
bool text_parse_ms(const char *s, uint64_t *ms);

enum { TEXT_SHORT = 48 };
/* "3d 4h", "5m 12s"; out has TEXT_SHORT bytes and is returned. */
const char *text_duration(uint64_t ms, char *out);
/* "1.5 GiB"; out has TEXT_SHORT bytes and is returned. */
const char *text_size(uint64_t bytes, char *out);

/* Copies s, replacing control bytes and invalid UTF-8 by '?'; C1 controls too. Always terminates. */
void text_mask(const char *s, size_t length, char *out, size_t out_size);
/* Masks in place, keeping newline, carriage return and tab. */
void text_mask_log(char *s, size_t length);
/* Columns that a masked string takes (code points). */
size_t text_columns(const char *s);

/* Percent-encodes everything but RFC 3986 unreserved characters. False when out is too small. */
bool text_url_escape(const char *s, char *out, size_t out_size);
void text_hex(const unsigned char *bytes, size_t length, char *out); /* 2*length+1 bytes */

#endif
