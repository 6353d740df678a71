/* SPDX-License-Identifier: Apache-2.0 */
/* The framebuffer console: descriptions that make no sense, what is drawn where, and that nothing else is touched. */
#include "../fake/fake.h"
#include "tap.h"
#include <core/arith.h>
#include <core/fbcon.h>
#include <core/font.h>
#include <stdlib.h>
#include <string.h>

#define BASE 0xd0000000u
#define WIDTH 100u  /* 12 columns and a margin */
#define HEIGHT 50u  /* 3 rows and a margin */
#define PITCH 512u

static uint8_t *pixels;

static uint32_t at(unsigned x, unsigned y)
{
	return get_le32(pixels + (size_t)y * PITCH + x * 4);
}

static void describe(uint32_t w, uint32_t h, uint32_t pitch, uint64_t size)
{
	fake_boot.fb = (struct boot_framebuffer){.base = HPA(BASE), .size = size, .width = w, .height = h, .pitch_bytes = pitch, .bgr = true};
}

static void test_nonsense(void)
{
	describe(0, 0, 0, 0);
	ok(fbcon_init() == E_NOENT, "no framebuffer");
	describe(WIDTH, HEIGHT, PITCH, (uint64_t)PITCH * HEIGHT - 1);
	ok(fbcon_init() == E_CORRUPT, "smaller than its lines");
	describe(WIDTH, HEIGHT, WIDTH * 4 - 4, 1 << 20);
	ok(fbcon_init() == E_CORRUPT, "lines shorter than their pixels");
	describe(WIDTH, HEIGHT, PITCH + 2, 1 << 20);
	ok(fbcon_init() == E_CORRUPT, "odd lines");
	describe(0xffffffff, 0xffffffff, 0xfffffffc, UINT64_MAX);
	ok(fbcon_init() == E_CORRUPT, "four milliard pixels each way");
	describe(7, HEIGHT, PITCH, 1 << 20);
	ok(fbcon_init() == E_CORRUPT, "no room for a single character");
	fbcon_put(0, 0, FB_FG, "x", 1);
	fbcon_clear_to_eol(0, 0);
	ok(fbcon_cols() == 0 && fbcon_rows() == 0, "without one the calls do nothing");
}

static bool cell_is(unsigned col, unsigned row, char c)
{
	uint32_t off = at(WIDTH - 1, HEIGHT - 1); /* the margin */

	for (unsigned y = 0; y < 16; y++)
		for (unsigned x = 0; x < 8; x++) {
			bool lit = font_glyphs[c - ' '].rows[y] >> (7 - x) & 1;

			if (lit == (at(col * 8 + x, row * 16 + y) == off))
				return false;
		}
	return true;
}

static void test_text(void)
{
	bool clean = true;

	memset(pixels, 0xee, (size_t)PITCH * HEIGHT);
	describe(WIDTH, HEIGHT, PITCH, (uint64_t)PITCH * HEIGHT);
	CHECK(fbcon_init() == OK);
	ok(fbcon_cols() == 12 && fbcon_rows() == 3, "whole cells");
	ok(cell_is(0, 0, ' ') && cell_is(11, 2, ' '), "blank at first");
	fbcon_put(10, 1, FB_ERR, "AB overflow", 11);
	ok(cell_is(10, 1, 'A') && cell_is(11, 1, 'B') && cell_is(0, 2, ' '), "cut at the right edge");
	fbcon_put(0, 0, FB_FG, "\xe4\n\x7f~", 4);
	ok(cell_is(0, 0, '?') && cell_is(1, 0, '?') && cell_is(2, 0, '?') && cell_is(3, 0, '~'), "what is not ASCII shows as '?'");
	fbcon_put(0, 3, FB_FG, "x", 1);
	fbcon_put(12, 0, FB_FG, "x", 1);
	fbcon_put(UINT32_MAX, 0, FB_FG, "xy", 2);
	fbcon_put(0, 0, (enum fb_color)99, "z", 1);
	ok(cell_is(0, 0, '?'), "outside, or in no colour: nothing");
	for (unsigned y = 0; y < HEIGHT; y++)
		for (unsigned x = WIDTH * 4; x < PITCH; x++)
			clean &= pixels[(size_t)y * PITCH + x] == 0xee;
	ok(clean, "nothing is written between the lines");
}

static void test_changes(void)
{
	fbcon_put(0, 0, FB_FG, "same", 4);
	memset(pixels, 0, 64);
	fbcon_put(0, 0, FB_FG, "same", 4);
	ok_eq(at(0, 0), 0, "a cell that stays is not drawn again");
	fbcon_put(0, 0, FB_OK, "s", 1);
	ok(cell_is(0, 0, 's'), "another colour is a change");
	fbcon_clear_to_eol(1, 0);
	ok(cell_is(1, 0, ' ') && cell_is(11, 0, ' ') && cell_is(0, 0, 's'), "the rest of a line is cleared");
}

int main(void)
{
	fake_init(64 * MIB, 1);
	pixels = malloc((size_t)PITCH * HEIGHT); /* exact: the sanitizer sees what goes past it */
	fake_mmio_add(HPA(BASE), (uint64_t)PITCH * HEIGHT, pixels);
	test_nonsense();
	test_text();
	test_changes();
	free(pixels);
	return tap_done();
}
