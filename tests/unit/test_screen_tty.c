/* SPDX-License-Identifier: Apache-2.0 */
/* The screen on a serial terminal: a terminal that obeys the bytes shows exactly the frame, nothing is sent when nothing changed, and
 * keys, scrolling and sizes work. A program of its own, since the kind of serial port is decided once. */
#include "screen_bench.h"

static void draw_fully(struct screen_tty *t, const struct screen_frame *f)
{
	for (unsigned i = 0; screen_tty_draw(t, f); i++)
		if (i > 100) {
			ok(false, "drawing ends");
			return;
		}
}

static void test_tty(void)
{
	struct screen_frame f = {0};
	struct screen_tty t = {0};
	size_t n;

	make_facts();
	add_guest("demo", VM_RUNNING, "");
	term_reset(80, 24);
	CHECK(screen_frame_resize(&f, 79, 24) == OK && screen_tty_resize(&t, 79, 24) == OK);
	screen_draw_status(&f, &x, true);
	ok(screen_tty_draw(&t, &f) && term_take() < 700, "a screen full goes out in pieces");
	ok(!term.hidden && term.y == 23 && term.x == 0 && term.color == FB_FG, "between them the terminal can be left as it is");
	draw_fully(&t, &f);
	term_take();
	ok(term_shows(&f), "in the end the terminal shows the frame");
	ok(!screen_tty_draw(&t, &f) && term_take() == 0, "the same frame again sends nothing");
	x.uptime_ns += NS_PER_S;
	screen_draw_status(&f, &x, true);
	draw_fully(&t, &f);
	n = term_take();
	ok(n > 0 && n < 60 && term_shows(&f), "a second later a few bytes do");
	x.code[0] = '\0';
	strcpy(x.guests[0].name, "d");
	screen_draw_log_view(&f, UINT64_MAX);
	draw_fully(&t, &f);
	term_take();
	ok(term_shows(&f), "another view");
	CHECK(screen_frame_resize(&f, 99, 30) == OK && screen_tty_resize(&t, 99, 30) == OK);
	term_reset(100, 30);
	screen_draw_status(&f, &x, true);
	draw_fully(&t, &f);
	term_take();
	ok(term_shows(&f), "another size");
	screen_frame_fini(&f);
	screen_frame_fini(&t.shown);
}

/* Random changes of random frames: the terminal always ends up with the frame. */
static void test_tty_random(void)
{
	struct screen_frame f = {0};
	struct screen_tty t = {0};
	bool same = true, silent = true;

	srand(7);
	term_reset(41, 9);
	CHECK(screen_frame_resize(&f, 40, 9) == OK && screen_tty_resize(&t, 40, 9) == OK);
	for (unsigned round = 0; round < 2000; round++) {
		unsigned changes = (unsigned)rand() % 40;

		if (rand() % 16 == 0)
			screen_frame_clear(&f);
		for (unsigned i = 0; i < changes; i++)
			f.cells[rand() % 360] = (struct screen_cell){rand() % 2 ? ' ' : (char)('a' + rand() % 26), (uint8_t)(rand() % 7)};
		draw_fully(&t, &f);
		term_take();
		same &= term_shows(&f) && !term.hidden;
		draw_fully(&t, &f);
		silent &= term_take() == 0;
	}
	ok(same, "2000 random changes arrive");
	ok(silent, "and nothing is sent twice");
	screen_frame_fini(&f);
	screen_frame_fini(&t.shown);
}

static void test_terminal(void)
{
	unsigned draws = 0;
	char top[81];
	bool asked;

	fake_fb_size(0, 0);
	make_node();
	pairing_init();
	screen_start();
	term_reset(80, 24);
	fake_serial_type("x\x1b[24;80R");
	run_ms(100);
	term_take();
	ok(term_has("caisson-test") && term_has(pairing_code()) && term_has("a terminal of 80 columns and 24 rows"), "a terminal gets the screen");
	ok(!term.wrapped, "the last column stays free");
	log_info("test", "drawn, not printed");
	run_ms(110);
	term_take();
	ok(term_has("test: drawn, not printed") && !term.bad, "the log is drawn from now on");
	for (unsigned i = 0; i < 100; i++) {
		log_info("test", "flood %u", i);
		screen_touch();
		run_ms(10);
		draws += term_take() > 0;
	}
	ok(draws <= 11, "at most ten redraws a second");
	fake_serial_type("l");
	run_ms(1100);
	term_take();
	snprintf(top, sizeof(top), "%s", term_row(0));
	ok(strstr(top, "flood") && term_has("flood 99") && !term_has("Pairing"), "the log view");
	fake_serial_type("\x1b[5~");
	run_ms(200);
	term_take();
	ok(!term_has("flood 99") && !strcmp(term_row(22), top), "a page up: the top row is now at the bottom");
	log_info("test", "later");
	run_ms(200);
	term_take();
	ok(!strcmp(term_row(22), top) && term_has("not at the end"), "new lines do not move it");
	for (unsigned i = 0; i < 100; i++)
		fake_serial_type("\x1b[5~");
	run_ms(200);
	term_take();
	ok(strcmp(term_row(0), "") != 0, "up to the oldest lines and no further");
	for (unsigned i = 0; i < 100; i++)
		fake_serial_type("\x1b[6~");
	run_ms(200);
	term_take();
	ok(term_has("test: later") && !term_has("not at the end"), "down to the end");
	fake_serial_type("s");
	run_ms(1100);
	term_take();
	ok(term_has("Pairing"), "the status view");
	term_reset(80, 24);
	fake_serial_type("\x0c");
	run_ms(200);
	term_take();
	ok(term_has("Pairing") && !term_has("#"), "Ctrl-L draws all again");
	term_reset(60, 20);
	fake_serial_type("\x1b[20;60R");
	run_ms(200);
	term_take();
	ok(term_has("Pairing") && !term_has("#") && !term.bad && !term.wrapped, "a resized terminal");
	run_ms(2200);
	fake_serial_take(NULL);
	fake_serial_type("ab");
	run_ms(110);
	asked = strstr(fake_serial_take(NULL), "\x1b[6n") != NULL;
	fake_serial_type("c");
	run_ms(800);
	ok(asked && !strstr(fake_serial_take(NULL), "\x1b[6n"), "a key asks for the size, at most once a second");
	run_ms(1100);
	ok(strstr(fake_serial_take(NULL), "\x1b[6n"), "and the last key does not get lost");
}

int main(void)
{
	fake_init(64 * MIB, 2);
	log_add_sink(&screen_serial_sink);
	for (unsigned i = 0; i < 20; i++)
		log_info("test", "line %u", i);
	fake_serial_take(NULL);
	test_tty();
	test_tty_random();
	test_terminal();
	return tap_done();
}
