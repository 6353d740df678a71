/* SPDX-License-Identifier: Apache-2.0 */
/* The log ring and its sinks. Any CPU, loop or interrupt-handler context (handlers never preempt host code, so
 * the lock is only ever contended between CPUs). Readers take no lock: each line carries its sequence number
 * before and after the copy, so that panic can read the tail while a stopped CPU still holds the lock.
 * Must not know what a sink does with a line. */
#include <core/arch.h>
#include <core/fmt.h>
#include <core/hal.h>
#include <core/arith.h>
#include <core/log.h>
#include <core/spinlock.h>
#include <stdatomic.h>
#include <string.h>

#define LOG_MAX_SINKS 4

struct log_line {
	_Atomic uint64_t stamp; /* sequence number + 1 of the text; 0 while it is being written */
	char text[LOG_LINE_MAX + 1];
};

static struct log_line log_ring[LOG_RING_LINES];
static _Atomic uint64_t log_seq; /* of the next line */
static const struct log_sink *log_sinks[LOG_MAX_SINKS];
static atomic_uint log_nsinks;
static struct spinlock log_lock;

static const char *level_word(enum log_level level)
{
	switch (level) {
	case LOG_WARN: return "warning: ";
	case LOG_ERROR: return "error: ";
	default: return "";
	}
}

/* Text may hold bytes chosen by a guest or a peer: nothing that a terminal would obey leaves here. */
static size_t text_sanitize(char *s, size_t n)
{
	while (n && (s[n - 1] == '\n' || s[n - 1] == '\r'))
		n--;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || (unsigned char)s[i] >= 0x7f)
			s[i] = s[i] == '\n' || s[i] == '\t' ? ' ' : '?';
	s[n] = '\0';
	return n;
}

static void ring_store(const char *text, size_t len)
{
	uint64_t seq = atomic_load_explicit(&log_seq, memory_order_relaxed);
	struct log_line *line = &log_ring[seq % LOG_RING_LINES];

	atomic_store_explicit(&line->stamp, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	memcpy(line->text, text, len + 1);
	atomic_store_explicit(&line->stamp, seq + 1, memory_order_release);
	atomic_store_explicit(&log_seq, seq + 1, memory_order_release);
}

void log_write(enum log_level level, const char *component, const char *f, ...)
{
	char text[LOG_LINE_MAX + 1];
	uint64_t us = hal_clock_ns() / NS_PER_US;
	size_t n;
	va_list ap;

	n = fmt_buf(text, sizeof text, "[%5llu.%06llu] %s: %s", (unsigned long long)(us / 1000000),
		    (unsigned long long)(us % 1000000), component, level_word(level));
	n = MIN(n, sizeof text - 1);
	va_start(ap, f);
	n += fmt_vbuf(text + n, sizeof text - n, f, ap);
	va_end(ap);
	n = text_sanitize(text, MIN(n, sizeof text - 1));

	spin_lock(&log_lock);
	ring_store(text, n);
	for (unsigned i = 0; i < atomic_load_explicit(&log_nsinks, memory_order_acquire); i++)
		if (level >= log_sinks[i]->min_level)
			log_sinks[i]->line(log_sinks[i]->ctx, level, text, n);
	spin_unlock(&log_lock);
}

void log_add_sink(const struct log_sink *sink)
{
	unsigned n;

	spin_lock(&log_lock);
	n = atomic_load_explicit(&log_nsinks, memory_order_relaxed);
	if (n < LOG_MAX_SINKS) {
		log_sinks[n] = sink;
		atomic_store_explicit(&log_nsinks, n + 1, memory_order_release);
	}
	spin_unlock(&log_lock);
	if (n >= LOG_MAX_SINKS)
		log_error("log", "more than %d sinks; one stays silent", LOG_MAX_SINKS);
}

bool log_read(uint64_t seq, char *dst)
{
	struct log_line *line = &log_ring[seq % LOG_RING_LINES];

	if (atomic_load_explicit(&line->stamp, memory_order_acquire) != seq + 1)
		return false;
	memcpy(dst, line->text, sizeof line->text);
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&line->stamp, memory_order_relaxed) != seq + 1)
		return false;
	dst[LOG_LINE_MAX] = '\0';
	return true;
}

uint64_t log_next_seq(void)
{
	return atomic_load_explicit(&log_seq, memory_order_acquire);
}

void log_break_lock(void)
{
	spin_init(&log_lock);
}

bool log_allowed(struct log_limit *l, uint32_t burst)
{
	uint64_t now = hal_clock_ns();

	if (now - l->window_start_ns >= NS_PER_S || l->count == 0) {
		l->window_start_ns = now;
		l->count = 0;
	}
	if (l->count >= burst) {
		l->dropped++;
		return false;
	}
	l->count++;
	return true;
}
