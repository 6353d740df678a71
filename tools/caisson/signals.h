/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals as file descriptors, so that every wait of the program is one
 * poll(). Handlers only write to a pipe; nothing else runs in their context.
 */
#ifndef CAISSON_SIGNALS_H
#define CAISSON_SIGNALS_H

#include <stdbool.h>

/* Creates the pipes and installs the handlers for INT, TERM and HUP; ignores PIPE. */
bool signals_init(void);
/* Readable for ever once the program was told to end. */
int signals_stop_fd(void);
bool signals_stopped(void);

/* For a raw terminal: also reports WINCH, CONT and TSTP, one byte (the number) each. */
bool signals_watch_terminal(void);
int signals_terminal_fd(void);
/* The next signal number from that pipe, or 0 when it is empty. */
int signals_next(void);
/* Back to the default handling of the three. */
void signals_unwatch_terminal(void);

/* Sleeps; true when it was cut short because the program was told to end. */
bool signals_sleep(int ms);

#endif
