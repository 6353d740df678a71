/* SPDX-License-Identifier: Apache-2.0 */
/* The log: ring, sinks, cutting, hostile bytes, rate limit, and readers racing writers on real threads. */
#include "../fake/fake.h"
#include "tap.h"
#include <core/arith.h>
#include <core/log.h>
#include <pthread.h>
#include <stdatomic.h>

static char sink_text[LOG_LINE_MAX + 1];
static size_t sink_len;
static unsigned sink_lines;
static enum log_level sink_level;

static void sink_line(void *ctx, enum log_level level, const char *text, size_t len)
{
	(void)ctx;
	memcpy(sink_text, text, len + 1);
	sink_len = len;
	sink_level = level;
	sink_lines++;
}

static const struct log_sink sink = { .line = sink_line, .min_level = LOG_INFO };

static void test_lines(void)
{
	char b[LOG_LINE_MAX + 1], longer[500];
	uint64_t first = log_next_seq();

	fake_clock_advance(12345678000ull);
	log_info("pci", "found %d devices", 3);
	ok(log_read(first, b), "the line can be read");
	ok_str(b, "[   12.345678] pci: found 3 devices", "its text");
	ok_str(sink_text, b, "the sink got the same");
	ok(sink_len == strlen(b) && sink_level == LOG_INFO, "with length and level");
	log_debug("pci", "hidden");
	ok_str(sink_text, b, "the sink does not get what is below its level");
	log_warn("pci", "odd\n");
	ok_str(sink_text, "[   12.345678] pci: warning: odd", "a warning says so, without its newline");
	log_error("vm", "guest says \033[2J\x07\x80 a\nb");
	ok_str(sink_text, "[   12.345678] vm: error: guest says ?[2J?? a b", "nothing for a terminal to obey");
	memset(longer, 'x', sizeof longer);
	longer[sizeof longer - 1] = 0;
	log_info("x", "%s", longer);
	ok_eq(sink_len, LOG_LINE_MAX, "a long line is cut");
	ok(!log_read(log_next_seq(), b), "a line that is not there yet");
}

static void test_wrap(void)
{
	char b[LOG_LINE_MAX + 1];
	uint64_t first = log_next_seq();

	for (int i = 0; i < LOG_RING_LINES + 10; i++)
		log_info("n", "%d", i);
	ok(!log_read(first + 9, b), "an overwritten line is gone");
	ok(log_read(first + 10, b) && strstr(b, "n: 10"), "the oldest one is there");
	ok(log_read(log_next_seq() - 1, b), "so is the newest");
}

static void test_limit(void)
{
	struct log_limit l = {0};
	unsigned n = 0;

	for (int i = 0; i < 100; i++)
		n += log_allowed(&l, 5);
	ok(n == 5 && l.dropped == 95, "five of a hundred in a second");
	fake_clock_advance(NS_PER_S);
	ok(log_allowed(&l, 5), "and again in the next");
}

static atomic_bool stop;

static void *writer(void *arg)
{
	char letters[LOG_LINE_MAX + 1];

	memset(letters, *(char *)arg, 200);
	letters[200] = 0;
	for (int i = 0; i < 4000; i++)
		log_debug("t", "%s", letters);
	return NULL;
}

static void *reader(void *arg)
{
	char b[LOG_LINE_MAX + 1], *text;
	uint64_t *torn = arg;

	while (!atomic_load(&stop)) {
		if (!log_read(log_next_seq() - 1, b) || !(text = strstr(b, " t: ")))
			continue;
		text += 4;
		for (unsigned i = 0; i < 200; i++)
			*torn += text[i] != text[0];
	}
	return NULL;
}

static void test_threads(void)
{
	static char names[2] = { 'a', 'b' };
	uint64_t torn = 0, before = log_next_seq();
	pthread_t w[2], r;

	pthread_create(&r, NULL, reader, &torn);
	for (int i = 0; i < 2; i++)
		pthread_create(&w[i], NULL, writer, &names[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(w[i], NULL);
	atomic_store(&stop, true);
	pthread_join(r, NULL);
	ok_eq(log_next_seq() - before, 8000, "no line is lost between writers");
	ok_eq(torn, 0, "no reader sees a torn line");
}

int main(void)
{
	log_add_sink(&sink);
	test_lines();
	test_wrap();
	test_limit();
	test_threads();
	log_break_lock(); /* as a panic does, whether it is held or not */
	log_info("log", "after a break");
	log_info("log", "and once more");
	ok(strstr(sink_text, "and once more"), "the log goes on after its lock was broken");
	for (int i = 0; i < 4; i++)
		log_add_sink(&sink);
	ok(strstr(sink_text, "more than 4 sinks"), "one sink too many is told");
	return tap_done();
}
