/* SPDX-License-Identifier: Apache-2.0 */
/* The frame on the framebuffer: runs of one colour; the console draws the cells that changed. CPU 0. */
#include "screen_impl.h"

void screen_fb_draw(const struct screen_frame *f)
{
	char text[SCREEN_MAX_COLS];

	for (unsigned row = 0; row < f->rows; row++) {
		const struct screen_cell *cells = f->cells + (size_t)row * f->cols;

		for (unsigned col = 0, n; col < f->cols; col += n) {
			for (n = 0; col + n < f->cols && cells[col + n].color == cells[col].color; n++)
				text[n] = cells[col + n].c;
			fbcon_put(col, row, (enum fb_color)cells[col].color, text, n);
		}
	}
}
