/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of the screen: a small ECMA-48 terminal that obeys what the fake serial port got, facts to draw, and a node without
 * network and identity. Host only. */
#ifndef TESTS_UNIT_SCREEN_BENCH_H
#define TESTS_UNIT_SCREEN_BENCH_H
#include "../../sandbox/screen/screen_impl.h"
#include "../fake/fake.h"
#include "../fake/fake_console.h"
#include "tap.h"
#include <core/arith.h>
#include <core/log.h>
#include <core/task.h>
#include <sandbox/event.h>
#include <sandbox/screen.h>
#include <stdlib.h>

/* ---- the terminal */

static struct {
	unsigned cols, rows, x, y, color;
	bool hidden, bad, wrapped;
	struct screen_cell cells[130][250];
} term;

TAP_FN void term_clear(unsigned y, unsigned x, unsigned y2)
{
	for (; y < y2; y++, x = 0)
		for (; x < term.cols; x++)
			term.cells[y][x] = (struct screen_cell){' ', FB_FG};
}

TAP_FN void term_reset(unsigned cols, unsigned rows)
{
	memset(&term, 0, sizeof(term));
	term.cols = cols;
	term.rows = rows;
	for (unsigned y = 0; y < rows; y++) /* what stood there before */
		for (unsigned x = 0; x < cols; x++)
			term.cells[y][x] = (struct screen_cell){'#', FB_ERR};
}

TAP_FN void term_color(const char *params)
{
	static const char *const sgr[] = {"0", "0;90", "0;1", "0;36", "0;32", "0;33", "0;31"};

	for (term.color = 0; term.color < ARRAY_LEN(sgr) && strcmp(sgr[term.color], params); term.color++)
		;
	term.bad |= term.color == ARRAY_LEN(sgr);
}

TAP_FN void term_sequence(const char *params, char final)
{
	unsigned row = 0, col = 0;

	if (final == 'H' && sscanf(params, "%u;%u", &row, &col) == 2 && row >= 1 && col >= 1) {
		term.y = MIN(row, term.rows) - 1;
		term.x = MIN(col, term.cols) - 1;
	} else if (final == 'J' && !strcmp(params, "2")) {
		term_clear(0, 0, term.rows);
	} else if (final == 'K' && !*params) {
		term_clear(term.y, term.x, term.y + 1);
	} else if (final == 'm') {
		term_color(params);
	} else if ((final == 'h' || final == 'l') && !strcmp(params, "?25")) {
		term.hidden = final == 'l';
	} else if (final != 's' && final != 'u' && final != 'n') {
		term.bad = true;
	}
}

TAP_FN void term_feed(const char *s, size_t n)
{
	for (const char *end = s + n; s < end; s++) {
		char params[16];
		size_t len;

		if (*s == '\n') { /* the serial port makes it CR LF */
			term.x = 0;
			term.y = MIN(term.y + 1, term.rows - 1);
			continue;
		}
		if (*s != 0x1b) {
			term.bad |= *s < ' ' || *s > '~';
			term.wrapped |= term.x >= term.cols - 1; /* the last column stays free */
			term.cells[term.y][MIN(term.x, term.cols - 1)] = (struct screen_cell){*s, (uint8_t)term.color};
			term.x++;
			continue;
		}
		len = strspn(s + 2, "0123456789;?");
		if (s[1] != '[' || len >= sizeof(params)) {
			term.bad = true;
			return;
		}
		memcpy(params, s + 2, len);
		params[len] = '\0';
		s += 2 + len;
		term_sequence(params, *s);
	}
}

/* Feeds what was written; how many bytes. */
TAP_FN size_t term_take(void)
{
	size_t n;
	const char *s = fake_serial_take(&n);

	term_feed(s, n);
	return n;
}

TAP_FN bool term_shows(const struct screen_frame *f)
{
	for (unsigned y = 0; y < f->rows; y++)
		for (unsigned x = 0; x < f->cols; x++)
			if (!screen_cell_same(term.cells[y][x], f->cells[(size_t)y * f->cols + x]))
				return false;
	return !term.bad && !term.wrapped;
}

/* A row of the terminal as text, without the blanks at its end. */
TAP_FN const char *term_row(unsigned y)
{
	static char text[256];
	unsigned n = term.cols;

	while (n && term.cells[y][n - 1].c == ' ')
		n--;
	for (unsigned x = 0; x < n; x++)
		text[x] = term.cells[y][x].c;
	text[n] = '\0';
	return text;
}

TAP_FN bool term_has(const char *text)
{
	for (unsigned y = 0; y < term.rows; y++)
		if (strstr(term_row(y), text))
			return true;
	return false;
}

/* ---- what is shown */

#define FINGERPRINT "SHA256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
static struct screen_facts x;
static struct config config;

TAP_FN void make_facts(void)
{
	memset(&x, 0, sizeof(x));
	strcpy(x.name, "caisson-test");
	strcpy(x.version, "0.1.0");
	strcpy(x.utc, "2026-01-01T10:20:30.400Z");
	strcpy(x.cpu_model, "AMD EPYC");
	x.uptime_ns = (90061 + 86400) * NS_PER_S;
	x.ncpus = 2;
	x.host_percent = 3;
	x.guest_percent = 41;
	x.pages = (struct page_stats){.total = 2048 * 256, .free = 1700 * 256, .host = 28 * 256, .guest = 320 * 256};
	strcpy(x.addresses[x.naddresses++], "192.0.2.5");
	strcpy(x.addresses[x.naddresses++], "fe80::5054:ff:fe12:3456");
	strcpy(x.url, "https://caisson-test:8443");
	strcpy(x.fingerprint, FINGERPRINT);
	strcpy(x.code, "AB12-CD34");
}

TAP_FN void add_guest(const char *name, enum vm_state state, const char *reason)
{
	struct screen_guest *g = &x.guests[x.nguests];

	x.total_guests++;
	x.nguests++;
	snprintf(g->name, sizeof(g->name), "%s", name);
	snprintf(g->reason, sizeof(g->reason), "%s", reason);
	g->state = state;
	g->vcpus = 2;
	g->memory_mib = 256;
	g->uptime_ns = state == VM_RUNNING ? 65 * NS_PER_S : 0;
}

/* ---- the whole screen on the fake machine */

TAP_FN void run_ms(unsigned ms)
{
	for (unsigned i = 0; i < ms; i += 10) {
		fake_clock_advance(10 * NS_PER_MS);
		fake_loop_settle();
	}
}

/* A node without network and identity. */
TAP_FN void make_node(void)
{
	event_init();
	pairing_init();
	vm_ctl_init();
	strcpy(node.name, "caisson-test");
	node.config = &config;
	config.nerrors = 0;
}

#endif
