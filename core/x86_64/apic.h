/* SPDX-License-Identifier: Apache-2.0 */
/* The local APIC, in x2APIC mode where the CPU has it, else through its registers in memory. Own CPU only,
 * but for apic_init. Within core/x86_64 only. */
#ifndef CORE_X86_64_APIC_H
#define CORE_X86_64_APIC_H
#include <core/err.h>
#include <stdbool.h>
#include <stdint.h>

/* Boot CPU, once: chooses the mode; mmio is the physical address of the registers (MADT). */
err_t apic_init(uint64_t mmio) MUST_CHECK;
/* Every CPU: turns its APIC on, everything masked. */
void apic_setup(void);
uint32_t apic_id(void);
void apic_eoi(void);
/* Interrupt, NMI, INIT or start-up to another (or this) CPU. No effect before apic_init. */
void apic_send(uint32_t apic_id, unsigned vector);
void apic_send_nmi(uint32_t apic_id);
void apic_send_init(uint32_t apic_id);
void apic_send_startup(uint32_t apic_id, unsigned page);

/* One-shot timer of this CPU. Calibrates against the counter when there is no deadline mode: boot CPU, once. */
void apic_timer_calibrate(void);
void apic_timer_setup(void);

#endif
