/* SPDX-License-Identifier: Apache-2.0 */
/* A console object: the log ring with readers at their own pace, the one writer, and who frees it when. */
#include <core/arith.h>
#include <fake/fake.h>
#include <sandbox/console.h>
#include <stdlib.h>
#include <unit/tap.h>

static struct wait_queue queue;
static unsigned woken;
static char got[CONSOLE_LOG + 1];

static void write_text(struct console *c, const char *s)
{
	if (c->dev.ops->write(&c->dev, s, strlen(s)) != strlen(s))
		ok(false, "the console takes everything");
}

static const char *read_all(struct console *c, struct console_reader *r)
{
	got[console_read(c, r, got, CONSOLE_LOG)] = '\0';
	return got;
}

static void waiter(void *arg)
{
	(void)arg;
	for (;;) {
		wait_on(&queue);
		woken++;
	}
}

static void test_readers(struct console *c)
{
	struct console_reader a, b, late;
	char two[3] = "";

	console_attach(c, &a, 100, &queue);
	console_attach(c, &b, 100, &queue);
	write_text(c, "hello");
	fake_loop_settle();
	ok_eq(woken, 1, "output wakes");
	ok_str(read_all(c, &a), "hello", "a reader");
	ok_str(read_all(c, &a), "", "once");
	ok_eq(console_read(c, &b, two, 2), 2, "another in pieces");
	ok_str(two, "he", "the first");
	write_text(c, " world");
	ok_str(read_all(c, &b), "llo world", "and the rest");
	ok_str(read_all(c, &a), " world", "each has a place of its own");
	console_attach(c, &late, 5, &queue);
	ok_str(read_all(c, &late), "world", "a late one gets the backlog that it asked for");
	console_detach(c, &late);
	console_attach(c, &late, 0, &queue);
	ok_str(read_all(c, &late), "", "or none");
	console_detach(c, &a);
	console_detach(c, &b);
	console_detach(c, &late);
}

static void test_overrun(struct console *c)
{
	static char flood[3 * CONSOLE_LOG + 7];
	struct console_reader slow;

	ok(c->pages[0].v && !c->pages[1].v, "it costs what has been written");
	for (size_t i = 0; i < sizeof(flood); i++)
		flood[i] = (char)('a' + i % 23);
	console_attach(c, &slow, 0, &queue);
	for (unsigned i = 0; i < 5; i++)
		c->dev.ops->write(&c->dev, flood, CONSOLE_LOG / 3);
	ok_eq(console_read(c, &slow, got, sizeof(got)), CONSOLE_LOG, "who falls behind loses the oldest");
	ok_mem(got + CONSOLE_LOG - CONSOLE_LOG / 3, flood, CONSOLE_LOG / 3, "and gets the newest");
	c->dev.ops->write(&c->dev, flood, sizeof(flood));
	ok_eq(console_read(c, &slow, got, sizeof(got)), CONSOLE_LOG, "a write larger than the log");
	ok_mem(got, flood + sizeof(flood) - CONSOLE_LOG, CONSOLE_LOG, "leaves its end");
	console_detach(c, &slow);
	console_attach(c, &slow, SIZE_MAX, &queue);
	ok_eq(console_read(c, &slow, got, sizeof(got)), CONSOLE_LOG, "the whole log");
	console_detach(c, &slow);
	c->dev.ops->write(&c->dev, flood, 0);
	fake_loop_settle();
}

static void test_writer(struct console *c)
{
	struct console_reader r;
	int one, two;

	console_attach(c, &r, 0, &queue);
	ok(console_claim(c, &one) && console_claim(c, &one), "the first may type");
	ok(!console_claim(c, &two), "the second not");
	console_release(c, &two);
	ok(!console_claim(c, &two), "who has no right cannot give it back");
	woken = 0;
	console_release(c, &one);
	fake_loop_settle();
	ok_eq(woken, 1, "release wakes those who wait");
	ok(console_claim(c, &two), "and the next may type");
	console_release(c, &two);
	console_detach(c, &r);
}

/* The sanitizer's leak check and use-after-free check are the judges here. */
static void test_lifetime(void)
{
	struct console *c = console_new();
	struct console_reader r;

	console_attach(c, &r, 0, &queue);
	console_ref(c);
	write_text(c, "last words");
	console_close(c);
	console_unref(c); /* the VM's */
	fake_loop_settle();
	ok(c->closed, "closed, but a reader holds it");
	ok_str(read_all(c, &r), "last words", "and reads to the end");
	console_detach(c, &r);
	write_text(c, "x"); /* a wake is under way when the last reference goes */
	console_unref(c);
	fake_loop_settle();
	c = console_new();
	console_unref(c);
	console_unref(NULL);
	fake_loop_settle();
	ok(true, "freed once");
}

/* A guest that writes byte by byte from another CPU must not have CPU 0 interrupted for each. */
static void test_flood(void)
{
	struct console *c = console_new();
	struct console_reader r;
	unsigned ipis, woke;

	console_attach(c, &r, 0, &queue);
	fake_clock_advance(10 * NS_PER_MS);
	fake_loop_settle();
	ipis = fake_ipi_count(0);
	woke = woken;
	for (unsigned i = 0; i < 10000; i++) {
		fake_cpu_set(1);
		write_text(c, "x");
		fake_cpu_set(0);
		fake_clock_advance(1000);
		(void)loop_turn();
	}
	ok(fake_ipi_count(0) - ipis <= 12, "ten thousand bytes in ten milliseconds interrupt CPU 0 %u times", fake_ipi_count(0) - ipis);
	ok(woken - woke >= 10 && woken - woke <= 24, "and wake the reader %u times", woken - woke);
	fake_clock_advance(10 * NS_PER_MS);
	fake_loop_settle();
	ok_eq(strlen(read_all(c, &r)), 10000, "who misses nothing");
	woke = woken;
	fake_clock_advance(10 * NS_PER_MS);
	fake_loop_settle();
	ok_eq(woken, woke, "and is left alone when there is nothing");
	write_text(c, "y");
	fake_loop_settle();
	ok_eq(woken, woke + 1, "after a pause output wakes at once");
	write_text(c, "z");
	console_detach(c, &r);
	console_unref(c);
	fake_loop_settle();
	fake_clock_advance(10 * NS_PER_MS);
	fake_loop_settle();
	ok(true, "freed while a wake was due");
}

int main(void)
{
	struct console *c;
	struct task *t;

	fake_init(16 * MIB, 2);
	wait_init(&queue);
	if (task_create("waiter", waiter, NULL, 32768, &t) != OK)
		return 1;
	fake_loop_settle();
	c = console_new();
	test_readers(c);
	test_overrun(c);
	test_writer(c);
	console_unref(c);
	fake_loop_settle();
	test_lifetime();
	test_flood();
	return tap_done();
}
