/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the MADT once on the boot CPU. Firmware's word: lengths are checked by entry, counts are bounded, a
 * duplicate CPU is dropped. Without a table one CPU and no I/O APIC remain. */
#include "madt.h"
#include <core/acpi.h>
#include <core/arith.h>

enum { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_ISA_OVERRIDE = 2, MADT_LAPIC_ADDRESS = 5, MADT_X2APIC = 9 };
#define MADT_LAPIC_FIELD 36
#define CPU_ENABLED 1u
/* The timer, the keyboard, the cascade, the clock and the FPU are edge triggered by design (Intel ICH datasheets, ELCR1 and ELCR2). */
#define ELCR_NEVER (1u << 0 | 1u << 1 | 1u << 2 | 1u << 8 | 1u << 13)
#define DEFAULT_LAPIC 0xfee00000ull

struct madt madt;

static void madt_add_cpu(uint32_t id, uint32_t flags)
{
	if (!(flags & CPU_ENABLED) || id == UINT32_MAX)
		return;
	for (unsigned i = 0; i < madt.ncpus; i++)
		if (madt.cpus[i] == id)
			return;
	if (madt.ncpus == HAL_MAX_CPUS)
		madt.ncpus_ignored++;
	else
		madt.cpus[madt.ncpus++] = id;
}

static void madt_add_override(const uint8_t *e)
{
	uint16_t flags = get_le16(e + 8);

	if (e[2] != 0 || e[3] >= MADT_ISA_IRQS) /* bus 0 is ISA */
		return;
	/* MPS INTI flags: 3 in either field means low and level; 0 is what the bus does, high and edge on ISA. */
	madt.isa[e[3]] = (struct madt_isa){.gsi = get_le32(e + 4), .overridden = true, .active_low = (flags & 3) == 3,
					   .level = (flags >> 2 & 3) == 3};
}

static void madt_entry(void *ctx, uint8_t type, const uint8_t *e, uint8_t len)
{
	(void)ctx;
	if (type == MADT_LAPIC && len >= 8 && e[3] != 0xff)
		madt_add_cpu(e[3], get_le32(e + 4));
	else if (type == MADT_X2APIC && len >= 16)
		madt_add_cpu(get_le32(e + 4), get_le32(e + 8));
	else if (type == MADT_IOAPIC && len >= 12 && madt.nioapics < MADT_MAX_IOAPICS)
		madt.ioapics[madt.nioapics++] =
			(struct madt_ioapic){.address = get_le32(e + 4), .gsi_base = get_le32(e + 8)};
	else if (type == MADT_ISA_OVERRIDE && len >= 10)
		madt_add_override(e);
	else if (type == MADT_LAPIC_ADDRESS && len >= 12)
		madt.lapic = get_le64(e + 4);
}

void madt_parse(void)
{
	const struct acpi_header *h;

	madt.lapic = DEFAULT_LAPIC;
	for (unsigned i = 0; i < MADT_ISA_IRQS; i++)
		madt.isa[i].gsi = i;
	if (acpi_find("APIC", 0, &h) != OK || h->length < MADT_LAPIC_FIELD + 8)
		return;
	madt.present = true;
	madt.lapic = get_le32((const uint8_t *)h + MADT_LAPIC_FIELD);
	acpi_madt_foreach(h, madt_entry, NULL);
}

/* A PCI function's interrupt line register names a line of the 8259s (PCI 3.0 6.2.4), which the firmware has routed there and made level
 * triggered. PCI's lines are active low (2.2.6). */
void madt_give_to_pci(uint16_t elcr)
{
	if (elcr & ELCR_NEVER)
		return; /* nothing answers there */
	for (unsigned i = 0; i < MADT_ISA_IRQS; i++)
		if ((elcr >> i & 1) && !madt.isa[i].overridden)
			madt.isa[i].level = madt.isa[i].active_low = true;
}
