/* SPDX-License-Identifier: Apache-2.0 */
/* Large pages of zeros ahead of need: a CPU that would sleep zeroes free superblocks, so that a guest's first touch of 2 MiB does not wait for
 * it. They count as free, and go back to the others when those run out. A CPU that sleeps already is not woken for it. Under page_lock, but
 * for page_zero_ahead and what idle CPUs call. Must not know who gets them. */
#include "mm_impl.h"
#include <core/hal.h>
#include <core/task.h>
#include <stdatomic.h>
#include <string.h>

#define ZEROED_MAX 64u          /* superblocks: what a few microVMs touch when they start */
#define ZEROED_SHARE 8          /* of a small machine's memory no more than this part */
#define PIECE_BYTES (8 * KIB)   /* at once under the lock: a microsecond */

static struct hpa ready[ZEROED_MAX];
static unsigned nready, target;
static struct hpa filling;      /* none: 0 */
static uint64_t filled;         /* bytes */
static atomic_bool wanted, busy; /* what an idle CPU looks at, without the lock; busy: one of them is at it, and more would only wait */

void zeroed_look_again(void)
{
	if (nready < target)
		atomic_store_explicit(&wanted, true, memory_order_relaxed);
}

bool zeroed_take(struct hpa *out)
{
	if (!nready) {
		zeroed_look_again();
		return false;
	}
	*out = ready[--nready];
	mm_use_aside(*out, ROLE_GUEST);
	zeroed_look_again();
	return true;
}

void zeroed_return(struct hpa a)
{
	mm_return_aside(a);
	ready[nready++] = a;
}

bool zeroed_release(void)
{
	bool any = nready || filling.v;

	if (filling.v)
		mm_release_aside(filling);
	filling = HPA(0);
	filled = 0;
	while (nready)
		mm_release_aside(ready[--nready]);
	return any;
}

static void zero_some(void)
{
	hal_guest_access_begin();
	memset((uint8_t *)hal_direct(filling) + filled, 0, PIECE_BYTES);
	hal_guest_access_end();
	filled += PIECE_BYTES;
	if (filled < SB_BYTES)
		return;
	ready[nready++] = filling;
	filling = HPA(0);
	filled = 0;
}

static bool idle_wanted(void)
{
	return atomic_load_explicit(&wanted, memory_order_relaxed) && !atomic_load_explicit(&busy, memory_order_relaxed);
}

static void idle_piece(void)
{
	bool begun;

	if (atomic_exchange_explicit(&busy, true, memory_order_acquire))
		return;
	spin_lock(&page_lock);
	begun = filling.v || (nready < target && mm_set_aside(&filling));
	if (begun)
		zero_some();
	if (!begun || nready == target)
		atomic_store_explicit(&wanted, false, memory_order_relaxed);
	spin_unlock(&page_lock);
	atomic_store_explicit(&busy, false, memory_order_release);
}

static const struct idle_work zeroing = { idle_wanted, idle_piece };

void page_zero_ahead(void)
{
	spin_lock(&page_lock);
	target = (unsigned)MIN((uint64_t)ZEROED_MAX, mm_counts.total / SB_PAGES / ZEROED_SHARE);
	zeroed_look_again();
	spin_unlock(&page_lock);
	loop_when_idle(&zeroing);
}
