/* SPDX-License-Identifier: Apache-2.0 */
/* A well-behaved guest: a line with a rising number every 50 ms by its LAPIC timer, until it is stopped. The test counts its lines
 * while others misbehave. A byte typed ends it. */
#include "lib/guest.h"

enum { VECTOR = 0x40, LSR = 0x3fd };
static volatile unsigned ticks;

static void tick(struct frame *f)
{
	(void)f;
	ticks++;
	apic_eoi();
}

void guest_main(void)
{
	trap_set(VECTOR, tick);
	apic_write(APIC_TIMER_DIVIDE, 0xb);
	apic_write(APIC_LVT_TIMER, TIMER_PERIODIC | VECTOR);
	apic_write(APIC_TIMER_INITIAL, 50000000);
	for (unsigned seen = 0; !(inb(LSR) & 1);) {
		halt_once();
		if (ticks != seen) {
			seen = ticks;
			say("beat %u\n", seen);
		}
	}
	ok(ticks > 0, "the timer ticked");
}
