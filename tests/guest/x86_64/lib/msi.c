/* SPDX-License-Identifier: Apache-2.0 */
/* Message interrupts of the PC: vectors of the local APIC (SDM 3A 11.11). All that come go to one function, NMI among them. */
#include "places.h"

static void (*taker)(unsigned number);

static void on_vector(struct frame *f)
{
	taker((unsigned)f->vector);
	if (f->vector != VEC_NMI)
		apic_eoi();
}

void msi_take(void (*fn)(unsigned number))
{
	taker = fn;
	for (unsigned i = 0x20; i < 0xff; i++)
		trap_set(i, on_vector);
	trap_set(VEC_NMI, on_vector);
}
