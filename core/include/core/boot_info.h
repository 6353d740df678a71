/* SPDX-License-Identifier: Apache-2.0 */
/* What the way in (efi/) hands to the machine layer: made once before ExitBootServices, const afterwards. */
#ifndef CORE_BOOT_INFO_H
#define CORE_BOOT_INFO_H
#include <core/addr.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOOT_MAX_REGIONS 512
#define BOOT_MAX_FILES 32
#define BOOT_NAME_MAX 64

enum boot_region_kind {
	BOOT_RAM_FREE,     /* conventional, boot services, loader: ours */
	BOOT_RAM_IMAGE,    /* this image, boot_info and the files it points to: stays */
	BOOT_RAM_RUNTIME_CODE, BOOT_RAM_RUNTIME_DATA, /* UEFI runtime services */
	BOOT_RAM_ACPI,     /* ACPI tables; read only for us */
	BOOT_MMIO, BOOT_RESERVED,
};

struct boot_region { struct hpa base; uint64_t size; enum boot_region_kind kind; uint32_t efi_type; uint64_t efi_attr; };

/* A file of the folder caisson/ on the volume that the image was loaded from; data is in RAM_IMAGE pages, page aligned. */
struct boot_file { char name[BOOT_NAME_MAX]; const void *data; uint64_t size; };

struct boot_framebuffer { struct hpa base; uint64_t size; uint32_t width, height, pitch_bytes; bool bgr; };

struct boot_info {
	struct boot_region regions[BOOT_MAX_REGIONS]; /* sorted by base, not overlapping */
	unsigned nregions;
	struct hpa image_base; uint64_t image_size;
	struct hpa rsdp;        /* ACPI root, v == 0 when none */
	struct hpa fdt;         /* flattened device tree, v == 0 when none: a copy (RAM_IMAGE), not looked at yet */
	uint64_t fdt_size;
	struct boot_framebuffer fb; /* width == 0 when none */
	struct hpa runtime_services; /* EFI_RUNTIME_SERVICES, identity mapped */
	bool secure_boot;
	uint8_t entropy[64]; bool entropy_ok; /* from EFI_RNG_PROTOCOL when ok */
	int64_t utc_s;          /* UTC at boot, seconds since 1970; 0 unknown */
	const struct boot_file *config; /* caisson.yaml or NULL */
	struct boot_file files[BOOT_MAX_FILES]; unsigned nfiles;
	char firmware[64];      /* vendor and revision */
	struct hpa smp_low;     /* two pages below 1 MiB in which CPUs are started, v == 0 when none (RAM_IMAGE) */
	struct hpa tables; uint64_t tables_pages; /* zeroed pages for the first page tables, on x86 below 4 GiB (RAM_IMAGE) */
};

extern const struct boot_info *boot_info; /* set once by the way in */

#endif
