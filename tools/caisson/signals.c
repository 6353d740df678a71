/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The self-pipes behind signals.h. One is never drained (stop), the other is
 * read by the console (terminal). File-scope state is unavoidable here: a
 * signal handler has no argument to hang it on.
 */
#include "signals.h"

#include "term.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static int stop_pipe[2] = {-1, -1};
static int terminal_pipe[2] = {-1, -1};

static void signal_write(int fd, int number)
{
	int saved = errno;
	unsigned char byte = (unsigned char)number;
	ssize_t n = write(fd, &byte, 1); /* a full pipe already says all there is to say */
	(void)n;
	errno = saved;
}

static void signal_on_stop(int number)
{
	static volatile sig_atomic_t count;
	signal_write(stop_pipe[1], number);
	/* Looking up a host's name cannot be cut short otherwise; 130 is CLI_INTERRUPTED. */
	if (++count >= 3) {
		term_restore();
		_exit(130);
	}
}

static void signal_on_terminal(int number)
{
	signal_write(terminal_pipe[1], number);
}

static bool signal_install(int number, void (*handler)(int))
{
	struct sigaction sa = {.sa_handler = handler};
	sigemptyset(&sa.sa_mask);
	return sigaction(number, &sa, NULL) == 0;
}

static bool pipe_make(int fds[2])
{
	return fds[0] >= 0 || pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0;
}

bool signals_init(void)
{
	return pipe_make(stop_pipe) && signal_install(SIGINT, signal_on_stop) && signal_install(SIGTERM, signal_on_stop) &&
	       signal_install(SIGHUP, signal_on_stop) && signal_install(SIGPIPE, SIG_IGN);
}

int signals_stop_fd(void)
{
	return stop_pipe[0];
}

bool signals_stopped(void)
{
	struct pollfd p = {.fd = stop_pipe[0], .events = POLLIN};
	return poll(&p, 1, 0) > 0;
}

bool signals_watch_terminal(void)
{
	return pipe_make(terminal_pipe) && signal_install(SIGWINCH, signal_on_terminal) &&
	       signal_install(SIGCONT, signal_on_terminal) && signal_install(SIGTSTP, signal_on_terminal);
}

int signals_terminal_fd(void)
{
	return terminal_pipe[0];
}

int signals_next(void)
{
	unsigned char byte;
	return read(terminal_pipe[0], &byte, 1) == 1 ? byte : 0;
}

void signals_unwatch_terminal(void)
{
	(void)signal_install(SIGWINCH, SIG_DFL);
	(void)signal_install(SIGCONT, SIG_DFL);
	(void)signal_install(SIGTSTP, SIG_DFL);
}

bool signals_sleep(int ms)
{
	struct pollfd p = {.fd = stop_pipe[0], .events = POLLIN};
	return poll(&p, 1, ms) > 0 || signals_stopped();
}
