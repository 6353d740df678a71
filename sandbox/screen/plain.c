/* SPDX-License-Identifier: Apache-2.0 */
/* The serial port without a terminal: the log line by line, and three lines that scripts read (docs/config.md). The sink runs on any
 * CPU under the log's lock, from the first line of the boot: it uses no libc state and logs nothing. The rest: CPU 0. */
#include <core/arith.h>
#include <core/fmt.h>
#include <core/uart.h>
#include <sandbox/screen.h>
#include <stdatomic.h>
#include <string.h>
#include "screen_impl.h"

static _Atomic(void (*)(void)) muted; /* NULL: lines go out */

static void sink_line(void *ctx, enum log_level level, const char *text, size_t len)
{
	void (*on_line)(void) = atomic_load_explicit(&muted, memory_order_relaxed);
	char line[LOG_LINE_MAX + 2];

	(void)ctx;
	(void)level;
	if (on_line) {
		on_line();
		return;
	}
	len = MIN(len, (size_t)LOG_LINE_MAX);
	memcpy(line, text, len);
	line[len] = '\n'; /* one write: lines of several CPUs do not mix */
	uart_write(line, len + 1);
}

const struct log_sink screen_serial_sink = {.line = sink_line, .min_level = LOG_INFO};

void screen_sink_mute(void (*on_line)(void))
{
	atomic_store_explicit(&muted, on_line, memory_order_relaxed);
}

void screen_plain_update(struct screen_plain *p, const struct screen_facts *x)
{
	char text[320];
	size_t n;

	if (!x->url[0] || (p->told && !strcmp(p->url, x->url) && !strcmp(p->code, x->code)))
		return;
	n = fmt_buf(text, sizeof(text), "api: %s\nfingerprint: %s\npairing code: %s\n", x->url, x->fingerprint,
		    x->code[0] ? x->code : "none until a new one is made");
	uart_write(text, MIN(n, sizeof(text) - 1));
	memcpy(p->url, x->url, sizeof(p->url));
	memcpy(p->code, x->code, sizeof(p->code));
	p->told = true;
}
