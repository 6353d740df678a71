/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a firmware gives as a device tree: the check of the whole, then all that is read of it for the machine, its console and PCI. */
#include "../fake/fake.h"
#include <core/acpi.h>
#include <core/arith.h>
#include <core/fdt.h>
#include <core/page.h>
#include <string.h>
#include "core/aarch64/platform.c"
#include "core/aarch64/platform_acpi.c"
#include "core/aarch64/platform_fdt.c"
#include "core/aarch64/platform_iort.c"
#include "core/bus/pci_cfg.h"
#include "core/drv/uart_find.h"

#define MAX_BYTES (64 * KIB)

static void window(uint64_t base, uint16_t segment, uint8_t first, uint8_t last)
{
	(void)segment;
	if (first > last || base == UINT64_MAX)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct boot_info machines[2]; /* the reader looks anew when it is another one */
	static unsigned turn;
	static struct hpa at;
	struct boot_info *b = &machines[turn ^= 1];
	struct uart_place u;
	struct platform p;

	if (!at.v) {
		fake_init(16 * MIB, 1);
		if (page_alloc(&pool_core, 4, PAGE_HOST, &at) != OK)
			__builtin_trap();
	}
	if (size > MAX_BYTES)
		return 0;
	memcpy(hal_direct(at), data, size);
	*b = fake_boot;
	b->fdt = at;
	b->fdt_size = size;
	boot_info = b;
	if (platform_from_fdt(&p) == OK && (p.ncpus > HAL_MAX_CPUS || p.ngicr > PLATFORM_MAX_GICR || p.nid_maps > PLATFORM_MAX_ID_MAPS))
		__builtin_trap();
	(void)!uart_find_fdt(&u);
	pci_ecam_from_fdt(window);
	return 0;
}
