/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 validity by the table of RFC 3629 section 4: the lead byte says how many bytes follow and narrows the first
 * of them. Pure. */
#include "utf8.h"

static bool utf8_lead(struct utf8_state *u, uint8_t c)
{
	u->lo = 0x80;
	u->hi = 0xbf;
	if (c < 0x80)
		return true;
	if (c >= 0xc2 && c <= 0xdf) {
		u->left = 1;
	} else if (c >= 0xe0 && c <= 0xef) {
		u->left = 2;
		if (c == 0xe0)
			u->lo = 0xa0;
		if (c == 0xed)
			u->hi = 0x9f;
	} else if (c >= 0xf0 && c <= 0xf4) {
		u->left = 3;
		if (c == 0xf0)
			u->lo = 0x90;
		if (c == 0xf4)
			u->hi = 0x8f;
	} else {
		return false;
	}
	return true;
}

bool utf8_feed(struct utf8_state *u, const void *p, size_t n)
{
	const uint8_t *s = p;

	for (size_t i = 0; i < n; i++) {
		if (!u->left) {
			if (!utf8_lead(u, s[i]))
				return false;
			continue;
		}
		if (s[i] < u->lo || s[i] > u->hi)
			return false;
		u->left--;
		u->lo = 0x80;
		u->hi = 0xbf;
	}
	return true;
}

bool utf8_valid(const void *p, size_t n)
{
	struct utf8_state u = { 0 };

	return utf8_feed(&u, p, n) && utf8_complete(&u);
}
