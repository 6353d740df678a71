/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text and number helpers of the command line; see text.h. Pure but for the
 * monotonic clock. Must not know what the texts mean.
 */
#include "text.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool buffer_reserve(struct buffer *b, size_t extra)
{
	if (extra > b->max || b->length > b->max - extra)
		return false;
	size_t need = b->length + extra + 1;
	if (need <= b->capacity)
		return true;
	size_t capacity = b->capacity ? b->capacity : 512;
	while (capacity < need)
		capacity *= 2;
	char *data = realloc(b->data, capacity);
	if (!data)
		return false;
	b->data = data;
	b->capacity = capacity;
	return true;
}

bool buffer_append(struct buffer *b, const void *bytes, size_t length)
{
	if (!buffer_reserve(b, length))
		return false;
	if (length)
		memcpy(b->data + b->length, bytes, length);
	b->length += length;
	b->data[b->length] = '\0';
	return true;
}

bool buffer_printf(struct buffer *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !buffer_reserve(b, (size_t)n))
		return false;
	va_start(ap, fmt);
	vsnprintf(b->data + b->length, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->length += (size_t)n;
	return true;
}

void buffer_consume(struct buffer *b, size_t count)
{
	if (count >= b->length) {
		b->length = 0;
	} else if (count) {
		memmove(b->data, b->data + count, b->length - count);
		b->length -= count;
	}
	if (b->data)
		b->data[b->length] = '\0';
}

void buffer_free(struct buffer *b)
{
	free(b->data);
	*b = (struct buffer){.max = b->max};
}

uint64_t clock_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int clock_left_ms(uint64_t deadline)
{
	uint64_t now = clock_ms();
	if (now >= deadline)
		return 0;
	return deadline - now > INT32_MAX ? INT32_MAX : (int)(deadline - now);
}

static bool parse_digits(const char **s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;
	const char *p = *s;
	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		uint64_t digit = (uint64_t)(*p - '0');
		if (v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*s = p;
	*out = v;
	return true;
}

bool text_parse_u64(const char *s, uint64_t max, uint64_t *out)
{
	uint64_t v;
	if (!parse_digits(&s, max, &v) || *s != '\0' || v > max)
		return false;
	*out = v;
	return true;
}

struct suffix {
	const char *name;
	uint64_t factor;
};

static bool parse_with_suffix(const char *s, const struct suffix *table, uint64_t max, uint64_t *out)
{
	uint64_t v;
	if (!parse_digits(&s, max, &v))
		return false;
	for (; table->name; table++) {
		if (strcmp(s, table->name) != 0)
			continue;
		if (v > max / table->factor)
			return false;
		*out = v * table->factor;
		return true;
	}
	return false;
}

bool text_parse_mib(const char *s, uint64_t *mib)
{
	static const struct suffix sizes[] = {{"", 1},     {"M", 1},      {"MiB", 1},     {"m", 1},         {"G", 1024},
	                                      {"g", 1024}, {"GiB", 1024}, {"T", 1 << 20}, {"TiB", 1 << 20}, {NULL, 0}};
	uint64_t v;
	if (!parse_with_suffix(s, sizes, UINT32_MAX, &v) || v == 0)
		return false;
	*mib = v;
	return true;
}

bool text_parse_ms(const char *s, uint64_t *ms)
{
	static const struct suffix times[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0}};
	return parse_with_suffix(s, times, 86400000, ms);
}

const char *text_duration(uint64_t ms, char *out)
{
	uint64_t s = ms / 1000;
	if (s < 60)
		snprintf(out, TEXT_SHORT, "%llus", (unsigned long long)s);
	else if (s < 3600)
		snprintf(out, TEXT_SHORT, "%llum %llus", (unsigned long long)(s / 60), (unsigned long long)(s % 60));
	else if (s < 86400)
		snprintf(out, TEXT_SHORT, "%lluh %llum", (unsigned long long)(s / 3600), (unsigned long long)(s / 60 % 60));
	else
		snprintf(out, TEXT_SHORT, "%llud %lluh", (unsigned long long)(s / 86400), (unsigned long long)(s / 3600 % 24));
	return out;
}

const char *text_size(uint64_t bytes, char *out)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	size_t unit = 0;
	uint64_t whole = bytes;
	uint64_t tenths = 0;
	while (whole >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
		tenths = whole % 1024 * 10 / 1024;
		whole /= 1024;
		unit++;
	}
	if (unit == 0 || tenths == 0)
		snprintf(out, TEXT_SHORT, "%llu %s", (unsigned long long)whole, units[unit]);
	else
		snprintf(out, TEXT_SHORT, "%llu.%llu %s", (unsigned long long)whole, (unsigned long long)tenths, units[unit]);
	return out;
}

/* Length of the printable UTF-8 character at s, or 0 when it is a control or malformed. */
static size_t text_character(const unsigned char *s, size_t left)
{
	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if (s[0] == 0xc2 && s[1] < 0xa0)
		return 0; /* C1 controls: 0x9b is CSI on some terminals */
	if (s[0] == 0xe2 && s[1] == 0x80 && ((s[2] >= 0xaa && s[2] <= 0xae) || s[2] == 0xa8 || s[2] == 0xa9))
		return 0; /* direction overrides and line separators */
	return n;
}

void text_mask(const char *s, size_t length, char *out, size_t out_size)
{
	size_t o = 0;
	for (size_t i = 0; i < length && o + 1 < out_size;) {
		size_t n = text_character((const unsigned char *)s + i, length - i);
		if (n == 0) {
			out[o++] = '?';
			i++;
			continue;
		}
		if (o + n >= out_size)
			break;
		memcpy(out + o, s + i, n);
		o += n;
		i += n;
	}
	out[o] = '\0';
}

void text_mask_log(char *s, size_t length)
{
	for (size_t i = 0; i < length;) {
		size_t n = text_character((unsigned char *)s + i, length - i);
		if (n == 0) {
			if (s[i] != '\n' && s[i] != '\r' && s[i] != '\t')
				s[i] = '?';
			n = 1;
		}
		i += n;
	}
}

size_t text_columns(const char *s)
{
	size_t n = 0;
	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

bool text_url_escape(const char *s, char *out, size_t out_size)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
	size_t o = 0;
	for (; *s; s++) {
		if (o + 4 > out_size)
			return false;
		if (strchr(plain, *s))
			out[o++] = *s;
		else
			o += (size_t)snprintf(out + o, 4, "%%%02X", (unsigned char)*s);
	}
	if (o >= out_size)
		return false;
	out[o] = '\0';
	return true;
}

void text_hex(const unsigned char *bytes, size_t length, char *out)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < length; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * length] = '\0';
}
