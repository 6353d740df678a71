/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors and what they do. Within core/x86_64 only.
 *   0x20-0x2f  the 8259s, masked: only spurious ones arrive      0x30-0xef  devices (MSI, I/O APIC)
 *   0xf0 timer   0xf1 wake   0xf2 posted interrupts for a guest   0xff spurious */
#ifndef CORE_X86_64_IRQ_H
#define CORE_X86_64_IRQ_H
#include <core/err.h>
#include <core/hal.h>
#include <core/x86_64/irq.h>

#define VECTOR_LEGACY 0x20
#define VECTOR_TIMER 0xf0
#define VECTOR_WAKE 0xf1
#define VECTOR_POSTED IRQ_POSTED_VECTOR
#define VECTOR_SPURIOUS 0xff

void irq_dispatch(unsigned vector);
/* Takes a free vector of a CPU that is up and sets its handler. E_NOENT: no such CPU; E_NOMEM: none free. */
err_t irq_vector_alloc(unsigned cpu, hal_irq_fn fn, void *ctx, unsigned *vector) MUST_CHECK;

#endif
