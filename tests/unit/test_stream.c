/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: the in-memory pair, and the blocking helpers on top of it, with tasks on the fake machine. */
#include "../fake/fake.h"
#include "tap.h"
#include <core/arith.h>
#include <net/stream.h>

static struct stream *a, *b;
static char got_text[4096];
static size_t got_len;
static err_t result;
static bool finished;

static void start(void (*fn)(void *))
{
	finished = false;
	if (task_create("t", fn, NULL, 16384, NULL) != OK)
		ok(false, "task_create");
}

static void pair(size_t cap)
{
	if (stream_pair(cap, &a, &b) != OK)
		ok(false, "stream_pair");
}

static void test_pair(void)
{
	char buf[16];
	size_t n = 0;

	pair(8);
	ok(b->ops->read(b, buf, 8, &n) == E_AGAIN, "nothing to read");
	ok(a->ops->write(a, "0123456789", 10, &n) == OK && n == 8, "as much as there is room for");
	ok(a->ops->write(a, "x", 1, &n) == E_AGAIN, "full");
	ok(b->ops->read(b, buf, 5, &n) == OK && n == 5 && !memcmp(buf, "01234", 5), "read some");
	ok(a->ops->write(a, "abcdef", 6, &n) == OK && n == 5, "the ring wraps");
	ok(b->ops->read(b, buf, 16, &n) == OK && n == 8 && !memcmp(buf, "567abcde", 8), "in order");
	ok(a->ops->write(a, "end", 3, &n) == OK, "last words");
	a->ops->finish(a);
	ok(a->ops->write(a, "x", 1, &n) == E_CLOSED, "no writing after finish");
	ok(b->ops->read(b, buf, 16, &n) == OK && n == 3, "last words arrive");
	ok(b->ops->read(b, buf, 16, &n) == E_CLOSED, "then the end");
	ok(b->ops->write(b, "yes", 3, &n) == OK && a->ops->read(a, buf, 16, &n) == OK && n == 3, "the other direction is still open");
	stream_close(a);
	ok(b->ops->write(b, "x", 1, &n) == E_CLOSED, "nobody reads any more");
	stream_close(b);
	pair(8);
	ok(a->ops->write(a, "lost", 4, &n) == OK, "write");
	a->ops->abort(a);
	ok(b->ops->read(b, buf, 16, &n) == E_IO && b->ops->write(b, "x", 1, &n) == E_IO, "abort breaks both directions");
	stream_close(a);
	stream_close(b);
	stream_close(NULL);
	ok(stream_pair(0, &a, &b) == E_NOMEM, "no capacity");
}

static void reader(void *arg)
{
	(void)arg;
	while ((result = stream_read_some(b, got_text + got_len, 7, &(size_t){ 0 }, hal_clock_ns() + NS_PER_S)) == OK)
		got_len += 7;
	finished = true;
}

static void writer(void *arg)
{
	static char text[700];

	(void)arg;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)('a' + i % 26);
	result = stream_write_all(a, text, sizeof text, UINT64_MAX);
	a->ops->finish(a);
}

static bool is_finished(void *ctx)
{
	(void)ctx;
	return finished;
}

static void test_blocking(void)
{
	bool same = true;

	pair(21);
	got_len = 0;
	start(reader);
	start(writer);
	ok(fake_loop_until(is_finished, NULL, hal_clock_ns() + 10 * NS_PER_S), "a writer and a reader over a small ring");
	ok(result == E_CLOSED && got_len == 700, "everything, then the end");
	for (size_t i = 0; i < 700; i++)
		same = same && got_text[i] == (char)('a' + i % 26);
	ok(same, "unchanged");
	stream_close(a);
	stream_close(b);
}

static void test_timeout(void)
{
	uint64_t before = hal_clock_ns();

	pair(8);
	start(reader);
	ok(fake_loop_until(is_finished, NULL, before + 10 * NS_PER_S) && result == E_TIMEOUT, "a read times out");
	ok_eq(hal_clock_ns() - before, NS_PER_S, "at its deadline");
	stream_close(a);
	stream_close(b);
}

static void lingerer(void *arg)
{
	(void)arg;
	stream_linger_close(b, 1000, hal_clock_ns() + NS_PER_S);
	finished = true;
}

static void test_linger(void)
{
	size_t n = 0;

	pair(64);
	start(lingerer);
	fake_loop_settle();
	ok(!finished && a->ops->read(a, got_text, 8, &n) == E_CLOSED, "the end is told at once");
	for (int i = 0; i < 5; i++) {
		ok(a->ops->write(a, "still talking", 13, &n) == OK, "the peer goes on");
		fake_loop_settle();
	}
	ok(!finished, "and is listened to");
	stream_close(a);
	fake_loop_settle();
	ok(finished, "until it ends");

	pair(64);
	start(lingerer);
	for (int i = 0; i < 100 && !finished; i++) {
		if (a->ops->write(a, "0123456789012345678901234567890123456789", 40, &n) == E_CLOSED)
			break;
		fake_loop_settle();
	}
	ok(finished, "or has sent too much");
	stream_close(a);

	pair(64);
	start(lingerer);
	ok(fake_loop_until(is_finished, NULL, hal_clock_ns() + 2 * NS_PER_S), "or the time is over");
	stream_close(a);
}

static unsigned events;

static void on_event(void *ctx)
{
	events += ctx == &events;
}

static void test_event(void)
{
	size_t n;

	pair(8);
	b->event = on_event;
	b->event_ctx = &events;
	ok(a->ops->write(a, "x", 1, &n) == OK && events == 1, "a layer above hears of input");
	stream_close(a);
	ok(events >= 2, "and of the end");
	stream_close(b);
}

int main(void)
{
	fake_init(32 << 20, 1);
	test_pair();
	test_blocking();
	test_timeout();
	test_linger();
	test_event();
	return tap_done();
}
