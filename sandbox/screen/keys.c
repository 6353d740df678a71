/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes from the serial terminal to keys: letters, ECMA-48 cursor keys, and the cursor position report. Whatever comes, it keeps no
 * more than two numbers. Pure. */
#include <core/arith.h>
#include "screen_impl.h"

enum { GROUND, ESCAPE, CONTROL };
enum { PARAM_MAX = 9999, COLS_MIN = 20, ROWS_MIN = 5 };

static enum screen_key plain_key(char c)
{
	switch (c) {
	case 'l': case 'L': return KEY_LOG;
	case 's': case 'S': return KEY_STATUS;
	case 'l' & 0x1f: return KEY_REDRAW; /* Ctrl-L */
	default: return KEY_OTHER;
	}
}

/* CSI row ; column R. Shift-F3 of some terminals looks the same with row 1: no screen is that small. */
static enum screen_key size_report(struct screen_keys *k)
{
	if (k->nparams != 2 || k->params[0] < ROWS_MIN || k->params[1] < COLS_MIN)
		return KEY_OTHER;
	k->rows = MIN(k->params[0], (unsigned)SCREEN_MAX_ROWS);
	k->cols = MIN(k->params[1], (unsigned)SCREEN_MAX_COLS);
	return KEY_SIZE;
}

static enum screen_key final_byte(struct screen_keys *k, char c)
{
	switch (c) {
	case 'A': return KEY_UP;
	case 'B': return KEY_DOWN;
	case 'R': return size_report(k);
	case '~': return k->params[0] == 5 ? KEY_PAGE_UP : k->params[0] == 6 ? KEY_PAGE_DOWN : KEY_OTHER;
	default: return KEY_OTHER;
	}
}

static enum screen_key control_byte(struct screen_keys *k, char c)
{
	unsigned *p = k->nparams ? &k->params[MIN(k->nparams, 2u) - 1] : &k->params[0];

	if (c >= '0' && c <= '9') {
		if (!k->nparams)
			k->nparams = 1;
		if (k->nparams <= 2)
			*p = MIN(*p * 10 + (unsigned)(c - '0'), (unsigned)PARAM_MAX);
		return KEY_NONE;
	}
	if (c == ';') {
		k->nparams = MIN(MAX(k->nparams, 1u) + 1, 3u);
		return KEY_NONE;
	}
	if (c >= 0x20 && c < 0x40)
		return KEY_NONE; /* other parameters and intermediate bytes */
	k->state = GROUND;
	return final_byte(k, c);
}

enum screen_key screen_keys_byte(struct screen_keys *k, char c)
{
	if (c == 0x1b) {
		k->state = ESCAPE;
		return KEY_NONE;
	}
	if (k->state == CONTROL)
		return control_byte(k, c);
	if (k->state == ESCAPE && (c == '[' || c == 'O')) { /* O: cursor keys in application mode */
		k->state = CONTROL;
		k->nparams = 0;
		k->params[0] = k->params[1] = 0;
		return KEY_NONE;
	}
	k->state = GROUND;
	return plain_key(c);
}
