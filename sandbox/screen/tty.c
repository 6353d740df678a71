/* SPDX-License-Identifier: Apache-2.0 */
/* The frame on a serial terminal: ECMA-48 sequences for what differs from what the terminal shows, so that nothing flickers and a slow
 * line keeps up. A call sends a bounded piece, since serial output is polled and holds CPU 0. Between calls the terminal is always in
 * a state that one can leave: plain colours, cursor visible in the last row, where a panic report would start. CPU 0. */
#include <core/arith.h>
#include <core/fmt.h>
#include <core/uart.h>
#include <string.h>
#include "screen_impl.h"

enum { PIECE = 480, STEP_MAX = 32, GAP_MAX = 4 }; /* 480 bytes take 42 ms at 115200 baud */

struct out {
	char buf[PIECE + 4 * STEP_MAX];
	size_t len;
	unsigned col, row; /* where the cursor is */
	int color;         /* -1: unknown */
};

/* SGR, ECMA-48 8.3.117; bright black for dim. */
static const char *const colors[] = {
	[FB_FG] = "0", [FB_DIM] = "0;90", [FB_BRIGHT] = "0;1", [FB_ACCENT] = "0;36", [FB_OK] = "0;32", [FB_WARN] = "0;33", [FB_ERR] = "0;31",
};

static void out_text(struct out *o, const char *text)
{
	o->len += MIN(fmt_buf(o->buf + o->len, sizeof(o->buf) - o->len, "%s", text), sizeof(o->buf) - o->len - 1);
}

static void out_color(struct out *o, unsigned color)
{
	char seq[16];

	if (o->color == (int)color || color >= ARRAY_LEN(colors))
		return;
	fmt_buf(seq, sizeof(seq), "\x1b[%sm", colors[color]);
	out_text(o, seq);
	o->color = (int)color;
}

static void out_cell(struct out *o, struct screen_cell c)
{
	if (c.c != ' ')
		out_color(o, c.color);
	o->buf[o->len++] = c.c;
	o->col++;
}

/* To a cell: over a few unchanged ones by sending them again, which is shorter, else by cursor position. */
static void out_move(struct out *o, const struct screen_frame *f, unsigned col, unsigned row)
{
	char seq[24];

	if (o->row == row && o->col <= col && col - o->col <= GAP_MAX) {
		while (o->col < col)
			out_cell(o, f->cells[(size_t)row * f->cols + o->col]);
		return;
	}
	fmt_buf(seq, sizeof(seq), "\x1b[%u;%uH", row + 1, col + 1);
	out_text(o, seq);
	o->row = row;
	o->col = col;
}

/* The first column from which the rest of the row is blank. */
static unsigned blank_from(const struct screen_frame *f, unsigned row)
{
	unsigned col = f->cols;

	while (col && f->cells[(size_t)row * f->cols + col - 1].c == ' ')
		col--;
	return col;
}

/* Is it worth it to erase to the end of the line: does the terminal show text in more than a few cells there? */
static bool erase_pays(const struct screen_frame *shown, unsigned col, unsigned row)
{
	return blank_from(shown, row) > col + GAP_MAX;
}

/* One row, until the piece is full; false when it is. */
static bool draw_row(struct screen_tty *t, const struct screen_frame *f, unsigned row, struct out *o)
{
	unsigned blank = blank_from(f, row);
	const struct screen_cell *want = f->cells + (size_t)row * f->cols;
	struct screen_cell *shown = t->shown.cells + (size_t)row * f->cols;

	for (unsigned col = 0; col < f->cols; col++) {
		if (screen_cell_same(want[col], shown[col]))
			continue;
		if (o->len >= PIECE)
			return false;
		out_move(o, f, col, row);
		if (col >= blank && erase_pays(&t->shown, col, row)) {
			out_color(o, FB_FG);
			out_text(o, "\x1b[K");
			for (; col < f->cols; col++)
				shown[col] = want[col];
			return true;
		}
		out_cell(o, want[col]);
		shown[col] = want[col];
	}
	return true;
}

bool screen_tty_draw(struct screen_tty *t, const struct screen_frame *f)
{
	struct out o = {.color = -1, .col = UINT32_MAX, .row = UINT32_MAX};
	bool done = true;
	size_t start;

	if (f->cols != t->shown.cols || f->rows != t->shown.rows)
		return false;
	out_text(&o, "\x1b[?25l"); /* no cursor that jumps about */
	if (!t->known) {
		out_text(&o, "\x1b[0m\x1b[2J");
		o.color = FB_FG;
	}
	start = t->known ? o.len : 0;
	for (unsigned row = 0; row < f->rows && done; row++)
		done = draw_row(t, f, row, &o);
	t->known = true;
	if (o.len == start)
		return false;
	out_color(&o, FB_FG);
	out_move(&o, f, 0, f->rows - 1);
	out_text(&o, "\x1b[?25h");
	uart_write(o.buf, o.len);
	return !done;
}

err_t screen_tty_resize(struct screen_tty *t, unsigned cols, unsigned rows)
{
	err_t e = screen_frame_resize(&t->shown, cols, rows);

	if (e == OK)
		t->known = false;
	return e;
}

void screen_tty_ask_size(void)
{
	/* Save, far beyond the corner, report, restore. A terminal that knows none of it shows some letters once. */
	static const char ask[] = "\x1b[s\x1b[999;999H\x1b[6n\x1b[u";

	uart_write(ask, sizeof(ask) - 1);
}
