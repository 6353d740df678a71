/* SPDX-License-Identifier: Apache-2.0 */
/* The local screen: what the status and the log view say in any size, what bytes are which keys, and the serial port without a
 * terminal: the log line by line, and the lines for scripts. */
#include "screen_bench.h"

static const char *frame_row(const struct screen_frame *f, unsigned y)
{
	static char text[SCREEN_MAX_COLS + 1];
	unsigned n = f->cols;

	while (n && f->cells[(size_t)y * f->cols + n - 1].c == ' ')
		n--;
	for (unsigned x = 0; x < n; x++)
		text[x] = f->cells[(size_t)y * f->cols + x].c;
	text[n] = '\0';
	return text;
}

static bool frame_has(const struct screen_frame *f, const char *text)
{
	for (unsigned y = 0; y < f->rows; y++)
		if (strstr(frame_row(f, y), text))
			return true;
	return false;
}

/* ---- the model */

static void test_status(void)
{
	struct screen_frame f = {0};

	make_facts();
	add_guest("demo", VM_RUNNING, "");
	add_guest("wild", VM_CRASHED, "triple fault");
	for (unsigned i = 0; i < 20; i++)
		log_info("test", "line %u", i);
	log_warn("test", "something odd");
	CHECK(screen_frame_resize(&f, 79, 24) == OK);
	screen_draw_status(&f, &x, true);
	ok_str(frame_row(&f, 0), "Caisson 0.1.0  caisson-test             up 2d 01:01:01  2026-01-01 10:20:30 UTC", "name, version, uptime, time");
	ok_str(frame_row(&f, 2), "CPU     3% host, 41% guests  2 x AMD EPYC", "CPU");
	ok_str(frame_row(&f, 3), "Memory  28 MiB host, 320 MiB guests, 1700 MiB free  of 2048 MiB", "memory");
	ok_str(frame_row(&f, 4), "Address 192.0.2.5  fe80::5054:ff:fe12:3456", "addresses");
	ok_str(frame_row(&f, 5), "API     https://caisson-test:8443", "URL");
	ok_str(frame_row(&f, 6), "CA      " FINGERPRINT, "fingerprint, whole in 80 columns");
	ok_str(frame_row(&f, 7), "Pairing AB12-CD34", "pairing code");
	ok_str(frame_row(&f, 9), "GUEST               STATE     VCPUS      MEMORY        UPTIME  REASON", "guests");
	ok_str(frame_row(&f, 10), "demo                running       2     256 MiB       0:01:05", "a running guest");
	ok_str(frame_row(&f, 11), "wild                crashed       2     256 MiB                triple fault", "a crashed guest");
	ok(strstr(frame_row(&f, 22), "something odd") && f.cells[22 * 79 + 20].color == FB_WARN, "the newest log line is the last one, in its colour");
	ok_str(frame_row(&f, 23), "l log", "keys");
	screen_draw_status(&f, &x, false);
	ok(strstr(frame_row(&f, 23), "something odd"), "without keys the log has the last row");
	screen_frame_fini(&f);
}

static void test_variants(void)
{
	struct screen_frame f = {0};

	make_facts();
	x.code[0] = x.url[0] = x.utc[0] = '\0';
	x.naddresses = 0;
	x.code_burnt = true;
	strcpy(x.no_guests_reason, "no SVM");
	x.config = &config;
	for (config.nerrors = 0; config.nerrors < 5; config.nerrors++)
		snprintf(config.errors[config.nerrors], sizeof(config.errors[0]), "caisson.yaml:%u:1: bad\x1b[2J", config.nerrors + 1);
	CHECK(screen_frame_resize(&f, 79, 30) == OK);
	screen_draw_status(&f, &x, true);
	ok(frame_has(&f, "time unknown") && frame_has(&f, "Address none yet") && frame_has(&f, "API     not up yet"), "what is not there yet is named");
	ok(frame_has(&f, "Pairing burnt by wrong codes"), "a burnt code");
	ok(frame_has(&f, "cannot run on this machine: no SVM") && frame_has(&f, "No guests"), "why guests cannot run");
	ok(frame_has(&f, "Config  caisson.yaml:1:1: bad?[2J") && frame_has(&f, "caisson.yaml:3:1") && !frame_has(&f, "caisson.yaml:4:1") &&
	   frame_has(&f, "and 2 more in the log"), "mistakes of the config file, and nothing that a terminal obeys");
	for (unsigned i = 0; i < SCREEN_MAX_GUESTS; i++)
		add_guest("many", VM_RUNNING, "");
	x.total_guests = 100;
	screen_draw_status(&f, &x, true);
	ok(frame_has(&f, "and 9") && frame_has(&f, "many") && frame_has(&f, "something odd"), "many guests leave room for the log");
	screen_frame_fini(&f);
	make_facts();
	CHECK(screen_frame_resize(&f, 50, 24) == OK);
	screen_draw_status(&f, &x, true);
	ok_str(frame_row(&f, 7), "        3456789abcdef0123456789abcdef", "a narrow screen breaks the fingerprint and cuts nothing of it");
	for (unsigned cols = 1; cols < 60; cols += 3)
		for (unsigned rows = 1; rows < 30; rows++)
			if (screen_frame_resize(&f, cols, rows) == OK) {
				screen_draw_status(&f, &x, true);
				screen_draw_log_view(&f, UINT64_MAX);
			}
	ok(true, "every size is survived");
	screen_frame_fini(&f);
}

static void test_log_wrap(void)
{
	struct screen_frame f = {0};

	CHECK(screen_frame_resize(&f, 30, 6) == OK);
	log_info("t", "first");
	log_info("t", "abcdefghijklmnopqrstuvwxyz0123456789");
	screen_draw_log(&f, 1, 5, log_next_seq());
	ok(strstr(frame_row(&f, 2), "first") && strstr(frame_row(&f, 3), "t: abcdefghijkl"), "a long line starts above");
	ok_str(frame_row(&f, 4), "mnopqrstuvwxyz0123456789", "and goes on below");
	ok_str(frame_row(&f, 5), "", "the row behind the end stays free");
	CHECK(screen_frame_resize(&f, 100, 120) == OK);
	screen_draw_log(&f, 3, 120, log_next_seq());
	ok(!*frame_row(&f, 2) && *frame_row(&f, 3) && !*frame_row(&f, 119), "few lines start at the top");
	screen_frame_fini(&f);
}

static enum screen_key last_key(struct screen_keys *k, const char *bytes)
{
	enum screen_key key = KEY_NONE;

	while (*bytes)
		key = screen_keys_byte(k, *bytes++);
	return key;
}

static void test_keys(void)
{
	struct screen_keys k = {0};

	ok(last_key(&k, "l") == KEY_LOG && last_key(&k, "S") == KEY_STATUS && last_key(&k, "\x0c") == KEY_REDRAW && last_key(&k, "q") == KEY_OTHER, "letters");
	ok(last_key(&k, "\x1b[A") == KEY_UP && last_key(&k, "\x1bOB") == KEY_DOWN && last_key(&k, "\x1b[5~") == KEY_PAGE_UP &&
	   last_key(&k, "\x1b[6~") == KEY_PAGE_DOWN && last_key(&k, "\x1b[3~") == KEY_OTHER, "cursor keys");
	ok(last_key(&k, "\x1b[24;80R") == KEY_SIZE && k.rows == 24 && k.cols == 80, "a size");
	ok(last_key(&k, "\x1b[99999999999;99999999999R") == KEY_SIZE && k.rows == SCREEN_MAX_ROWS && k.cols == SCREEN_MAX_COLS, "a very large one is cut");
	ok(last_key(&k, "\x1b[1;2R") == KEY_OTHER && last_key(&k, "\x1b[R") == KEY_OTHER && last_key(&k, "\x1b[1;2;3;4;30;80R") == KEY_OTHER, "others are none");
	ok(last_key(&k, "\x1b[12\x1b[A") == KEY_UP && last_key(&k, "\x1bx") == KEY_OTHER && last_key(&k, "l") == KEY_LOG, "torn sequences end");
}

/* ---- a serial port without a terminal */

static void test_plain(void)
{
	char want[200];
	const char *s;

	log_add_sink(&screen_serial_sink);
	log_info("boot", "before the screen");
	ok(strstr(fake_serial_take(NULL), "boot: before the screen\n"), "the log goes to the serial port from the start");
	fake_fb_size(100, 30);
	make_node();
	screen_start();
	ok(!strncmp(fake_fb_row(0), "Caisson " CAISSON_VERSION "  caisson-test", 22), "the framebuffer shows the node");
	ok(strstr(fake_serial_take(NULL), "\x1b[6n\x1b[u\n"), "the serial terminal is asked");
	strcpy(node.api_url, "https://caisson-test:8443");
	screen_touch();
	run_ms(1900);
	ok(!strstr(fake_serial_take(NULL), "pairing"), "and has two seconds");
	ok(strstr(fake_fb_row(5), "https://caisson-test:8443"), "while the framebuffer goes on");
	run_ms(300);
	snprintf(want, sizeof(want), "\napi: https://caisson-test:8443\nfingerprint: \npairing code: %s\n", pairing_code());
	s = fake_serial_take(NULL);
	ok(strstr(s, "no terminal answered, plain log lines\n"), "then the decision is logged");
	ok(strstr(s, want), "and the lines for scripts come");
	log_info("test", "plain line");
	ok(strstr(fake_serial_take(NULL), "test: plain line\n"), "log lines still do");
	fake_serial_type("l\x1b[24;80R");
	run_ms(3000);
	ok_str(fake_serial_take(NULL), "", "it stays decided, and nothing is repeated");
	pairing_init(); /* another code */
	run_ms(200);
	snprintf(want, sizeof(want), "api: https://caisson-test:8443\nfingerprint: \npairing code: %s\n", pairing_code());
	ok_str(fake_serial_take(NULL), want, "a new code is told");
	for (unsigned i = 0; i < PAIRING_TRIES; i++) {
		(void)!pairing_try("0000-0000", NULL);
		run_ms(1100);
	}
	ok(strstr(fake_serial_take(NULL), "\npairing code: none until a new one is made\n"), "a burnt one too");
	ok(strstr(fake_fb_row(6), "burnt"), "also on the framebuffer");
}

int main(void)
{
	fake_init(64 * MIB, 2);
	test_status();
	test_variants();
	test_log_wrap();
	test_keys();
	test_plain();
	return tap_done();
}
