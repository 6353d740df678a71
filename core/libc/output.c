/* SPDX-License-Identifier: Apache-2.0 */
/* What the libraries print: whole lines to the log. CPU 0 only. */
#include "libc_impl.h"
#include <core/log.h>
#include <errno.h>

static char line[LOG_LINE_MAX - 40];
static size_t fill;

static void output_flush(int fd)
{
	if (fill)
		log_write(fd == 2 ? LOG_WARN : LOG_INFO, "libc", "%.*s", (int)fill, line);
	fill = 0;
}

long libc_output(int fd, const char *s, size_t len)
{
	if (fd != 1 && fd != 2)
		return -EBADF;
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\n' || fill == sizeof(line))
			output_flush(fd);
		if (s[i] != '\n')
			line[fill++] = s[i];
	}
	return (long)len;
}
