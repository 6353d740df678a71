/* SPDX-License-Identifier: Apache-2.0 */
/* See text.h. Pure. */
#include <sandbox/text.h>
#include <string.h>

static unsigned char_bytes(unsigned char lead)
{
	return lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

void text_trim(char *s)
{
	size_t n = strlen(s), i = n;

	while (i > 0 && n - i < 3 && ((unsigned char)s[i - 1] & 0xc0) == 0x80)
		i--;
	if (i > 0 && (unsigned char)s[i - 1] >= 0xc0 && char_bytes((unsigned char)s[i - 1]) > n - i + 1)
		s[i - 1] = '\0';
}
