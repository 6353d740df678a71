/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console's escape sequence, as a filter over typed bytes. Pure.
 */
#ifndef CAISSON_ESCAPE_H
#define CAISSON_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

enum { ESCAPE_KEY = 0x1d }; /* Ctrl-] */

enum escape_action { ESCAPE_NOTHING, ESCAPE_LEAVE, ESCAPE_HELP };

struct escape {
	bool armed; /* the escape key was the last one typed */
};

/*
 * Copies what is for the guest to out (room for 2*length+1 bytes). Stops behind a key that asks for
 * an action and says how many bytes were used; call again for the rest.
 */
enum escape_action escape_filter(struct escape *e, const char *in, size_t length, size_t *used, char *out, size_t *out_length);

#endif
