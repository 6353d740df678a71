/* SPDX-License-Identifier: Apache-2.0 */
/* Ticketless spinlock between CPUs. Host code is never interrupted (design: interrupts are taken only in
 * the loop's window), so it needs no interrupt masking. Never held across a yield or a guest entry. */
#ifndef CORE_SPINLOCK_H
#define CORE_SPINLOCK_H
#include <core/arch.h>
#include <stdatomic.h>
#include <stdbool.h>

struct spinlock { atomic_uint held; };
#define SPINLOCK_INIT {0}

static inline void spin_init(struct spinlock *l) { atomic_init(&l->held, 0); }
static inline bool spin_trylock(struct spinlock *l)
{
	return atomic_exchange_explicit(&l->held, 1, memory_order_acquire) == 0;
}
static inline void spin_lock(struct spinlock *l)
{
	while (!spin_trylock(l))
		while (atomic_load_explicit(&l->held, memory_order_relaxed))
			arch_relax();
}
static inline void spin_unlock(struct spinlock *l)
{
	atomic_store_explicit(&l->held, 0, memory_order_release);
}

#endif
