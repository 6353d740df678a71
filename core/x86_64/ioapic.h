/* SPDX-License-Identifier: Apache-2.0 */
/* The I/O APICs. Boot CPU. Within core/x86_64 only. */
#ifndef CORE_X86_64_IOAPIC_H
#define CORE_X86_64_IOAPIC_H

/* Silences the 8259s and masks every pin of every I/O APIC. After madt_parse. */
void ioapic_init(void);

#endif
