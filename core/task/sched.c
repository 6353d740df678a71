/* SPDX-License-Identifier: Apache-2.0 */
/* Fair scheduling of vCPUs on one CPU: each entity's virtual time advances by run time / weight, the one that is
 * furthest behind runs next, for a slice. Own CPU only, loop context, except sched_wake and sched_load. No allocation.
 * Virtual times are compared by signed difference, so that they may wrap. Must not know what an entity is. */
#include "loop_impl.h"
#include <core/arith.h>
#include <core/panic.h>
#include <core/sched.h>

#define SCHED_PERIOD_NS (100 * NS_PER_MS) /* over which caps are kept */
#define SCHED_MIN_RUN_NS (100 * NS_PER_US) /* a capped entity's last piece is not cut smaller; it goes into debt */
#define SCHED_WEIGHT_MAX 10000
#define SCHED_MAX_DEBT 4 /* allowances */

struct sched_cpu {
	struct list runnable;  /* by vruntime, the current entity included */
	struct list throttled; /* runnable, but over its cap */
	struct sched_entity *current; /* has the slice; NULL or not runnable: pick anew */
	uint64_t slice_end_ns;
	uint64_t min_vruntime_ns;
	_Atomic uint32_t weight_sum;
} __attribute__((aligned(64)));

static struct sched_cpu sched_cpus[HAL_MAX_CPUS];

static struct sched_entity *entity_of(struct list *n)
{
	return list_entry(n, struct sched_entity, link);
}

static bool before(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) < 0;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return before(a, b) ? b : a;
}

void sched_init_cpu(unsigned cpu)
{
	list_init(&sched_cpus[cpu].runnable);
	list_init(&sched_cpus[cpu].throttled);
}

static void entity_enqueue(struct sched_cpu *c, struct sched_entity *se)
{
	struct list *pos = &c->runnable;

	while (pos->prev != &c->runnable && before(se->vruntime_ns, entity_of(pos->prev)->vruntime_ns))
		pos = pos->prev;
	list_insert_before(pos, &se->link);
}

/* Comes (back) into the competition: sleepers keep a head start of at most one slice. */
static void entity_resume(struct sched_cpu *c, struct sched_entity *se)
{
	se->vruntime_ns = later(se->vruntime_ns, c->min_vruntime_ns - SCHED_SLICE_NS);
	entity_enqueue(c, se);
}

static void wake_fn(struct work *w)
{
	struct sched_entity *se = container_of(w, struct sched_entity, wake_work);
	unsigned cpu = __atomic_load_n(&se->cpu, __ATOMIC_RELAXED);

	if (cpu != hal_cpu_id()) {
		work_post(cpu, w); /* moved since the wake */
		return;
	}
	/* A runnable entity looks at its events before it runs on, so the wake has done its work either way. */
	if (!se->added || !atomic_exchange(&se->wake_pending, false) || se->runnable)
		return;
	se->runnable = true;
	se->queued_at_ns = hal_clock_ns();
	entity_resume(&sched_cpus[cpu], se);
}

void sched_entity_init(struct sched_entity *se, void (*run)(struct sched_entity *, uint64_t), uint32_t weight)
{
	*se = (struct sched_entity){ .run = run, .weight = MIN(MAX(weight, 1u), (uint32_t)SCHED_WEIGHT_MAX) };
	work_init(&se->wake_work, wake_fn);
	list_init(&se->link);
}

void sched_add(struct sched_entity *se)
{
	unsigned cpu = hal_cpu_id();
	struct sched_cpu *c = &sched_cpus[cpu];

	BUG_ON(se->added);
	__atomic_store_n(&se->cpu, cpu, __ATOMIC_RELAXED);
	se->added = se->runnable = true;
	/* vruntime_ns of an entity that is not added is relative to its CPU's minimum. */
	se->vruntime_ns += c->min_vruntime_ns;
	se->queued_at_ns = se->period_start_ns = hal_clock_ns();
	se->period_run_ns = 0;
	atomic_fetch_add_explicit(&c->weight_sum, se->weight, memory_order_relaxed);
	entity_enqueue(c, se);
}

void sched_remove(struct sched_entity *se)
{
	struct sched_cpu *c = &sched_cpus[hal_cpu_id()];

	BUG_ON(!se->added || se->cpu != hal_cpu_id());
	list_remove(&se->link);
	if (c->current == se)
		c->current = NULL;
	se->added = se->runnable = false;
	/* What it is ahead goes with it, at most a slice, so that moving neither pays nor starves. */
	se->vruntime_ns = before(c->min_vruntime_ns, se->vruntime_ns) ?
			  MIN(se->vruntime_ns - c->min_vruntime_ns, (uint64_t)SCHED_SLICE_NS) : 0;
	atomic_fetch_sub_explicit(&c->weight_sum, se->weight, memory_order_relaxed);
}

void sched_block(struct sched_entity *se)
{
	BUG_ON(se->cpu != hal_cpu_id());
	if (!se->added || !se->runnable || atomic_exchange(&se->wake_pending, false))
		return;
	se->runnable = false;
	list_remove(&se->link);
}

bool sched_give_way(struct sched_entity *se)
{
	struct sched_cpu *c = &sched_cpus[hal_cpu_id()];

	if (!se->runnable)
		return false;
	list_foreach(n, &c->runnable) {
		if (n == &se->link)
			continue;
		/* What it was behind is given up; sched_account then sorts it in after the other. */
		se->vruntime_ns = later(se->vruntime_ns, entity_of(n)->vruntime_ns);
		c->current = NULL;
		return true;
	}
	return false;
}

bool sched_contended(const struct sched_entity *se)
{
	list_foreach(n, &sched_cpus[hal_cpu_id()].runnable)
		if (n != &se->link)
			return true;
	return false;
}

void sched_wake(struct sched_entity *se)
{
	atomic_store(&se->wake_pending, true);
	work_post(__atomic_load_n(&se->cpu, __ATOMIC_RELAXED), &se->wake_work);
}

bool sched_wake_in_flight(const struct sched_entity *se)
{
	return atomic_load(&se->wake_work.queued);
}

static uint64_t cap_allowance(const struct sched_entity *se)
{
	return SCHED_PERIOD_NS / 100 * se->cap_percent;
}

static bool is_capped(const struct sched_entity *se)
{
	return se->cap_percent > 0 && se->cap_percent < 100;
}

/* Each period that has passed pays off one allowance; what was run beyond stays as debt, though never so much (after a
 * cap was lowered, or one endless exit) that it silences the entity for more than some periods. */
static void cap_refresh(struct sched_entity *se, uint64_t now_ns)
{
	uint64_t periods = (now_ns - se->period_start_ns) / SCHED_PERIOD_NS;

	se->period_start_ns += periods * SCHED_PERIOD_NS;
	if (is_capped(se)) {
		uint64_t allowance = cap_allowance(se), debt = MIN(se->period_run_ns, SCHED_MAX_DEBT * allowance);

		se->period_run_ns = debt - MIN(debt, MIN(periods, (uint64_t)SCHED_MAX_DEBT) * allowance);
	} else if (periods) {
		se->period_run_ns = 0;
	}
}

static bool cap_exhausted(const struct sched_entity *se)
{
	return is_capped(se) && se->period_run_ns >= cap_allowance(se);
}

/* When the debt of a throttled entity is paid. */
static uint64_t cap_release_ns(const struct sched_entity *se)
{
	return se->period_start_ns + se->period_run_ns / cap_allowance(se) * SCHED_PERIOD_NS;
}

static void release_throttled(struct sched_cpu *c, uint64_t now_ns)
{
	list_foreach_safe(n, tmp, &c->throttled) {
		struct sched_entity *se = entity_of(n);

		cap_refresh(se, now_ns);
		if (cap_exhausted(se))
			continue;
		list_remove(n);
		entity_resume(c, se);
	}
}

/* The entity that has the slice keeps it until it is used up, unless another has fallen far behind meanwhile. */
static struct sched_entity *choose(struct sched_cpu *c, uint64_t now_ns)
{
	struct sched_entity *cur = c->current, *first;

	if (list_empty(&c->runnable))
		return NULL;
	first = entity_of(c->runnable.next);
	if (cur && cur->runnable && !cap_exhausted(cur) && now_ns < c->slice_end_ns &&
	    !before(first->vruntime_ns + SCHED_SLICE_NS / 2, cur->vruntime_ns))
		return cur;
	c->current = first;
	c->slice_end_ns = now_ns + SCHED_SLICE_NS;
	return first;
}

struct sched_entity *sched_pick(uint64_t now_ns, uint64_t *until_ns)
{
	struct sched_cpu *c = &sched_cpus[hal_cpu_id()];
	struct sched_entity *se;
	uint64_t until;

	release_throttled(c, now_ns);
	for (;;) {
		se = choose(c, now_ns);
		if (!se)
			return NULL;
		cap_refresh(se, now_ns);
		if (!cap_exhausted(se))
			break;
		list_remove(&se->link);
		list_push_back(&c->throttled, &se->link);
		c->current = NULL;
	}
	until = c->slice_end_ns;
	if (is_capped(se))
		until = MIN(until, now_ns + MAX(cap_allowance(se) - se->period_run_ns, SCHED_MIN_RUN_NS));
	if (now_ns > se->queued_at_ns)
		se->wait_ns += now_ns - se->queued_at_ns;
	*until_ns = until;
	return se;
}

static uint64_t weighted(uint64_t ran_ns, uint32_t weight)
{
	uint64_t v;

	if (!mul_ok(ran_ns, (uint64_t)SCHED_WEIGHT_DEFAULT, &v))
		v = UINT64_MAX; /* 5 years in one go: keep the order at least */
	return v / weight;
}

void sched_account(struct sched_entity *se, uint64_t ran_ns, uint64_t now_ns)
{
	struct sched_cpu *c = &sched_cpus[hal_cpu_id()];

	se->run_ns += ran_ns;
	se->queued_at_ns = now_ns;
	if (!se->added)
		return; /* removed itself while it ran */
	se->period_run_ns += ran_ns;
	se->vruntime_ns += weighted(ran_ns, se->weight);
	if (se->runnable) {
		list_remove(&se->link);
		entity_enqueue(c, se);
	}
	c->min_vruntime_ns = later(c->min_vruntime_ns, list_empty(&c->runnable) ? se->vruntime_ns :
				   entity_of(c->runnable.next)->vruntime_ns);
}

uint64_t sched_next_event(void)
{
	struct sched_cpu *c = &sched_cpus[hal_cpu_id()];
	uint64_t first = UINT64_MAX;

	list_foreach(n, &c->throttled)
		first = MIN(first, cap_release_ns(entity_of(n)));
	return first;
}

unsigned sched_load(unsigned cpu)
{
	BUG_ON(cpu >= HAL_MAX_CPUS);
	return atomic_load_explicit(&sched_cpus[cpu].weight_sum, memory_order_relaxed);
}
