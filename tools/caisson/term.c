/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw mode; see term.h. The saved state is at file scope because exit handlers
 * and handlers of fatal signals have no argument; tcsetattr is on POSIX's list
 * of async-signal-safe functions.
 */
#include "term.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved;
static volatile sig_atomic_t is_raw;
static bool prepared;

void term_restore(void)
{
	if (!is_raw)
		return;
	is_raw = 0;
	/* Not TCSADRAIN: on a terminal that was stopped (Ctrl-S) it waits for ever. What was written is processed already. */
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

static void term_on_fatal(int number)
{
	if (is_raw)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	signal(number, SIG_DFL);
	raise(number);
}

static void term_prepare(void)
{
	static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT, SIGALRM, SIGUSR1, SIGUSR2};
	if (prepared)
		return;
	prepared = true;
	atexit(term_restore);
	for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
		signal(fatal[i], term_on_fatal);
}

bool term_raw(void)
{
	struct termios raw;
	if (is_raw)
		return true;
	if (tcgetattr(STDIN_FILENO, &saved) != 0)
		return false;
	term_prepare();
	raw = saved;
	cfmakeraw(&raw);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	is_raw = 1; /* before the change: a signal between the two must restore */
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0) {
		is_raw = 0;
		return false;
	}
	return true;
}

void term_suspend(void)
{
	bool was_raw = is_raw;
	term_restore();
	raise(SIGSTOP);
	if (was_raw)
		(void)term_raw();
}

bool term_size(unsigned *columns, unsigned *rows)
{
	struct winsize size;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
		return false;
	*columns = size.ws_col;
	*rows = size.ws_row;
	return true;
}
