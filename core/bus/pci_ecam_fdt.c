/* SPDX-License-Identifier: Apache-2.0 */
/* Windows of memory-mapped configuration space by a device tree: pci-host-ecam-generic (Linux's binding host-generic-pci). Boot CPU. */
#include "pci_cfg.h"
#include <core/fdt.h>

#define BUS_BYTES (1ull << 20)

void pci_ecam_from_fdt(pci_ecam_fn add)
{
	static const char *const names[] = {"pci-host-ecam-generic"};

	for (int node = -1; (node = fdt_next_compatible(node, names, 1)) >= 0;) {
		uint32_t segment = 0, first = 0, last;
		uint64_t base, size;

		if (!fdt_is_enabled(node) || !fdt_reg(node, 0, &base, &size) || size < BUS_BYTES)
			continue;
		fdt_cell(node, "linux,pci-domain", 0, &segment);
		if (!fdt_cell(node, "bus-range", 0, &first) || !fdt_cell(node, "bus-range", 1, &last))
			last = 255;
		if (first > 255 || last > 255 || first > last || segment > UINT16_MAX || base < first * BUS_BYTES)
			continue;
		if (last - first >= size / BUS_BYTES)
			last = first + (uint32_t)(size / BUS_BYTES) - 1;
		/* The window begins with the first bus; what is kept is where bus 0 would be. */
		add(base - first * BUS_BYTES, (uint16_t)segment, (uint8_t)first, (uint8_t)last);
	}
}
