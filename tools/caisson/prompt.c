/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions on the controlling terminal; see prompt.h. The terminal stays in
 * its line mode, so that the line can be edited as usual.
 */
#include "prompt.h"

#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int prompt_open(void)
{
	return open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
}

bool prompt_possible(void)
{
	int fd = prompt_open();
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

void prompt_say(const char *fmt, ...)
{
	int fd = prompt_open();
	va_list ap;
	if (fd < 0)
		return;
	va_start(ap, fmt);
	vdprintf(fd, fmt, ap);
	va_end(ap);
	close(fd);
}

static enum cli_exit prompt_read_line(struct cli *cli, int fd, char *out, size_t size)
{
	size_t length = 0;
	for (;;) {
		struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = signals_stop_fd(), .events = POLLIN}};
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return cli_fail(cli, CLI_LOCAL, "poll: %s", strerror(errno));
		if (signals_stopped())
			return cli_fail(cli, CLI_INTERRUPTED, "interrupted");
		if (!p[0].revents)
			continue;
		char c;
		ssize_t n = read(fd, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return cli_fail(cli, CLI_INTERRUPTED, "no answer");
		if (c == '\n' || c == '\r')
			break;
		if (length + 1 < size)
			out[length++] = c;
	}
	out[length] = '\0';
	return CLI_OK;
}

enum cli_exit prompt_ask(struct cli *cli, const char *question, char *out, size_t size)
{
	int fd = prompt_open();
	if (fd < 0)
		return cli_fail(cli, CLI_LOCAL, "cannot open the terminal: %s", strerror(errno));
	dprintf(fd, "%s", question);
	enum cli_exit code = prompt_read_line(cli, fd, out, size);
	close(fd);
	return code;
}
