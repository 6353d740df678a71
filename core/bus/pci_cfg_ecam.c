/* SPDX-License-Identifier: Apache-2.0 */
/* PCI Express enhanced configuration access (PCIe 5.0, 7.2.2) by ACPI's MCFG (PCI Firmware 3.3, 4.1.2) or a device tree. Boot CPU sets
 * up; buses are mapped one by one when first touched, also on the boot CPU. A window over RAM is not believed. */
#include "pci_cfg.h"
#include <core/acpi.h>
#include <core/arith.h>
#include <core/hal.h>
#include <core/log.h>
#include <core/mmio.h>

#define MCFG_FIRST 44
#define MCFG_ENTRY 16
#define BUS_BYTES (1ull << 20)

struct ecam {
	struct pci_ecam_window w;
	uint64_t base; /* of bus 0, which need not be in the window */
	volatile void *bus[256];
	bool bad[256]; /* could not be mapped */
};

static struct ecam ecam[PCI_ECAM_MAX];
static unsigned necam;

static struct ecam *ecam_find(struct pci_addr a)
{
	for (unsigned i = 0; i < necam; i++)
		if (ecam[i].w.segment == a.segment && a.bus >= ecam[i].w.first_bus && a.bus <= ecam[i].w.last_bus)
			return &ecam[i];
	return NULL;
}

static volatile void *ecam_at(struct pci_addr a)
{
	struct ecam *e = ecam_find(a);

	if (!e || e->bad[a.bus])
		return NULL;
	if (!e->bus[a.bus] && hal_map_device(HPA(e->base + a.bus * BUS_BYTES), BUS_BYTES, HAL_MAP_RW | HAL_MAP_UC,
	                                     &e->bus[a.bus]) != OK) {
		e->bad[a.bus] = true;
		return NULL;
	}
	return (volatile uint8_t *)e->bus[a.bus] + ((size_t)a.devfn << 12);
}

static uint32_t ecam_read(struct pci_addr a, unsigned off, unsigned size)
{
	volatile void *p = ecam_at(a);

	if (!p)
		return UINT32_MAX;
	return size == 1 ? mmio_read8(p, off) : size == 2 ? mmio_read16(p, off) : mmio_read32(p, off);
}

static void ecam_write(struct pci_addr a, unsigned off, unsigned size, uint32_t v)
{
	volatile void *p = ecam_at(a);

	if (!p)
		return;
	if (size == 1)
		mmio_write8(p, off, (uint8_t)v);
	else if (size == 2)
		mmio_write16(p, off, (uint16_t)v);
	else
		mmio_write32(p, off, v);
}

static const struct pci_cfg_ops ecam_ops = {.space = 4096, .read = ecam_read, .write = ecam_write};

static void ecam_add(uint64_t base, uint16_t segment, uint8_t first, uint8_t last)
{
	struct ecam *e = &ecam[necam];
	uint64_t end;

	if (necam == PCI_ECAM_MAX || first > last || base == 0 || !is_aligned(base, BUS_BYTES) ||
	    !add_ok(base, (last + 1ull) * BUS_BYTES, &end) ||
	    pci_overlaps_ram(base + first * BUS_BYTES, (last - first + 1ull) * BUS_BYTES)) {
		log_warn("pci", "the window for segment %u, buses %u-%u at 0x%llx is not usable", segment, first, last,
		         (unsigned long long)base);
		return;
	}
	*e = (struct ecam){.w = {segment, first, last}, .base = base};
	necam++;
}

/* One MCFG entry: base of bus 0, segment, first and last bus. */
static void mcfg_entry(const uint8_t *p)
{
	ecam_add(get_le64(p), get_le16(p + 8), p[10], p[11]);
}

unsigned pci_ecam_init(void)
{
	const struct acpi_header *t;

	necam = 0;
	if (acpi_find("MCFG", 0, &t) != OK) {
		pci_ecam_from_fdt(ecam_add);
		return necam;
	}
	for (uint64_t off = MCFG_FIRST; range_within(off, MCFG_ENTRY, t->length); off += MCFG_ENTRY)
		mcfg_entry((const uint8_t *)t + off);
	return necam;
}

const struct pci_ecam_window *pci_ecam_window(unsigned i)
{
	return i < necam ? &ecam[i].w : NULL;
}

const struct pci_cfg_ops *pci_ecam_for(struct pci_addr a)
{
	return ecam_find(a) ? &ecam_ops : NULL;
}

void pci_ecam_drop(uint16_t segment)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < necam; i++)
		if (ecam[i].w.segment != segment)
			ecam[kept++] = ecam[i];
	necam = kept;
}
