/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the local screen share: facts are collected, drawn into a frame of cells, and the frame goes to the framebuffer
 * and the serial terminal by what changed. CPU 0, loop context, except the log sink. */
#ifndef SANDBOX_SCREEN_IMPL_H
#define SANDBOX_SCREEN_IMPL_H
#include <core/err.h>
#include <core/fbcon.h>
#include <core/page.h>
#include <net/tls.h>
#include <sandbox/node.h>
#include <sandbox/pairing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- frame.c: a grid of cells */

#define SCREEN_MAX_COLS 240
#define SCREEN_MAX_ROWS 120

struct screen_cell { char c; uint8_t color; /* enum fb_color */ };
struct screen_frame { unsigned cols, rows; struct screen_cell *cells; };
/* Blank, cut to the largest size. E_NOMEM: unchanged. */
err_t screen_frame_resize(struct screen_frame *f, unsigned cols, unsigned rows) MUST_CHECK;
void screen_frame_fini(struct screen_frame *f);
void screen_frame_clear(struct screen_frame *f);
/* Cut at the edges; what is not printable ASCII becomes '?'. Returns the column behind the text. */
unsigned screen_put(struct screen_frame *f, unsigned col, unsigned row, enum fb_color color, const char *text);
unsigned screen_putf(struct screen_frame *f, unsigned col, unsigned row, enum fb_color color, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
bool screen_cell_same(struct screen_cell a, struct screen_cell b); /* blanks have no colour */

/* ---- facts.c: what is to be shown, copied from the node's objects */

#define SCREEN_MAX_GUESTS 64
#define SCREEN_MAX_ADDRESSES 8

struct screen_guest {
	char name[VM_NAME_MAX + 1], reason[VM_REASON_MAX];
	enum vm_state state;
	unsigned vcpus, memory_mib;
	uint64_t uptime_ns;
};
struct screen_facts {
	char name[64], version[CAISSON_VERSION_TEXT_MAX], utc[25], cpu_model[64];
	uint64_t uptime_ns;
	unsigned ncpus, host_percent, guest_percent;
	struct page_stats pages;
	char addresses[SCREEN_MAX_ADDRESSES][46]; unsigned naddresses;
	char url[80], fingerprint[TLS_FINGERPRINT_LEN], code[PAIRING_CODE_LEN + 1]; /* "": none */
	bool code_burnt;
	char no_guests_reason[128];           /* "": guests can run */
	const struct config *config;          /* its mistakes; may be NULL */
	struct screen_guest guests[SCREEN_MAX_GUESTS]; unsigned nguests; /* kept; of */
	unsigned total_guests;
};
/* CPU time at the last look; zeroed at first. */
struct screen_sampler { uint64_t at_ns, host_ns, guest_ns; unsigned host_percent, guest_percent; bool primed; };
void screen_facts_collect(struct screen_facts *f, struct screen_sampler *s);

/* ---- model.c, log_view.c: facts to frame */

/* keys: there is somebody who can type, so the last row names the keys. */
void screen_draw_status(struct screen_frame *f, const struct screen_facts *x, bool keys);
/* As many lines before end_seq as fit into [top, bottom); long ones take several rows. */
void screen_draw_log(struct screen_frame *f, unsigned top, unsigned bottom, uint64_t end_seq);
void screen_draw_log_view(struct screen_frame *f, uint64_t end_seq);
void screen_format_uptime(uint64_t ns, char *dst, size_t size); /* "3d 04:05:06" */

/* ---- fb.c, tty.c: frame to glass */

void screen_fb_draw(const struct screen_frame *f);

struct screen_tty { struct screen_frame shown; bool known; /* what the terminal shows is known to be shown */ };
/* E_NOMEM. A terminal of another size or content: all is drawn again. */
err_t screen_tty_resize(struct screen_tty *t, unsigned cols, unsigned rows) MUST_CHECK;
/* Sends what differs, at most some hundred bytes; true when there is more to send. Nothing when nothing differs. */
bool screen_tty_draw(struct screen_tty *t, const struct screen_frame *f);
void screen_tty_ask_size(void);

/* ---- keys.c: bytes from the terminal to keys */

enum screen_key { KEY_NONE, KEY_OTHER, KEY_LOG, KEY_STATUS, KEY_REDRAW, KEY_UP, KEY_DOWN, KEY_PAGE_UP, KEY_PAGE_DOWN, KEY_SIZE };
struct screen_keys {
	unsigned state, nparams;
	unsigned params[2];
	unsigned cols, rows; /* with KEY_SIZE: the answer to screen_tty_ask_size */
};
enum screen_key screen_keys_byte(struct screen_keys *k, char c);

/* ---- plain.c: lines for serial ports without a terminal */

struct screen_plain { char url[80], code[PAIRING_CODE_LEN + 1]; bool told; };
/* Writes the lines that scripts read when the API came up or the code changed. */
void screen_plain_update(struct screen_plain *p, const struct screen_facts *x);
/* Any CPU. on_line is told of each line while the log does not go to the serial port. */
void screen_sink_mute(void (*on_line)(void));

#endif
