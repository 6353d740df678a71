/* SPDX-License-Identifier: Apache-2.0 */
/* A well-behaved guest: a line with a rising number every 50 ms by its virtual timer, until it is stopped. The test counts its lines
 * while others misbehave. A byte typed ends it. */
#include "lib/guest.h"

enum { UART_FR = 0x18, FR_RXFE = 1 << 4, PER_SECOND = 20 };
static volatile unsigned ticks;

static void tick(unsigned intid)
{
	(void)intid;
	ticks++;
	SYS_WRITE("cntv_cval_el0", SYS_READ("cntv_cval_el0") + clock_hz / PER_SECOND);
}

void guest_main(void)
{
	irq_set(INTID_VTIMER, tick);
	irq_enable(INTID_VTIMER);
	SYS_WRITE("cntv_cval_el0", clock_now() + clock_hz / PER_SECOND);
	SYS_WRITE("cntv_ctl_el0", 1);
	for (unsigned seen = 0; read32(UART + UART_FR) & FR_RXFE;) {
		halt_once();
		if (ticks != seen) {
			seen = ticks;
			say("beat %u\n", seen);
		}
	}
	ok(ticks > 0, "the timer ticked");
}
