/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP connect with one deadline over all addresses of a name. Runs on the
 * operator's machine; the socket is handed over non-blocking.
 */
#include "conn.h"
#include "signals.h"
#include "text.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* 0, or an errno value; EINTR means that the program was told to end. */
static int sock_wait_connected(int fd, int timeout_ms)
{
	struct pollfd p[2] = {{.fd = fd, .events = POLLOUT}, {.fd = signals_stop_fd(), .events = POLLIN}};
	uint64_t deadline = clock_ms() + (uint64_t)timeout_ms;
	for (;;) {
		int left = clock_left_ms(deadline);
		int n = poll(p, 2, left);
		if (n > 0 && p[1].revents)
			return EINTR;
		if (n > 0)
			break;
		if (n == 0 || left == 0)
			return ETIMEDOUT;
		if (errno != EINTR)
			return errno;
	}
	int error = 0;
	socklen_t size = sizeof error;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

static int sock_try(const struct addrinfo *a, int timeout_ms, int *out)
{
	int one = 1;
	int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
	if (fd < 0)
		return errno;
	int error = 0;
	if (connect(fd, a->ai_addr, a->ai_addrlen) != 0)
		error = errno == EINPROGRESS ? sock_wait_connected(fd, timeout_ms) : errno;
	if (error) {
		close(fd);
		return error;
	}
	/* A keystroke on a console must not wait for the previous one's ACK. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	*out = fd;
	return 0;
}

enum cli_exit sock_connect(struct cli *cli, const char *host, const char *port, uint64_t deadline, int *out)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG};
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(host, port, &hints, &list);
	if (rc == EAI_NONAME || rc == EAI_FAMILY) { /* ADDRCONFIG hides loopback on a machine without network */
		hints.ai_flags = AI_NUMERICSERV;
		rc = getaddrinfo(host, port, &hints, &list);
	}
	if (rc != 0)
		return cli_fail(cli, CLI_NO_CONNECTION, "cannot find the host '%s': %s", host, gai_strerror(rc));

	int count = 0;
	for (const struct addrinfo *a = list; a; a = a->ai_next)
		count++;
	int error = ETIMEDOUT;
	for (const struct addrinfo *a = list; a && clock_left_ms(deadline) > 0; a = a->ai_next) {
		error = sock_try(a, clock_left_ms(deadline) / count--, out);
		if (error == 0 || error == EINTR)
			break;
	}
	freeaddrinfo(list);
	if (error == EINTR)
		return cli_fail(cli, CLI_INTERRUPTED, "interrupted");
	if (error)
		return cli_fail(cli, CLI_NO_CONNECTION, "cannot connect to %s port %s: %s", host, port, strerror(error));
	return CLI_OK;
}
