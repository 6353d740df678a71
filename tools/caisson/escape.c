/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ctrl-] . leaves, Ctrl-] ? explains, Ctrl-] Ctrl-] types one Ctrl-]; anything
 * else behind Ctrl-] goes to the guest together with it. Pure; see escape.h.
 */
#include "escape.h"

enum escape_action escape_filter(struct escape *e, const char *in, size_t length, size_t *used, char *out, size_t *out_length)
{
	size_t o = 0;
	size_t i = 0;
	enum escape_action action = ESCAPE_NOTHING;
	while (i < length && action == ESCAPE_NOTHING) {
		char c = in[i++];
		if (!e->armed) {
			e->armed = c == ESCAPE_KEY;
			if (!e->armed)
				out[o++] = c;
			continue;
		}
		e->armed = false;
		if (c == '.') {
			action = ESCAPE_LEAVE;
		} else if (c == '?') {
			action = ESCAPE_HELP;
		} else {
			out[o++] = ESCAPE_KEY;
			if (c != ESCAPE_KEY)
				out[o++] = c;
		}
	}
	*used = i;
	*out_length = o;
	return action;
}
