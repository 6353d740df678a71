/* SPDX-License-Identifier: Apache-2.0 */
/* Fair scheduling of vCPUs on one CPU's loop by virtual time with weights and caps. Knows nothing of guests. */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H
#include <core/list.h>
#include <core/task.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SCHED_WEIGHT_DEFAULT 100
#define SCHED_SLICE_NS (4 * 1000000ull)

struct sched_entity {
	/* Runs until until_ns, until it blocks (then it has called sched_block), or until a host interrupt; own CPU.
	 * until_ns is the slice's end or this CPU's next timer, whichever is first: run may re-arm the one-shot to less. */
	void (*run)(struct sched_entity *se, uint64_t until_ns);
	unsigned cpu;            /* set by sched_add, constant while added */
	uint32_t weight;         /* 1..10000; share of CPU time relative to others */
	uint32_t cap_percent;    /* 0: none; else at most this share of one CPU per 100 ms period */
	uint64_t vruntime_ns;    /* weighted */
	uint64_t run_ns;         /* total time run */
	uint64_t wait_ns;        /* total time runnable but not running: the guest's steal time */
	uint64_t queued_at_ns, period_start_ns, period_run_ns;
	bool added, runnable;
	atomic_bool wake_pending;
	struct work wake_work;
	struct list link;
};
void sched_entity_init(struct sched_entity *se, void (*run)(struct sched_entity *, uint64_t), uint32_t weight);
/* Own CPU only (post work to get there). A removed entity is never run again until added. */
void sched_add(struct sched_entity *se);
void sched_remove(struct sched_entity *se);
void sched_block(struct sched_entity *se);
/* From its run function: ends its slice and lets another runnable entity of this CPU go first; false when there is none. */
bool sched_give_way(struct sched_entity *se);
/* Own CPU: does another entity of this CPU want to run? */
bool sched_contended(const struct sched_entity *se);
/* Any CPU: makes it runnable; also ends a sched_block that happens at the same time (no lost wake). */
void sched_wake(struct sched_entity *se);
/* Own CPU, after sched_remove, once nobody calls sched_wake any more: while true, wake_work sits in a mailbox and the
 * entity must not be freed or initialised again. */
bool sched_wake_in_flight(const struct sched_entity *se);

/* Used by the loop: the entity to run next on this CPU or NULL; *until_ns is when to stop it. */
struct sched_entity *sched_pick(uint64_t now_ns, uint64_t *until_ns);
void sched_account(struct sched_entity *se, uint64_t ran_ns, uint64_t now_ns);
/* When the earliest capped entity may run again; UINT64_MAX none. */
uint64_t sched_next_event(void);
/* Sum of the weights of the entities added on a CPU, for placement. Any CPU; approximate. */
unsigned sched_load(unsigned cpu);

#endif
