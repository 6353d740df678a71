/* SPDX-License-Identifier: Apache-2.0 */
/* What the monitor needs of this machine's interrupts beyond core/hal.h. Implemented by core/x86_64 and tests/fake. */
#ifndef CORE_X86_64_IRQ_SEAM_H
#define CORE_X86_64_IRQ_SEAM_H

/* The vector by which a CPU in a guest hears that interrupts were posted to it (SDM 3C 30.6). Outside of one it does nothing. */
#define IRQ_POSTED_VECTOR 0xf2u
/* Sends it to another CPU. Any context; what was stored before is seen there. */
void irq_notify(unsigned cpu);
/* Runs the handler of an interrupt that ended a guest run and that the CPU has acknowledged already, as the loop's window would.
 * Own CPU, directly after the run. */
void irq_taken(unsigned vector);

#endif
