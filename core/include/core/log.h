/* SPDX-License-Identifier: Apache-2.0 */
/* The log: one ring in memory, mirrored to the sinks (serial, screen). Any CPU, any
 * context but NMI. Lines are at most LOG_LINE_MAX bytes; longer ones are cut. */
#ifndef CORE_LOG_H
#define CORE_LOG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX 240
#define LOG_RING_LINES 512

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* component: a short literal such as "pci". */
void log_write(enum log_level level, const char *component, const char *f, ...)
	__attribute__((format(printf, 3, 4)));
#define log_debug(c, ...) log_write(LOG_DEBUG, (c), __VA_ARGS__)
#define log_info(c, ...) log_write(LOG_INFO, (c), __VA_ARGS__)
#define log_warn(c, ...) log_write(LOG_WARN, (c), __VA_ARGS__)
#define log_error(c, ...) log_write(LOG_ERROR, (c), __VA_ARGS__)

/* A sink gets each formatted line without a newline, under the log's lock: it must not log. */
struct log_sink {
	void (*line)(void *ctx, enum log_level level, const char *text, size_t len);
	void *ctx;
	enum log_level min_level;
};
/* At most 4 sinks; static storage; never removed. */
void log_add_sink(const struct log_sink *sink);

/* log_read copies line seq (counted from 0 at boot) into dst (LOG_LINE_MAX + 1 bytes) and returns
 * true; false when it is not yet written or already overwritten. */
bool log_read(uint64_t seq, char *dst);
/* log_next_seq: the sequence number that the next line will get. */
uint64_t log_next_seq(void);

/* For panic alone, once the other CPUs are stopped: frees the log's lock, which one of them may have held. */
void log_break_lock(void);

/* Rate limit helper for messages that a guest or a peer can cause: true at most burst times per
 * second; the caller's static or per-object struct. */
struct log_limit { uint64_t window_start_ns; uint32_t count, dropped; };
bool log_allowed(struct log_limit *l, uint32_t burst);

#endif
