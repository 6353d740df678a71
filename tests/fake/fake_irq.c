/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts of x86_64 beyond the portable hal: counted. */
#include "fake_irq.h"

struct fake_irq fake_irq;

void irq_notify(unsigned cpu)
{
	fake_irq.notified++;
	fake_irq.notified_cpu = cpu;
}

void irq_taken(unsigned vector)
{
	fake_irq.taken++;
	fake_irq.taken_vector = vector;
}
