/* SPDX-License-Identifier: Apache-2.0 */
/* The clock of a guest test: the virtual counter of the generic timer (DDI0487 D12.2). */
#include "guest.h"

uint64_t clock_hz;

void clock_init(void)
{
	clock_hz = SYS_READ("cntfrq_el0");
	if (clock_hz < 1000000)
		bail("CNTFRQ_EL0 says %llu Hz", (unsigned long long)clock_hz);
}
