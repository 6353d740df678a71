/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop of a CPU: interrupts, mail, timers, tasks, and then a slice of guest. Runs on the CPU's own stack
 * with interrupts disabled, except in the window, while idle and in guests; so nothing can arrive unseen between
 * the last look and hal_idle. Must not know what a vCPU is: it calls sched_entity.run. */
#include "loop_impl.h"
#include <core/arith.h>
#include <core/panic.h>
#include <core/sched.h>

/* When both host work and vCPUs are never done, they alternate in pieces of this length. */
#define LOOP_BURST_NS (1 * NS_PER_MS)
/* A guest that sleeps for no longer than this comes back to a CPU that is still its own. */
#define LOOP_IDLE_WORK_NS (50 * NS_PER_MS)

struct loop_cpu loop_cpus[HAL_MAX_CPUS];
static const struct idle_work *_Atomic idle_work;

void loop_init(unsigned cpu)
{
	struct loop_cpu *c;
	uint64_t now = hal_clock_ns();

	BUG_ON(cpu >= HAL_MAX_CPUS);
	c = &loop_cpus[cpu];
	BUG_ON(c->inited);
	/* Not the mailbox: another CPU may have posted already, and its array entry starts out empty. */
	list_init(&c->timers);
	list_init(&c->ready);
	c->host_since_ns = now;
	atomic_store_explicit(&c->started_ns, now, memory_order_relaxed);
	atomic_store_explicit(&c->slice_since_ns, UINT64_MAX, memory_order_relaxed);
	atomic_store_explicit(&c->idle_since_ns, UINT64_MAX, memory_order_relaxed);
	sched_init_cpu(cpu);
	c->inited = true;
}

/* Owner only. since tells other CPUs of the piece of time that goes on, so that a CPU that sleeps for hours is not
 * thought busy. Taken back before it is counted: a reader may miss the piece for a moment, never see it twice. */
static void piece_start(_Atomic uint64_t *since, uint64_t now_ns)
{
	atomic_store_explicit(since, now_ns, memory_order_relaxed);
}

static void piece_end(_Atomic uint64_t *since, _Atomic uint64_t *counter, uint64_t now_ns)
{
	uint64_t v = now_ns - atomic_load_explicit(since, memory_order_relaxed);

	atomic_store_explicit(since, UINT64_MAX, memory_order_relaxed);
	v += atomic_load_explicit(counter, memory_order_relaxed);
	atomic_store_explicit(counter, v, memory_order_release);
}

static uint64_t counter_read(_Atomic uint64_t *since, _Atomic uint64_t *counter, uint64_t now_ns)
{
	uint64_t v = atomic_load_explicit(counter, memory_order_acquire);
	uint64_t start = atomic_load_explicit(since, memory_order_relaxed);

	return start < now_ns ? v + (now_ns - start) : v;
}

static bool host_work_pending(struct loop_cpu *c, uint64_t now_ns)
{
	return atomic_load_explicit(&c->mail, memory_order_seq_cst) || !list_empty(&c->ready) ||
	       loop_next_timer(c) <= now_ns;
}

/* Runs one vCPU slice; false when none is runnable. busy: host work waits, so the slice is kept short. */
static bool run_slice(struct loop_cpu *c, uint64_t now_ns, bool busy)
{
	uint64_t until, end;
	struct sched_entity *se = sched_pick(now_ns, &until);

	if (!se)
		return false;
	/* Timers end the slice when they are due; when host work waits anyway, they wait with it for the burst. */
	until = MIN(until, busy ? now_ns + LOOP_BURST_NS : loop_next_timer(c));
	hal_timer_arm(until);
	piece_start(&c->slice_since_ns, now_ns);
	atomic_store_explicit(&c->in_slice, true, memory_order_seq_cst);
	se->run(se, until);
	atomic_store_explicit(&c->in_slice, false, memory_order_seq_cst);
	end = hal_clock_ns();
	sched_account(se, end - now_ns, end);
	piece_end(&c->slice_since_ns, &c->guest_ns, end);
	c->host_since_ns = c->guest_left_ns = end;
	return true;
}

bool loop_take_interrupts(void)
{
	struct loop_cpu *c = loop_this();

	/* Mail that their handlers post needs no interrupt of its own. */
	atomic_store_explicit(&c->in_slice, false, memory_order_seq_cst);
	hal_irq_window();
	atomic_store_explicit(&c->in_slice, true, memory_order_seq_cst);
	return !atomic_load_explicit(&c->mail, memory_order_seq_cst) && list_empty(&c->ready);
}

bool loop_turn(void)
{
	struct loop_cpu *c = loop_this();
	uint64_t now;
	bool busy;

	hal_irq_window();
	loop_run_mail(c);
	loop_run_timers(c, hal_clock_ns());
	loop_run_tasks(c);
	now = hal_clock_ns();
	busy = host_work_pending(c, now);
	if (busy && now - c->host_since_ns < LOOP_BURST_NS)
		return true; /* host work first, as long as guests have not waited for too long */
	return run_slice(c, now, busy) || busy;
}

void loop_when_idle(const struct idle_work *w)
{
	BUG_ON(atomic_exchange(&idle_work, w));
}

/* When a piece of it may run here; UINT64_MAX: nothing is wanted. */
static uint64_t idle_work_ns(const struct loop_cpu *c)
{
	const struct idle_work *w = atomic_load_explicit(&idle_work, memory_order_acquire);

	return w && w->wanted() ? c->guest_left_ns + LOOP_IDLE_WORK_NS : UINT64_MAX;
}

bool loop_idle_work(void)
{
	uint64_t at = idle_work_ns(loop_this());

	if (at == UINT64_MAX || hal_clock_ns() < at)
		return false;
	atomic_load_explicit(&idle_work, memory_order_acquire)->piece();
	loop_this()->host_since_ns = hal_clock_ns();
	return true;
}

void loop_idle(void)
{
	struct loop_cpu *c = loop_this();
	uint64_t now, next = MIN(loop_next_timer(c), sched_next_event());

	hal_timer_arm(MIN(next, idle_work_ns(c)));
	piece_start(&c->idle_since_ns, hal_clock_ns());
	hal_idle();
	now = hal_clock_ns();
	piece_end(&c->idle_since_ns, &c->idle_ns, now);
	c->host_since_ns = now;
}

_Noreturn void loop_run(void)
{
	BUG_ON(!loop_this()->inited);
	for (;;)
		if (!loop_turn() && !loop_idle_work())
			loop_idle();
}

void loop_stats(unsigned cpu, struct loop_stats *out)
{
	struct loop_cpu *c;
	uint64_t now = hal_clock_ns(), total;

	BUG_ON(cpu >= HAL_MAX_CPUS);
	c = &loop_cpus[cpu];
	if (!c->inited) {
		*out = (struct loop_stats){0};
		return;
	}
	out->guest_ns = counter_read(&c->slice_since_ns, &c->guest_ns, now);
	out->idle_ns = counter_read(&c->idle_since_ns, &c->idle_ns, now);
	total = now - atomic_load_explicit(&c->started_ns, memory_order_relaxed);
	out->host_ns = total > out->guest_ns + out->idle_ns ? total - out->guest_ns - out->idle_ns : 0;
}
