/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop and its mailboxes: order within a turn, no lost wake-up around idling, no starvation between host work
 * and vCPUs, statistics, and posting from many real threads at once. */
#include "../fake/fake.h"
#include "tap.h"
#include <core/arith.h>
#include <core/sched.h>
#include <core/task.h>
#include <pthread.h>
#include <sched.h>

static char trace[256];

static void say(char c)
{
	size_t n = strlen(trace);

	if (n + 1 < sizeof trace) {
		trace[n] = c;
		trace[n + 1] = 0;
	}
}

struct note { struct work w; char name; unsigned runs; };

static void note_run(struct work *w)
{
	struct note *n = container_of(w, struct note, w);

	say(n->name);
	n->runs++;
}

static void note_init(struct note *n, char name)
{
	*n = (struct note){ .name = name };
	work_init(&n->w, note_run);
}

static void timer_run(struct timer *t) { (void)t; say('T'); }
static void task_run(void *arg) { (void)arg; say('K'); }
static void irq_run(void *ctx) { say('I'); work_post(0, ctx); }

static uint64_t slice_limit;
static unsigned slices;

static void vcpu_run(struct sched_entity *se, uint64_t until_ns)
{
	say('V');
	slices++;
	slice_limit = until_ns - hal_clock_ns();
	fake_clock_set(MIN(until_ns, fake_timer_deadline(hal_cpu_id())));
	(void)se;
}

static void test_order(void)
{
	static struct note a, b;
	static struct timer t;
	static struct sched_entity se;
	struct hal_msi msi;

	note_init(&a, 'a'), note_init(&b, 'b');
	timer_init(&t, timer_run);
	sched_entity_init(&se, vcpu_run, 100);
	sched_add(&se);
	CHECK(hal_msi_alloc(0, 0, irq_run, &b.w, &msi) == OK);
	CHECK(task_create("k", task_run, NULL, 8192, NULL) == OK);
	timer_set(&t, hal_clock_ns());
	work_post(0, &a.w);
	work_post(0, &a.w);
	fake_msi_raise(&msi);
	ok(loop_turn(), "a turn with a runnable vCPU wants another");
	ok_str(trace, "IabTKV", "interrupt, mail in order and once per post, timer, task, then the vCPU");
	ok_eq(slice_limit, SCHED_SLICE_NS, "which gets a full slice when no one waits");
	sched_remove(&se);
	ok(!loop_turn(), "with nothing left the loop may idle");
}

static struct note late;

static void idle_post(void *ctx)
{
	(void)ctx;
	say('i');
	fake_cpu_set(1); /* from another CPU, between the last look and the sleep */
	work_post(0, &late.w);
	fake_cpu_set(0);
	fake_idle_hook(NULL, NULL);
}

static bool late_ran(void *ctx)
{
	(void)ctx;
	return late.runs > 0;
}

static void test_wakeups(void)
{
	unsigned before = fake_ipi_count(0);
	static struct note other;

	trace[0] = 0;
	note_init(&late, 'L'), note_init(&other, 'O');
	fake_idle_hook(idle_post, NULL);
	ok(fake_loop_until(late_ran, NULL, UINT64_MAX), "mail that arrives while idling is run");
	ok_str(trace, "iL", "right after it");
	ok_eq(fake_ipi_count(0) - before, 1, "one IPI for it");
	work_post(0, &late.w);
	ok_eq(fake_ipi_count(0) - before, 1, "none for mail to oneself");
	fake_loop_settle();
	fake_cpu_set(1);
	work_post(0, &late.w);
	work_post(0, &other.w);
	work_post(0, &late.w);
	ok_eq(fake_ipi_count(0) - before, 2, "one for a mailbox that is not yet emptied");
	fake_cpu_set(0);
	fake_loop_settle();
	ok(late.runs == 3 && other.runs == 1, "a queued item that is posted again runs once");
}

/* What exit handlers do: mail to the own CPU in the middle of a slice must end it, so does another CPU's. */
static struct note own, remote;
static uint64_t told_until;

static void posting_run(struct sched_entity *se, uint64_t until_ns)
{
	told_until = until_ns;
	work_post(0, &own.w);
	ok(fake_ipi_pending(0), "mail to oneself from a vCPU's slice interrupts it");
	hal_irq_window();
	fake_cpu_set(1);
	work_post(0, &remote.w);
	fake_cpu_set(0);
	ok(fake_ipi_pending(0), "so does another CPU's, though there is mail already");
	sched_block(se);
}

static void test_slice_interrupts(void)
{
	static struct sched_entity se;
	static struct timer t;

	note_init(&own, 'o'), note_init(&remote, 'r');
	timer_init(&t, timer_run);
	timer_set(&t, hal_clock_ns() + NS_PER_MS);
	sched_entity_init(&se, posting_run, 100);
	sched_add(&se);
	trace[0] = 0;
	fake_loop_settle();
	ok_str(trace, "or", "and both run after it");
	ok_eq(told_until, t.deadline_ns, "a timer of the loop bounds the slice");
	timer_cancel(&t);
	sched_remove(&se);
}

/* Work that always posts itself, and a task that never waits: neither may keep the vCPU from running. */
static bool greedy_stop;
static unsigned long greedy_passes, greedy_posts;

static void greedy_work(struct work *w)
{
	fake_clock_advance(50 * NS_PER_US);
	greedy_posts++;
	if (!greedy_stop)
		work_post(0, w);
}

static void greedy_task(void *arg)
{
	(void)arg;
	while (!greedy_stop) {
		greedy_passes++;
		fake_clock_advance(50 * NS_PER_US);
		task_yield();
	}
}

static void test_starvation(void)
{
	static struct sched_entity se;
	static struct work w;
	struct loop_stats a, b;
	uint64_t start = hal_clock_ns(), guest, host;

	slices = 0;
	sched_entity_init(&se, vcpu_run, 100);
	sched_add(&se);
	work_init(&w, greedy_work);
	work_post(0, &w);
	CHECK(task_create("greedy", greedy_task, NULL, 8192, NULL) == OK);
	loop_stats(0, &a);
	while (hal_clock_ns() < start + NS_PER_S)
		(void)loop_turn();
	loop_stats(0, &b);
	guest = b.guest_ns - a.guest_ns;
	host = b.host_ns - a.host_ns;
	ok(guest > 400 * NS_PER_MS && guest < 600 * NS_PER_MS, "half of a second goes to the vCPU (%llu ms)",
	   (unsigned long long)(guest / NS_PER_MS));
	ok(host > 400 * NS_PER_MS && greedy_passes > 1000, "the other half to host work (%lu passes)", greedy_passes);
	ok(greedy_posts > 1000, "work may post itself (%lu times)", greedy_posts);
	ok(slices > 400, "in short pieces (%u)", slices);
	ok(se.wait_ns > 400 * NS_PER_MS, "which the vCPU counts as stolen");
	greedy_stop = true;
	sched_remove(&se);
	fake_loop_settle();
}

static struct loop_stats seen_idle;

static void idle_watch(void *ctx)
{
	(void)ctx;
	fake_clock_advance(3600 * NS_PER_S);
	loop_stats(0, &seen_idle); /* as another CPU sees it while this one sleeps */
}

static void test_stats(void)
{
	static struct timer t;
	struct loop_stats a, b;

	timer_init(&t, timer_run);
	timer_set(&t, hal_clock_ns() + 7 * NS_PER_MS);
	loop_stats(0, &a);
	while (loop_turn())
		;
	loop_idle();
	fake_loop_settle();
	loop_stats(0, &b);
	ok(b.idle_ns - a.idle_ns == 7 * NS_PER_MS && b.guest_ns == a.guest_ns, "idle time is counted");
	loop_stats(0, &a);
	fake_idle_hook(idle_watch, NULL);
	loop_idle();
	fake_idle_hook(NULL, NULL);
	loop_stats(0, &b);
	ok_eq(seen_idle.idle_ns - a.idle_ns, 3600 * NS_PER_S, "also while it goes on");
	ok(b.idle_ns == seen_idle.idle_ns && b.host_ns == a.host_ns, "and not twice");
	loop_stats(5, &a);
	ok(a.host_ns == 0 && a.idle_ns == 0, "a CPU that never ran has no times");
}

/* ---- real threads */

#define THREADS 4
#define ITEMS 64
#define POSTS 40000

struct hot { struct work w; atomic_uint posted, ran; unsigned owner, last_seen; atomic_uint serial; };
static struct hot hot[THREADS][ITEMS];
static atomic_uint done_posting;
static atomic_ulong total_runs;

static void hot_run(struct work *w)
{
	struct hot *h = container_of(w, struct hot, w);
	unsigned serial = atomic_load(&h->serial);

	/* What was written before the post is visible here. */
	if (serial < h->last_seen)
		atomic_store(&h->ran, 1u << 30);
	h->last_seen = serial;
	atomic_fetch_add(&h->ran, 1);
	atomic_fetch_add(&total_runs, 1);
}

static void *poster(void *arg)
{
	unsigned me = (unsigned)(uintptr_t)arg;

	fake_cpu_set(me + 1);
	for (unsigned i = 0; i < POSTS; i++) {
		struct hot *h = &hot[me][i % ITEMS];

		atomic_fetch_add(&h->serial, 1);
		work_post(0, &h->w);
		work_post(0, &hot[(me + 1) % THREADS][i * 7 % ITEMS].w);
		if (i % 512 == 0)
			sched_yield();
	}
	atomic_fetch_add(&done_posting, 1);
	return NULL;
}

static void test_threads(void)
{
	pthread_t t[THREADS];
	bool good = true;

	for (unsigned i = 0; i < THREADS; i++)
		for (unsigned k = 0; k < ITEMS; k++)
			work_init(&hot[i][k].w, hot_run);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, poster, (void *)(uintptr_t)i);
	while (atomic_load(&done_posting) < THREADS)
		(void)loop_turn();
	fake_loop_settle();
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	for (unsigned i = 0; i < THREADS; i++)
		for (unsigned k = 0; k < ITEMS; k++) {
			struct hot *h = &hot[i][k];

			/* The last post came after the last change of serial, so a run has seen that one. */
			good &= h->last_seen == atomic_load(&h->serial) && !atomic_load(&h->w.queued) &&
				atomic_load(&h->ran) < 1u << 30;
		}
	ok(good, "four threads: the last post of each item has been run");
	ok(atomic_load(&total_runs) <= 2ul * THREADS * POSTS, "and none ran more often than posted (%lu runs)",
	   atomic_load(&total_runs));
}

int main(void)
{
	fake_init(8 * MIB, THREADS + 1);
	fake_clock_advance(NS_PER_S);
	test_order();
	test_wakeups();
	test_slice_interrupts();
	test_stats();
	test_starvation();
	test_threads();
	return tap_done();
}
