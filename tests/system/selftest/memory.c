/* SPDX-License-Identifier: Apache-2.0 */
/* Guest blocks across CPUs with stale TLBs, and stacks that come and go. CPU 0's task. */
#include "selftest.h"
#include <core/hal.h>
#include <core/page.h>
#include <string.h>

#define STACKS 24
#define STACK_BYTES 65536

static struct hpa block;
static uint64_t seen;

static void touch_host(unsigned cpu)
{
	(void)cpu;
	seen = *(volatile uint64_t *)hal_direct(block);
}

static void touch_guest(unsigned cpu)
{
	(void)cpu;
	hal_guest_access_begin();
	seen = *(volatile uint64_t *)hal_direct(block);
	hal_guest_access_end();
}

static void set_all_cpus(void (*fn)(unsigned cpu))
{
	for (unsigned i = 0; i < hal_cpu_count(); i++)
		on_cpu(i, fn);
}

static void check_roles(void)
{
	if (page_alloc(&pool_core, 9, PAGE_GUEST, &block) != OK) {
		check(false, "a guest block");
		return;
	}
	set_all_cpus(touch_guest);
	/* Every CPU has the block as user memory in its TLB now; none is told of the change. */
	hal_direct_set_guest(block, false);
	*(uint64_t *)hal_direct(block) = 42;
	set_all_cpus(touch_host);
	check(seen == 42, "a block that became host memory can be read on every CPU");
	hal_direct_set_guest(block, true);
	seen = 0;
	set_all_cpus(touch_guest);
	check(seen == 42, "and as guest memory again");
	page_free(&pool_core, block, 9, PAGE_GUEST);
}

static bool stacks_round(void)
{
	void *tops[STACKS];
	bool good = true;

	for (unsigned i = 0; i < STACKS; i++) {
		if (hal_stack_alloc(STACK_BYTES, &tops[i]) != OK)
			return false;
		memset((char *)tops[i] - STACK_BYTES, (int)i, STACK_BYTES);
	}
	for (unsigned i = 0; i < STACKS; i++) {
		good &= ((unsigned char *)tops[i])[-1] == i;
		hal_stack_free(tops[i], STACK_BYTES);
	}
	return good;
}

static void check_stacks(void)
{
	struct page_stats before, after;
	bool good = stacks_round(); /* the first round makes tables, which stay */

	page_stats(&before);
	for (unsigned i = 0; i < 50; i++)
		good &= stacks_round();
	page_stats(&after);
	check(good, "stacks are there while they are allocated");
	check(before.free == after.free, "and give all their memory back");
}

void checks_memory(void)
{
	check_roles();
	check_stacks();
}
