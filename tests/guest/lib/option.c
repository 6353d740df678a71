/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a guest test: key=value words of its command line. */
#include "common.h"

const char *cmdline = "";
static char copy[2048];

void option_init(const char *text)
{
	size_t n = strlen(text);

	memcpy(copy, text, n < sizeof(copy) ? n : sizeof(copy) - 1);
	cmdline = copy;
}

const char *option(const char *key, char *buf, size_t n)
{
	size_t len = strlen(key);

	for (const char *p = cmdline; *p; p++) {
		size_t i = 0;

		if ((p != cmdline && p[-1] != ' ') || memcmp(p, key, len) != 0 || p[len] != '=')
			continue;
		for (p += len + 1; *p && *p != ' ' && i + 1 < n; p++)
			buf[i++] = *p;
		buf[i] = 0;
		return buf;
	}
	return NULL;
}

uint64_t option_number(const char *key, uint64_t otherwise)
{
	char buf[24];
	uint64_t v = 0;

	if (!option(key, buf, sizeof(buf)))
		return otherwise;
	for (const char *p = buf; *p >= '0' && *p <= '9'; p++)
		v = v * 10 + (unsigned)(*p - '0');
	return v;
}
