/* SPDX-License-Identifier: Apache-2.0 */
/* The local screen: when to look, what is shown where, and what keys do. Redraws once a second, and sooner when something changed, at
 * most ten times a second. CPU 0, loop context; screen_touch from any CPU. Knows neither pixels nor escape sequences. */
#include <core/arith.h>
#include <core/hal.h>
#include <core/log.h>
#include <core/task.h>
#include <core/uart.h>
#include <sandbox/screen.h>
#include <stdatomic.h>
#include "screen_impl.h"

#define REDRAW_NS NS_PER_S
#define REDRAW_MIN_NS (NS_PER_S / 10)
#define SETTLE_NS (20 * NS_PER_MS) /* what has begun comes first: a guest's start touches the screen several times */
#define ANSWER_NS (2 * NS_PER_S)
#define ASK_MIN_NS NS_PER_S
#define FOLLOW UINT64_MAX /* the log view shows the end */

enum serial_mode { SERIAL_ASKED, SERIAL_PLAIN, SERIAL_TTY };

static struct {
	atomic_bool started;
	enum serial_mode mode;
	bool log_view;
	bool ask_due;                /* a key came: the terminal's size may have changed */
	uint64_t log_end;            /* log view: first line that is not shown, or FOLLOW */
	uint64_t drawn_ns, asked_ns;
	struct work touched, more;
	struct timer redraw, answer;
	struct screen_facts facts;
	struct screen_sampler sampler;
	struct screen_frame fb_frame, tty_frame;
	struct screen_tty tty;
	struct screen_keys keys;
	struct screen_plain plain;
} screen;

/* Goes on with the same frame in later turns of the loop, so that others get theirs. */
static void send_tty(struct work *w)
{
	(void)w;
	if (screen_tty_draw(&screen.tty, &screen.tty_frame))
		work_post(0, &screen.more);
}

/* Not for each key: held down, one makes many. */
static void ask_size_again(void)
{
	if (!screen.ask_due || screen.drawn_ns - screen.asked_ns < ASK_MIN_NS)
		return;
	screen.ask_due = false;
	screen.asked_ns = screen.drawn_ns;
	screen_tty_ask_size();
}

static void draw_tty(void)
{
	ask_size_again();
	if (screen.log_view)
		screen_draw_log_view(&screen.tty_frame, screen.log_end);
	else
		screen_draw_status(&screen.tty_frame, &screen.facts, true);
	send_tty(NULL);
}

static void draw_all(void)
{
	screen.drawn_ns = hal_clock_ns();
	timer_set(&screen.redraw, screen.drawn_ns + REDRAW_NS);
	screen_facts_collect(&screen.facts, &screen.sampler);
	if (screen.fb_frame.cells) {
		screen_draw_status(&screen.fb_frame, &screen.facts, false);
		screen_fb_draw(&screen.fb_frame);
	}
	if (screen.mode == SERIAL_TTY)
		draw_tty();
	else if (screen.mode == SERIAL_PLAIN)
		screen_plain_update(&screen.plain, &screen.facts);
}

static void on_redraw(struct timer *t)
{
	(void)t;
	draw_all();
}

static void on_touched(struct work *w)
{
	uint64_t soonest = MAX(screen.drawn_ns + REDRAW_MIN_NS, hal_clock_ns() + SETTLE_NS);

	(void)w;
	if (screen.redraw.deadline_ns > soonest)
		timer_set(&screen.redraw, soonest);
}

void screen_touch(void)
{
	if (atomic_load_explicit(&screen.started, memory_order_acquire))
		work_post(0, &screen.touched);
}

/* ---- serial: which kind, and keys */

static void go_plain(const char *why)
{
	screen.mode = SERIAL_PLAIN;
	log_info("screen", "serial port: %s, plain log lines", why);
	screen_touch();
}

static void on_no_answer(struct timer *t)
{
	(void)t;
	go_plain("no terminal answered");
}

/* One column less than there is: text in the last one makes some terminals scroll. */
static err_t resize(unsigned cols, unsigned rows)
{
	err_t e = screen_frame_resize(&screen.tty_frame, cols - 1, rows);

	return e == OK ? screen_tty_resize(&screen.tty, cols - 1, rows) : e;
}

static void go_tty(unsigned cols, unsigned rows)
{
	timer_cancel(&screen.answer);
	if (resize(cols, rows) != OK) {
		go_plain("no memory for a screen");
		return;
	}
	screen.mode = SERIAL_TTY;
	screen_sink_mute(screen_touch);
	log_info("screen", "serial port: a terminal of %u columns and %u rows", cols, rows);
	draw_all();
}

static void on_size(unsigned cols, unsigned rows)
{
	if (screen.mode == SERIAL_ASKED) {
		go_tty(cols, rows);
	} else if (screen.mode == SERIAL_TTY && (cols - 1 != screen.tty_frame.cols || rows != screen.tty_frame.rows)) {
		if (resize(cols, rows) == OK)
			draw_all();
		else
			log_warn("screen", "no memory for a terminal of %u columns and %u rows", cols, rows);
	}
}

static void scroll(bool up, unsigned lines)
{
	uint64_t next = log_next_seq(), oldest = next > LOG_RING_LINES ? next - LOG_RING_LINES : 0, end = MIN(screen.log_end, next);

	/* Not beyond a screen full of the oldest lines. */
	oldest = MIN(oldest + screen.tty_frame.rows - 1, next);
	if (up)
		end = end > oldest + lines ? end - lines : oldest;
	else
		end = lines >= next - end ? FOLLOW : end + lines;
	screen.log_end = end >= next ? FOLLOW : end;
}

static void on_key(enum screen_key key)
{
	unsigned page = screen.tty_frame.rows > 2 ? screen.tty_frame.rows - 2 : 1;

	switch (key) {
	case KEY_LOG:
		screen.log_view = true;
		screen.log_end = FOLLOW;
		break;
	case KEY_STATUS: screen.log_view = false; break;
	case KEY_REDRAW: screen.tty.known = false; screen_frame_clear(&screen.tty.shown); break;
	case KEY_UP: scroll(true, 1); break;
	case KEY_DOWN: scroll(false, 1); break;
	case KEY_PAGE_UP: scroll(true, page); break;
	case KEY_PAGE_DOWN: scroll(false, page); break;
	default: break;
	}
	screen.ask_due = true;
	screen_touch();
}

static void on_byte(void *ctx, char c)
{
	enum screen_key key = screen_keys_byte(&screen.keys, c);

	(void)ctx;
	if (key == KEY_SIZE)
		on_size(screen.keys.cols, screen.keys.rows);
	else if (key != KEY_NONE && screen.mode == SERIAL_TTY)
		on_key(key);
}

void screen_start(void)
{
	work_init(&screen.touched, on_touched);
	work_init(&screen.more, send_tty);
	timer_init(&screen.redraw, on_redraw);
	timer_init(&screen.answer, on_no_answer);
	if (fbcon_cols() && screen_frame_resize(&screen.fb_frame, fbcon_cols(), fbcon_rows()) != OK)
		log_warn("screen", "no memory for the framebuffer's screen");
	screen.asked_ns = hal_clock_ns();
	timer_set(&screen.answer, screen.asked_ns + ANSWER_NS);
	uart_set_rx(on_byte, NULL);
	screen_tty_ask_size();
	uart_write("\n", 1); /* without a terminal, the log goes on at the beginning of a line */
	atomic_store_explicit(&screen.started, true, memory_order_release);
	draw_all();
}
