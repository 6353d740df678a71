/* SPDX-License-Identifier: Apache-2.0 */
/* Text on the UEFI framebuffer with a real font; cells of 8x16, only changed cells are drawn. CPU 0 (or panic). */
#ifndef CORE_FBCON_H
#define CORE_FBCON_H
#include <core/err.h>
#include <stdbool.h>
#include <stdint.h>

enum fb_color { FB_FG, FB_DIM, FB_BRIGHT, FB_ACCENT, FB_OK, FB_WARN, FB_ERR };
/* After page_init. E_NOENT: no framebuffer; E_CORRUPT: its description makes no sense; E_NOMEM. Without it, or before,
 * there are 0 columns and rows and the other calls do nothing. */
err_t fbcon_init(void) MUST_CHECK;
unsigned fbcon_cols(void);
unsigned fbcon_rows(void);
/* Puts text at a cell; cut at the right edge; bytes >= 0x80 and controls show as '?'. */
void fbcon_put(unsigned col, unsigned row, enum fb_color color, const char *text, unsigned len);
void fbcon_clear_to_eol(unsigned col, unsigned row);

#endif
