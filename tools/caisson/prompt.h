/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the person at the terminal, on /dev/tty so that pipes do not
 * get in the way.
 */
#ifndef CAISSON_PROMPT_H
#define CAISSON_PROMPT_H

#include "cli.h"

bool prompt_possible(void);
void prompt_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* One line without its newline. CLI_INTERRUPTED at a signal or end of input. */
MUST_CHECK enum cli_exit prompt_ask(struct cli *cli, const char *question, char *out, size_t size);

#endif
