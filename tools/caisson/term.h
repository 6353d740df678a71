/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local terminal in raw mode, and the promise that it comes back whatever
 * ends the program (short of SIGKILL).
 */
#ifndef CAISSON_TERM_H
#define CAISSON_TERM_H

#include <stdbool.h>

/* Standard input becomes raw; pending input is dropped. False when it is not a terminal. */
bool term_raw(void);
/* As it was before term_raw; harmless when it was not raw. */
void term_restore(void);
/* Stops the program as Ctrl-Z would, with the terminal restored meanwhile. */
void term_suspend(void);
/* Size of standard output's terminal; false when it has none. */
bool term_size(unsigned *columns, unsigned *rows);

#endif
