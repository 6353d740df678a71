/* SPDX-License-Identifier: Apache-2.0 */
/* Spinlock between CPUs, in the order of arrival: tickets. Host code is never interrupted (design: interrupts are taken only in
 * the loop's window), so it needs no interrupt masking. Never held across a yield or a guest entry. */
#ifndef CORE_SPINLOCK_H
#define CORE_SPINLOCK_H
#include <core/arch.h>
#include <stdatomic.h>
#include <stdbool.h>

struct spinlock { atomic_uint next, serving; }; /* held while they differ; both wrap */
#define SPINLOCK_INIT {0}

static inline void spin_init(struct spinlock *l)
{
	atomic_init(&l->next, 0);
	atomic_init(&l->serving, 0);
}

static inline bool spin_trylock(struct spinlock *l)
{
	unsigned ticket = atomic_load_explicit(&l->serving, memory_order_relaxed);

	return atomic_compare_exchange_strong_explicit(&l->next, &ticket, ticket + 1, memory_order_acquire, memory_order_relaxed);
}

static inline void spin_lock(struct spinlock *l)
{
	unsigned ticket = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed);

	while (atomic_load_explicit(&l->serving, memory_order_acquire) != ticket)
		arch_relax();
}

static inline void spin_unlock(struct spinlock *l)
{
	/* The owner alone writes it. */
	atomic_store_explicit(&l->serving, atomic_load_explicit(&l->serving, memory_order_relaxed) + 1, memory_order_release);
}

#endif
