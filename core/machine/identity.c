/* SPDX-License-Identifier: Apache-2.0 */
/* What the identity map holds: RAM and the image with the rights that they need, and in the second view the regions that UEFI runtime
 * services use. Boot CPU, once, while the tables are not yet live. Knows rights, no table format. */
#include "paging.h"
#include <core/arith.h>
#include <core/boot_info.h>
#include <core/panic.h>

/* Section borders, from the linker script. */
#define BORDER extern const char __attribute__((visibility("hidden")))
BORDER image_base[], image_text[], image_text_end[], image_data[], image_bss_end[], image_end[], boot_stack_guard[];

#define UNMAPPED UINT32_MAX

static void must(err_t e, const char *what)
{
	if (e != OK)
		panic("paging: the tables of %s: %s", what, err_name(e));
}

static unsigned region_flags(const struct boot_region *r)
{
	switch (r->kind) {
	case BOOT_RAM_FREE: case BOOT_RAM_IMAGE:
		return PAGING_WRITE;
	case BOOT_RAM_ACPI: case BOOT_RAM_RUNTIME_CODE: case BOOT_RAM_RUNTIME_DATA:
		return 0;
	default:
		return UNMAPPED;
	}
}

static void map_ram(void)
{
	const struct boot_region *r = boot_info->regions, *end = r + boot_info->nregions;

	while (r < end) {
		uint64_t base = r->base.v, size = r->size;
		unsigned flags = region_flags(r);

		/* Neighbours with the same rights become one range, so that large pages fit. */
		for (r++; r < end && region_flags(r) == flags && r->base.v == base + size; r++)
			size += r->size;
		if (flags != UNMAPPED)
			must(paging_build_map(PAGING_MAIN, base, size, flags), "RAM");
	}
}

static void map_section(const char *from, const char *to, unsigned flags)
{
	uint64_t a = align_down((uint64_t)from, PAGE_SIZE), b = align_up((uint64_t)to, PAGE_SIZE);

	if (a < b)
		must(paging_build_map(PAGING_MAIN, a, b - a, flags), "the image");
}

void identity_build_main(void)
{
	map_ram();
	map_section(image_base, image_text, 0);
	map_section(image_text, image_text_end, PAGING_EXEC);
	map_section(image_text_end, image_data, 0); /* constants, also those that held relocations */
	map_section(image_data, image_bss_end, PAGING_WRITE);
	map_section(image_bss_end, image_end, 0);
	must(paging_build_unmap((uint64_t)boot_stack_guard, PAGE_SIZE), "the boot stack");
}

/* The view for runtime services: the same but for the regions that the firmware runs in (UEFI 2.10 2.3.4, 7.2.3:
 * EFI_MEMORY_RUNTIME). They are writable and executable only there. */
void identity_build_runtime(void)
{
	for (unsigned i = 0; i < boot_info->nregions; i++) {
		const struct boot_region *r = &boot_info->regions[i];
		unsigned flags = PAGING_WRITE;

		if (r->kind == BOOT_RAM_RUNTIME_CODE)
			flags |= PAGING_EXEC;
		else if ((r->efi_attr >> 63) && (r->kind == BOOT_MMIO || r->kind == BOOT_RESERVED))
			flags |= PAGING_UC;
		else if (r->kind != BOOT_RAM_RUNTIME_DATA)
			continue;
		must(paging_build_map(PAGING_RUNTIME, r->base.v, r->size, flags), "runtime services");
	}
}
