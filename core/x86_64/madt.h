/* SPDX-License-Identifier: Apache-2.0 */
/* What the MADT says about interrupt controllers and CPUs (ACPI 6.5 5.2.12). Boot CPU. Within core/x86_64 only. */
#ifndef CORE_X86_64_MADT_H
#define CORE_X86_64_MADT_H
#include <core/hal.h>
#include <stdbool.h>
#include <stdint.h>

#define MADT_MAX_IOAPICS 16
#define MADT_ISA_IRQS 16

struct madt_ioapic { uint64_t address; uint32_t gsi_base; };
struct madt_isa { uint32_t gsi; bool level, active_low, overridden; };

struct madt {
	bool present;
	uint64_t lapic;                    /* physical address of the local APICs' registers */
	struct madt_ioapic ioapics[MADT_MAX_IOAPICS];
	unsigned nioapics;
	struct madt_isa isa[MADT_ISA_IRQS]; /* identity, edge, active high unless overridden, or given to PCI */
	uint32_t cpus[HAL_MAX_CPUS];        /* APIC ids of usable CPUs, the boot CPU among them */
	unsigned ncpus, ncpus_ignored;
};
extern struct madt madt;

void madt_parse(void);
/* Lines without an override that the firmware gave to PCI are level, active low. elcr: the 8259s' edge/level registers, IRQ 0 in bit 0. */
void madt_give_to_pci(uint16_t elcr);

#endif
