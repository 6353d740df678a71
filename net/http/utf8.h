/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 validity (RFC 3629), incremental: no overlong forms, no surrogates, nothing above U+10FFFF. Pure. */
#ifndef NET_HTTP_UTF8_H
#define NET_HTTP_UTF8_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct utf8_state { uint8_t left, lo, hi; }; /* continuation bytes still due, range of the next one; zero: between characters */
/* False at the first byte that cannot be right. */
bool utf8_feed(struct utf8_state *u, const void *p, size_t n);
/* Is the text complete here? */
static inline bool utf8_complete(const struct utf8_state *u) { return u->left == 0; }
bool utf8_valid(const void *p, size_t n);

#endif
