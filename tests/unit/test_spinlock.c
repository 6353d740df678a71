/* SPDX-License-Identifier: Apache-2.0 */
/* The spinlock: exclusion between threads, the order of arrival, and tickets that wrap. Host only. */
#include <core/spinlock.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <unit/tap.h>

enum { THREADS = 4, ROUNDS = 20000 };
static struct spinlock lock = SPINLOCK_INIT;
static unsigned counter, order[THREADS], arrived; /* under the lock */

static void *count(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		spin_lock(&lock);
		counter++;
		spin_unlock(&lock);
		if (i % 64 == 0)
			sched_yield();
	}
	return NULL;
}

static void *arrive(void *arg)
{
	spin_lock(&lock);
	order[arrived++] = (unsigned)(uintptr_t)arg;
	spin_unlock(&lock);
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];
	bool in_order = true;

	for (unsigned i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, count, NULL))
			return 1;
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	ok_eq(counter, THREADS * ROUNDS, "nobody is in it with another");

	spin_lock(&lock);
	ok(!spin_trylock(&lock), "taken");
	for (unsigned i = 0; i < THREADS; i++) {
		unsigned before = atomic_load(&lock.next);

		if (pthread_create(&t[i], NULL, arrive, (void *)(uintptr_t)i))
			return 1;
		while (atomic_load(&lock.next) == before)
			sched_yield();
	}
	spin_unlock(&lock);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	for (unsigned i = 0; i < THREADS; i++)
		in_order &= order[i] == i;
	ok(in_order, "who comes first is served first");

	atomic_store(&lock.next, UINT_MAX);
	atomic_store(&lock.serving, UINT_MAX);
	ok(spin_trylock(&lock) && !spin_trylock(&lock), "the last ticket");
	spin_unlock(&lock);
	ok(spin_trylock(&lock), "and the first again");
	spin_unlock(&lock);
	return tap_done();
}
