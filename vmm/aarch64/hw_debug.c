/* SPDX-License-Identifier: Apache-2.0 */
/* Breakpoint, watchpoint and monitor debug registers of EL1 (DDI0487 D2). The host uses none: with MDSCR_EL1 zero no breakpoint,
 * watchpoint or step of an earlier guest can come up in a later one. Own CPU. */
#include "hw.h"

#define EACH(X) X(15) X(14) X(13) X(12) X(11) X(10) X(9) X(8) X(7) X(6) X(5) X(4) X(3) X(2) X(1) X(0)
#define MSR(name, v) __asm__ volatile("msr " name ", %0" : : "r"(v) : "memory")
#define MRS(name, v) __asm__ volatile("mrs %0, " name : "=r"(v))

#define LOAD_B(n) if (n < breakpoints) { MSR("S2_0_C0_C" #n "_4", d->bvr[n]); MSR("S2_0_C0_C" #n "_5", d->bcr[n]); }
#define LOAD_W(n) if (n < watchpoints) { MSR("S2_0_C0_C" #n "_6", d->wvr[n]); MSR("S2_0_C0_C" #n "_7", d->wcr[n]); }
#define SAVE_B(n) if (n < breakpoints) { MRS("S2_0_C0_C" #n "_4", d->bvr[n]); MRS("S2_0_C0_C" #n "_5", d->bcr[n]); }
#define SAVE_W(n) if (n < watchpoints) { MRS("S2_0_C0_C" #n "_6", d->wvr[n]); MRS("S2_0_C0_C" #n "_7", d->wcr[n]); }

void hw_debug_load(const struct hw_debug *d, unsigned breakpoints, unsigned watchpoints)
{
	EACH(LOAD_B)
	EACH(LOAD_W)
	MSR("mdscr_el1", d->mdscr);
}

void hw_debug_save(struct hw_debug *d, unsigned breakpoints, unsigned watchpoints)
{
	EACH(SAVE_B)
	EACH(SAVE_W)
	MRS("mdscr_el1", d->mdscr);
	MSR("mdscr_el1", 0ull);
}
