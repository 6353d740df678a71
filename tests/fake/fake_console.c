/* SPDX-License-Identifier: Apache-2.0 */
/* Serial port and framebuffer console of the fake machine: they keep what they get. Host only. */
#include "fake_console.h"
#include <core/fbcon.h>
#include <core/panic.h>
#include <core/uart.h>
#include <string.h>

#define WEAK __attribute__((weak))
enum { FB_MAX_COLS = 240, FB_MAX_ROWS = 120 };

static char serial[FAKE_SERIAL_MAX + 1];
static size_t serial_len;
static void (*rx)(void *ctx, char c);
static void *rx_ctx;
static unsigned fb_cols, fb_rows;
static char fb_text[FB_MAX_ROWS][FB_MAX_COLS + 1];

const char *fake_serial_take(size_t *len)
{
	serial[serial_len] = '\0';
	if (len)
		*len = serial_len;
	serial_len = 0;
	return serial;
}

void fake_serial_type(const char *s)
{
	BUG_ON(!rx);
	while (*s)
		rx(rx_ctx, *s++);
}

WEAK void uart_write(const char *s, size_t n)
{
	BUG_ON(n > FAKE_SERIAL_MAX - serial_len);
	memcpy(serial + serial_len, s, n);
	serial_len += n;
}

WEAK void uart_set_rx(void (*fn)(void *ctx, char c), void *ctx)
{
	rx = fn;
	rx_ctx = ctx;
}

void fake_fb_size(unsigned cols, unsigned rows)
{
	BUG_ON(cols > FB_MAX_COLS || rows > FB_MAX_ROWS);
	fb_cols = cols;
	fb_rows = rows;
	memset(fb_text, 0, sizeof(fb_text));
	for (unsigned i = 0; i < rows; i++)
		memset(fb_text[i], ' ', cols);
}

const char *fake_fb_row(unsigned row)
{
	BUG_ON(row >= fb_rows);
	return fb_text[row];
}

WEAK unsigned fbcon_cols(void)
{
	return fb_cols;
}

WEAK unsigned fbcon_rows(void)
{
	return fb_rows;
}

WEAK void fbcon_put(unsigned col, unsigned row, enum fb_color color, const char *text, unsigned len)
{
	(void)color;
	BUG_ON(row >= fb_rows || col > fb_cols || len > fb_cols - col);
	memcpy(&fb_text[row][col], text, len);
}

WEAK void fbcon_clear_to_eol(unsigned col, unsigned row)
{
	BUG_ON(row >= fb_rows || col > fb_cols);
	memset(&fb_text[row][col], ' ', fb_cols - col);
}
