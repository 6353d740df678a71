/* SPDX-License-Identifier: Apache-2.0 */
/* After a change to live tables of our own regime. The caller has written the entry; any CPU. Hardware broadcasts to all CPUs of the Inner
 * Shareable domain, which is all of ours (DDI0487 B2.10.1, D8.17): there are no interrupts to send. */
#ifndef CORE_AARCH64_TLB_H
#define CORE_AARCH64_TLB_H
#include "sysreg.h"

/* Entries became valid: walkers must see the stores before the first access relies on them; nothing invalid is ever cached (D8.17, IWZCBG). */
static inline void tlb_made(void)
{
	dsb_ishst();
	isb();
}

/* The entry for va lost rights or became invalid: the store is seen (dsb), then translations go on every CPU (tlbi ..is), completion is
 * waited for (dsb), and this CPU refetches (isb). By VA in all address spaces: our entries are global. */
static inline void tlb_drop(uint64_t va)
{
	uint64_t arg = va >> 12 & 0xfffffffffffull;

	dsb_ishst();
	if (el_state.at2)
		__asm__ volatile("tlbi vae2is, %0" : : "r"(arg) : "memory");
	else
		__asm__ volatile("tlbi vaae1is, %0" : : "r"(arg) : "memory");
	dsb_ish();
	isb();
}

#endif
