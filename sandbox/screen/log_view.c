/* SPDX-License-Identifier: Apache-2.0 */
/* The log's lines in a frame, found from the newest upwards. Long lines go on in the next row, since their ends often matter
 * most. Reads the log ring; else pure. */
#include <core/arith.h>
#include <core/log.h>
#include <string.h>
#include "screen_impl.h"

/* The level is a word behind the component, see core/base/log.c. */
static enum fb_color line_color(const char *text)
{
	return strstr(text, ": error: ") ? FB_ERR : strstr(text, ": warning: ") ? FB_WARN : FB_FG;
}

/* The time stamp "[    1.234567]" at the beginning. */
static unsigned stamp_len(const char *text)
{
	const char *p = text[0] == '[' ? strchr(text, ']') : NULL;

	return p ? (unsigned)(p - text) + 1 : 0;
}

/* Rows [row, row + n) of which some may lie above top and are left out. */
static void draw_line(struct screen_frame *f, unsigned top, int row, const char *text)
{
	enum fb_color color = line_color(text);
	unsigned stamp = stamp_len(text), col = 0;

	for (unsigned i = 0; text[i]; i++) {
		char one[2] = {text[i], '\0'};

		if (row >= (int)top)
			screen_put(f, col, (unsigned)row, i < stamp ? FB_DIM : color, one);
		if (++col == f->cols) {
			col = 0;
			row++;
		}
	}
}

static unsigned line_rows(const struct screen_frame *f, const char *text)
{
	unsigned n = (unsigned)strlen(text);

	return n ? (n + f->cols - 1) / f->cols : 1;
}

/* How many rows the lines before end_seq take, no more than room. */
static unsigned rows_taken(const struct screen_frame *f, unsigned room, uint64_t end_seq)
{
	char text[LOG_LINE_MAX + 1];
	unsigned n = 0;

	while (n < room && end_seq > 0 && log_read(--end_seq, text))
		n += line_rows(f, text);
	return MIN(n, room);
}

void screen_draw_log(struct screen_frame *f, unsigned top, unsigned bottom, uint64_t end_seq)
{
	char text[LOG_LINE_MAX + 1];
	int row;

	bottom = MIN(bottom, f->rows);
	if (f->cols == 0 || top >= bottom)
		return;
	row = (int)(top + rows_taken(f, bottom - top, end_seq));
	while (row > (int)top && end_seq > 0 && log_read(--end_seq, text)) {
		row -= (int)line_rows(f, text);
		draw_line(f, top, row, text);
	}
}

void screen_draw_log_view(struct screen_frame *f, uint64_t end_seq)
{
	uint64_t next = log_next_seq();
	unsigned bottom = f->rows ? f->rows - 1 : 0;

	screen_frame_clear(f);
	screen_draw_log(f, 0, bottom, MIN(end_seq, next));
	screen_putf(f, 0, bottom, FB_DIM, "s status   Up Down PgUp PgDn scroll%s", end_seq < next ? "   (not at the end)" : "");
}
