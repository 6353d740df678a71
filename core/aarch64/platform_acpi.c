/* SPDX-License-Identifier: Apache-2.0 */
/* The machine by ACPI: MADT (ACPI 6.5 5.2.12.14 to 5.2.12.18), GTDT (5.2.25), FADT's boot flags (5.2.9.4). Boot CPU. Lengths are checked by
 * entry and counts are bounded; older revisions of the tables have shorter entries. */
#include "platform.h"
#include <core/acpi.h>
#include <core/arith.h>

enum { MADT_GICC = 11, MADT_GICD = 12, MADT_MSI_FRAME = 13, MADT_GICR = 14, MADT_ITS = 15 };
#define MADT_FIRST 44
#define GICC_ENABLED 1u
#define GICC_MPIDR_END 76
#define MSI_FRAME_OVERRIDE 1u

enum { GTDT_VTIMER = 64, GTDT_TIMER_EL2 = 72, GTDT_MIN = 80 };
enum { FADT_BOOT_ARCH = 129, FADT_MIN = 131 };
#define BOOT_ARCH_PSCI 1u
#define BOOT_ARCH_HVC 2u

static void gicc(struct platform *p, const uint8_t *e, uint8_t len)
{
	if (len < GICC_MPIDR_END || !(get_le32(e + 12) & GICC_ENABLED))
		return;
	platform_add_cpu(p, get_le64(e + 68), get_le64(e + 60));
	p->gicc = get_le64(e + 32);
	/* The same on all CPUs, or of no use to us. */
	p->ppi_maintenance = platform_ppi(get_le32(e + 56));
}

static void msi_frame(struct platform *p, const uint8_t *e)
{
	bool told = get_le32(e + 16) & MSI_FRAME_OVERRIDE;

	if (p->nv2m < PLATFORM_MAX_V2M)
		p->v2m[p->nv2m++] = (struct platform_v2m){get_le64(e + 8), told ? get_le16(e + 22) : 0, told ? get_le16(e + 20) : 0};
}

static void madt_entry(void *ctx, uint8_t type, const uint8_t *e, uint8_t len)
{
	struct platform *p = ctx;

	if (type == MADT_GICC) {
		gicc(p, e, len);
	} else if (type == MADT_GICD && len >= 24) {
		p->gicd = get_le64(e + 8);
		p->gic_version = e[20];
	} else if (type == MADT_MSI_FRAME && len >= 24) {
		msi_frame(p, e);
	} else if (type == MADT_GICR && len >= 16) {
		if (p->ngicr < PLATFORM_MAX_GICR)
			p->gicr[p->ngicr++] = (struct platform_range){get_le64(e + 4), get_le32(e + 12)};
	} else if (type == MADT_ITS && len >= 20) {
		if (p->nits < PLATFORM_MAX_ITS)
			p->its[p->nits++] = (struct platform_its){get_le64(e + 8), get_le32(e + 4)};
	}
}

static void read_gtdt(struct platform *p)
{
	const struct acpi_header *h;

	if (acpi_find("GTDT", 0, &h) != OK || h->length < GTDT_MIN)
		return;
	p->ppi_vtimer = platform_ppi(get_le32((const uint8_t *)h + GTDT_VTIMER));
	p->ppi_timer_el2 = platform_ppi(get_le32((const uint8_t *)h + GTDT_TIMER_EL2));
}

static void read_fadt(struct platform *p)
{
	const struct acpi_header *h;
	uint16_t flags;

	if (acpi_find("FACP", 0, &h) != OK || h->length < FADT_MIN)
		return;
	flags = get_le16((const uint8_t *)h + FADT_BOOT_ARCH);
	if (flags & BOOT_ARCH_PSCI)
		p->psci = flags & BOOT_ARCH_HVC ? PSCI_HVC : PSCI_SMC;
}

err_t platform_from_acpi(struct platform *p)
{
	const struct acpi_header *h;

	if (acpi_find("APIC", 0, &h) != OK || h->length < MADT_FIRST)
		return E_NOENT;
	*p = (struct platform){.source = "ACPI"};
	acpi_madt_foreach(h, madt_entry, p);
	/* Version 0: look at the hardware (5.2.12.15); redistributors tell as much. */
	if (p->gic_version == 0)
		p->gic_version = p->ngicr ? 3 : 2;
	read_gtdt(p);
	read_fadt(p);
	if (p->nits)
		platform_read_iort(p);
	return p->gicd ? OK : E_NOENT;
}
