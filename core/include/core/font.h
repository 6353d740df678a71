/* SPDX-License-Identifier: Apache-2.0 */
/* The console font, made from a BDF file by tools/build/font.py. Const; any context. */
#ifndef CORE_FONT_H
#define CORE_FONT_H
#include <stdint.h>

#define FONT_WIDTH 8
#define FONT_HEIGHT 16

struct font_glyph {
	uint32_t code;              /* Unicode */
	uint8_t rows[FONT_HEIGHT];  /* top to bottom, most significant bit leftmost */
};

/* Sorted by code. Entries 0 to 94 are U+0020 to U+007E. */
extern const struct font_glyph font_glyphs[];
extern const uint32_t font_nglyphs;

#endif
