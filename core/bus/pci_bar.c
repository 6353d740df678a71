/* SPDX-License-Identifier: Apache-2.0 */
/* Base address registers: sizing (PCI 3.0, 6.2.5.1) and mapping. Boot CPU. Addresses are the firmware's and the
 * device's word: one that lies over RAM is never mapped. */
#include "pci_cfg.h"
#include <core/arith.h>
#include <core/boot_info.h>
#include <core/log.h>
#include <core/pci.h>

enum { PCI_COMMAND = 0x04, PCI_BAR0 = 0x10 };
enum { BAR_IO = 1, BAR_64 = 4, BAR_PREFETCH = 8 };
#define BAR_TYPE_MASK 6u
#define DECODE_MASK 3u
#define MAP_MAX (64 * MIB)

bool pci_overlaps_ram(uint64_t base, uint64_t size)
{
	uint64_t end;

	if (!add_ok(base, size, &end))
		return true;
	for (unsigned i = 0; i < boot_info->nregions; i++) {
		const struct boot_region *r = &boot_info->regions[i];

		if (r->kind == BOOT_MMIO || r->kind == BOOT_RESERVED)
			continue;
		if (base < r->base.v + r->size && r->base.v < end)
			return true;
	}
	return false;
}

/* Writes all ones, reads which bits stick, restores. */
static uint32_t bar_probe(struct pci_dev *d, unsigned off, uint32_t old)
{
	uint32_t v;

	pci_write(d, off, 4, UINT32_MAX);
	v = pci_read(d, off, 4);
	pci_write(d, off, 4, old);
	return v;
}

/* Decodes the BAR at index i; returns how many registers it takes. */
static unsigned bar_size(struct pci_dev *d, unsigned i, unsigned nbars)
{
	unsigned off = PCI_BAR0 + i * 4;
	uint32_t lo = pci_read(d, off, 4), lo_mask = bar_probe(d, off, lo);
	struct pci_bar b = {.io = lo & BAR_IO};
	uint64_t base, size;

	if (lo_mask == 0 || lo_mask == UINT32_MAX)
		return 1;
	if (b.io) {
		base = lo & ~3u;
		size = (~(lo_mask & ~3u) + 1u) & 0xffff;
	} else {
		uint64_t mask = lo_mask & ~15u;

		base = lo & ~15u;
		b.prefetch = lo & BAR_PREFETCH;
		b.is64 = (lo & BAR_TYPE_MASK) == BAR_64 && i + 1 < nbars;
		if (b.is64) {
			uint32_t hi = pci_read(d, off + 4, 4);

			base |= (uint64_t)hi << 32;
			mask |= (uint64_t)bar_probe(d, off + 4, hi) << 32;
		} else {
			mask |= 0xffffffffull << 32;
		}
		size = ~mask + 1;
	}
	if (is_pow2(size) && is_aligned(base, size)) {
		b.base = HPA(base);
		b.size = size;
		d->bars[i] = b;
	}
	return b.is64 ? 2 : 1;
}

void pci_size_bars(struct pci_dev *d, unsigned nbars)
{
	uint32_t command = pci_read(d, PCI_COMMAND, 2);

	pci_write(d, PCI_COMMAND, 2, command & ~DECODE_MASK);
	for (unsigned i = 0; i < nbars;)
		i += bar_size(d, i, nbars);
	pci_write(d, PCI_COMMAND, 2, command);
}

err_t pci_map_bar(struct pci_dev *d, unsigned bar, volatile void **out, uint64_t *size)
{
	const struct pci_bar *b;
	err_t e;

	if (bar >= ARRAY_LEN(d->bars))
		return E_INVAL;
	b = &d->bars[bar];
	if (b->io)
		return E_UNSUPPORTED;
	if (b->size == 0 || b->base.v == 0)
		return E_NOENT;
	if (b->size > MAP_MAX)
		return E_RANGE;
	if (pci_overlaps_ram(b->base.v, b->size)) {
		log_error("pci", PCI_FMT ": BAR %u at 0x%llx lies over RAM: not used", PCI_ARGS(d), bar,
		          (unsigned long long)b->base.v);
		return E_CORRUPT;
	}
	e = hal_map_device(b->base, b->size, HAL_MAP_RW | HAL_MAP_UC, out);
	if (e == OK)
		*size = b->size;
	return e;
}
