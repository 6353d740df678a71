/* SPDX-License-Identifier: Apache-2.0 */
/* Request targets: percent-decoding, path normalisation, query look-up (RFC 3986, RFC 9112 3.2). Pure.
 * A path leaves here decoded once, absolute, without dot segments, and valid UTF-8. */
#include "http_parse.h"
#include "utf8.h"
#include <string.h>
#include <strings.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that s[0..2] encode, -1 when malformed. Reads no further than a NUL. */
static int percent_byte(const char *s)
{
	int hi = hex_digit(s[1]), lo = hi < 0 ? -1 : hex_digit(s[2]);

	return lo < 0 ? -1 : hi << 4 | lo;
}

static bool path_decode(char *path, const char **detail)
{
	char *out = path;

	for (const char *in = path; *in; in++) {
		int c = (unsigned char)*in;

		if (c == '%') {
			c = percent_byte(in);
			in += 2;
			if (c < 0x20 || c == 0x7f || c == '/' || c == '\\') {
				*detail = c < 0 ? "a percent sign in the path is not followed by two hexadecimal digits"
						: "the path has an encoded control character or separator";
				return false;
			}
		}
		*out++ = (char)c;
	}
	*out = '\0';
	if (!utf8_valid(path, (size_t)(out - path))) {
		*detail = "the path is not valid UTF-8";
		return false;
	}
	return true;
}

/* Drops empty and "." segments, resolves ".."; a final slash stays. False: ".." leads above the root. The result
 * never grows: each slash and segment written has been read before. */
static bool path_normalise(char *path)
{
	char *out = path;
	const char *in = path;
	bool folder;

	do {
		size_t n;
		bool up, stay;

		in += strspn(in, "/");
		n = strcspn(in, "/");
		up = n == 2 && in[0] == '.' && in[1] == '.';
		stay = n == 0 || (n == 1 && in[0] == '.');
		folder = up || stay;
		if (up && out == path)
			return false;
		if (up) {
			while (*--out != '/')
				;
		} else if (!stay) {
			*out++ = '/';
			memmove(out, in, n);
			out += n;
		}
		in += n;
	} while (*in);
	if (folder)
		*out++ = '/';
	*out = '\0';
	return true;
}

static bool query_check(const char *q)
{
	for (; *q; q++)
		if (*q == '%') {
			int c = percent_byte(q);

			if (c <= 0)
				return false;
			q += 2;
		}
	return true;
}

bool http_target_parse(char *target, const char **path, const char **query, const char **detail)
{
	char *q;

	*query = NULL;
	*path = target;
	if (!strcmp(target, "*"))
		return true;
	if (!strncasecmp(target, "https://", 8)) {
		/* Absolute form: authority goes, Host rules. */
		target += 8 + strcspn(target + 8, "/?");
		if (*target == '?') {
			*detail = "expected a path after the authority";
			return false;
		}
		if (!*target) {
			*path = "/";
			return true;
		}
	}
	if (*target != '/') {
		*detail = "the request target must start with a slash";
		return false;
	}
	q = strchr(target, '?');
	if (q) {
		*q++ = '\0';
		if (!query_check(q)) {
			*detail = "a percent sign in the query is not followed by two hexadecimal digits";
			return false;
		}
		*query = q;
	}
	if (!path_decode(target, detail))
		return false;
	if (!path_normalise(target)) {
		*detail = "the path leads above the root";
		return false;
	}
	*path = target;
	return true;
}

/* Decodes one character of a query; advances *s. */
static char query_char(const char **s)
{
	char c = *(*s)++;

	if (c == '+')
		return ' ';
	if (c != '%')
		return c;
	c = (char)percent_byte(*s - 1);
	*s += 2;
	return c;
}

static bool query_is_end(char c)
{
	return c == '\0' || c == '&';
}

/* Compares the name at *s with key; leaves *s behind the name. */
static bool query_key_matches(const char **s, const char *key)
{
	bool same = true;

	while (!query_is_end(**s) && **s != '=') {
		char c = query_char(s);

		if (same && *key == c)
			key++;
		else
			same = false;
	}
	return same && !*key;
}

bool http_query_find(const char *query, const char *key, char *dst, size_t cap)
{
	const char *s = query;

	while (s && *s) {
		bool match = query_key_matches(&s, key);
		size_t n = 0;

		if (*s == '=')
			s++;
		if (match) {
			while (!query_is_end(*s)) {
				if (n + 1 >= cap)
					return false;
				dst[n++] = query_char(&s);
			}
			if (!cap)
				return false;
			dst[n] = '\0';
			return true;
		}
		s += strcspn(s, "&");
		if (*s)
			s++;
	}
	return false;
}

bool http_query_stray(const char *query, const char *known, char *dst, size_t cap)
{
	const char *s = query;

	while (s && *s) {
		const char *name = s;
		size_t n = 0;

		if (!query_is_end(*name) && !(known && query_key_matches(&s, known))) {
			while (!query_is_end(*name) && *name != '=' && n + 1 < cap)
				dst[n++] = query_char(&name);
			dst[n] = '\0';
			return true;
		}
		s += strcspn(s, "&");
		if (*s)
			s++;
	}
	return false;
}
