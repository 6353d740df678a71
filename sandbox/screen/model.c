/* SPDX-License-Identifier: Apache-2.0 */
/* The status view: facts into a frame of any size. What matters most stands at the top, the log's tail fills the rest. Pure. */
#include <core/arith.h>
#include <core/fmt.h>
#include <core/log.h>
#include <string.h>
#include "screen_impl.h"

enum { TEXT_COL = 8, LOG_ROWS_MIN = 6, ERRORS_SHOWN = 3 };
/* Columns of the table of guests. */
enum { COL_STATE = 20, COL_VCPUS = 30, COL_MEMORY = 37, COL_UPTIME = 49, COL_REASON = 63 };

void screen_format_uptime(uint64_t ns, char *dst, size_t size)
{
	uint64_t s = ns / NS_PER_S;
	unsigned h = (unsigned)(s / 3600 % 24), m = (unsigned)(s / 60 % 60), sec = (unsigned)(s % 60);

	if (s >= 86400)
		fmt_buf(dst, size, "%llud %02u:%02u:%02u", (unsigned long long)(s / 86400), h, m, sec);
	else
		fmt_buf(dst, size, "%u:%02u:%02u", h, m, sec);
}

static void draw_header(struct screen_frame *f, const struct screen_facts *x)
{
	char uptime[32], right[80];
	size_t n;
	unsigned col;

	screen_format_uptime(x->uptime_ns, uptime, sizeof(uptime));
	/* "2026-01-01T00:00:00.000Z" without the fraction. */
	n = x->utc[0] ? fmt_buf(right, sizeof(right), "up %s  %.10s %.8s UTC", uptime, x->utc, x->utc + 11)
		      : fmt_buf(right, sizeof(right), "up %s  time unknown", uptime);
	col = screen_putf(f, 0, 0, FB_ACCENT, "Caisson %s", x->version);
	col = screen_put(f, col + 2, 0, FB_BRIGHT, x->name);
	if (f->cols >= col + 2 + n)
		screen_put(f, f->cols - (unsigned)n, 0, FB_FG, right);
	else
		screen_put(f, col + 2, 0, FB_FG, right);
}

static unsigned mib(uint64_t pages)
{
	return (unsigned)(pages / (MIB / PAGE_SIZE));
}

static void draw_machine(struct screen_frame *f, unsigned *row, const struct screen_facts *x)
{
	unsigned col;

	screen_put(f, 0, *row, FB_DIM, "CPU");
	col = screen_putf(f, TEXT_COL, *row, FB_FG, "%u%% host, %u%% guests", x->host_percent, x->guest_percent);
	screen_putf(f, col + 2, (*row)++, FB_DIM, "%u x %s", x->ncpus, x->cpu_model);
	screen_put(f, 0, *row, FB_DIM, "Memory");
	col = screen_putf(f, TEXT_COL, *row, FB_FG, "%u MiB host, %u MiB guests, %u MiB free", mib(x->pages.host), mib(x->pages.guest), mib(x->pages.free));
	screen_putf(f, col + 2, (*row)++, FB_DIM, "of %u MiB", mib(x->pages.total));
}

/* Whole addresses, as many as fit. */
static void draw_addresses(struct screen_frame *f, unsigned *row, const struct screen_facts *x)
{
	unsigned col = TEXT_COL;

	screen_put(f, 0, *row, FB_DIM, "Address");
	if (!x->naddresses)
		screen_put(f, col, *row, FB_WARN, "none yet");
	for (unsigned i = 0; i < x->naddresses && (i == 0 || col + strlen(x->addresses[i]) <= f->cols); i++)
		col = screen_put(f, col, *row, FB_BRIGHT, x->addresses[i]) + 2;
	(*row)++;
}

/* The fingerprint is there to be compared: it is never cut. */
static void draw_fingerprint(struct screen_frame *f, unsigned *row, const char *fingerprint)
{
	unsigned room = f->cols > TEXT_COL ? f->cols - TEXT_COL : 1;

	screen_put(f, 0, *row, FB_DIM, "CA");
	for (size_t i = 0; i < strlen(fingerprint); i += room)
		screen_putf(f, TEXT_COL, (*row)++, FB_FG, "%.*s", (int)room, fingerprint + i);
}

static void draw_access(struct screen_frame *f, unsigned *row, const struct screen_facts *x)
{
	draw_addresses(f, row, x);
	screen_put(f, 0, *row, FB_DIM, "API");
	screen_put(f, TEXT_COL, (*row)++, x->url[0] ? FB_BRIGHT : FB_WARN, x->url[0] ? x->url : "not up yet");
	if (x->fingerprint[0])
		draw_fingerprint(f, row, x->fingerprint);
	screen_put(f, 0, *row, FB_DIM, "Pairing");
	if (x->code[0])
		screen_put(f, TEXT_COL, (*row)++, FB_ACCENT, x->code);
	else
		screen_put(f, TEXT_COL, (*row)++, FB_WARN, x->code_burnt ? "burnt by wrong codes; a new one is made in at most 10 minutes" : "no code yet");
}

static void draw_config(struct screen_frame *f, unsigned *row, const struct screen_facts *x)
{
	unsigned n = x->config ? x->config->nerrors : 0;

	if (n)
		screen_put(f, 0, *row, FB_WARN, "Config");
	for (unsigned i = 0; i < MIN(n, (unsigned)ERRORS_SHOWN); i++)
		screen_put(f, TEXT_COL, (*row)++, FB_WARN, x->config->errors[i]);
	if (n > ERRORS_SHOWN)
		screen_putf(f, TEXT_COL, (*row)++, FB_WARN, "and %u more in the log", n - ERRORS_SHOWN);
}

static enum fb_color state_color(enum vm_state s)
{
	switch (s) {
	case VM_RUNNING: return FB_OK;
	case VM_CRASHED: return FB_ERR;
	case VM_PAUSED: return FB_WARN;
	default: return FB_DIM;
	}
}

static void draw_guest(struct screen_frame *f, unsigned row, const struct screen_guest *g)
{
	char uptime[32];

	screen_putf(f, 0, row, FB_BRIGHT, "%.*s", COL_STATE - 1, g->name);
	screen_put(f, COL_STATE, row, state_color(g->state), vm_state_name(g->state));
	screen_putf(f, COL_VCPUS, row, FB_FG, "%5u", g->vcpus);
	screen_putf(f, COL_MEMORY, row, FB_FG, "%6u MiB", g->memory_mib);
	if (g->uptime_ns) {
		screen_format_uptime(g->uptime_ns, uptime, sizeof(uptime));
		screen_putf(f, COL_UPTIME, row, FB_FG, "%12s", uptime);
	}
	screen_put(f, COL_REASON, row, FB_FG, g->reason);
}

static void draw_guests(struct screen_frame *f, unsigned *row, const struct screen_facts *x)
{
	/* At least one guest is shown, and some rows are left for the log. */
	unsigned room = f->rows > *row + LOG_ROWS_MIN + 3 ? f->rows - *row - LOG_ROWS_MIN - 2 : 1;
	unsigned shown = x->total_guests <= room ? x->nguests : MIN(x->nguests, room > 1 ? room - 1 : 1);

	if (x->no_guests_reason[0]) {
		screen_put(f, 0, *row, FB_WARN, "Guests cannot run on this machine:");
		screen_put(f, 35, (*row)++, FB_WARN, x->no_guests_reason);
	}
	screen_put(f, 0, *row, FB_DIM, x->total_guests ? "GUEST" : "No guests");
	if (x->total_guests) {
		screen_put(f, COL_STATE, *row, FB_DIM, "STATE");
		screen_put(f, COL_VCPUS, *row, FB_DIM, "VCPUS");
		screen_put(f, COL_MEMORY, *row, FB_DIM, "    MEMORY");
		screen_put(f, COL_UPTIME, *row, FB_DIM, "      UPTIME");
		screen_put(f, COL_REASON, *row, FB_DIM, "REASON");
	}
	(*row)++;
	for (unsigned i = 0; i < shown; i++)
		draw_guest(f, (*row)++, &x->guests[i]);
	if (shown < x->total_guests)
		screen_putf(f, 0, (*row)++, FB_DIM, "and %u more", x->total_guests - shown);
}

void screen_draw_status(struct screen_frame *f, const struct screen_facts *x, bool keys)
{
	unsigned row = 2, bottom = f->rows;

	screen_frame_clear(f);
	draw_header(f, x);
	draw_machine(f, &row, x);
	draw_access(f, &row, x);
	draw_config(f, &row, x);
	row++;
	draw_guests(f, &row, x);
	row++;
	if (keys && f->rows > 1) {
		bottom--;
		for (unsigned i = 0; i < f->cols; i++) /* over whatever did not fit */
			screen_put(f, i, bottom, FB_FG, " ");
		screen_put(f, 0, bottom, FB_DIM, "l log");
	}
	screen_draw_log(f, row, bottom, log_next_seq());
}
