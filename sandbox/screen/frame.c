/* SPDX-License-Identifier: Apache-2.0 */
/* A grid of coloured cells that is drawn anew in memory each time; the renderers find out what changed. Pure but for malloc. CPU 0. */
#include <core/arith.h>
#include <core/fmt.h>
#include <stdlib.h>
#include "screen_impl.h"

err_t screen_frame_resize(struct screen_frame *f, unsigned cols, unsigned rows)
{
	struct screen_cell *cells;

	cols = MIN(cols, SCREEN_MAX_COLS);
	rows = MIN(rows, SCREEN_MAX_ROWS);
	if (!f->cells || cols != f->cols || rows != f->rows) {
		cells = calloc((size_t)MAX(cols, 1u) * MAX(rows, 1u), sizeof(*cells));
		if (!cells)
			return E_NOMEM;
		free(f->cells);
		*f = (struct screen_frame){cols, rows, cells};
	}
	screen_frame_clear(f);
	return OK;
}

void screen_frame_fini(struct screen_frame *f)
{
	free(f->cells);
	*f = (struct screen_frame){0};
}

void screen_frame_clear(struct screen_frame *f)
{
	for (size_t i = 0; i < (size_t)f->cols * f->rows; i++)
		f->cells[i] = (struct screen_cell){' ', FB_FG};
}

unsigned screen_put(struct screen_frame *f, unsigned col, unsigned row, enum fb_color color, const char *text)
{
	for (; *text && row < f->rows && col < f->cols; text++, col++)
		f->cells[(size_t)row * f->cols + col] =
			(struct screen_cell){*text < ' ' || (unsigned char)*text >= 0x7f ? '?' : *text, (uint8_t)color};
	return col;
}

unsigned screen_putf(struct screen_frame *f, unsigned col, unsigned row, enum fb_color color, const char *format, ...)
{
	char text[SCREEN_MAX_COLS + 1];
	va_list ap;

	va_start(ap, format);
	fmt_vbuf(text, sizeof(text), format, ap);
	va_end(ap);
	return screen_put(f, col, row, color, text);
}

bool screen_cell_same(struct screen_cell a, struct screen_cell b)
{
	return a.c == b.c && (a.color == b.color || a.c == ' ');
}
