/* SPDX-License-Identifier: Apache-2.0 */
/* Turning the firmware's memory descriptors into boot_info's regions: pure, without UEFI headers or services, so that
 * unit tests run it on the host. */
#ifndef EFI_BOOT_REGIONS_H
#define EFI_BOOT_REGIONS_H
#include <core/boot_info.h>

/* EFI_MEMORY_DESCRIPTOR (UEFI 2.10 7.2.3); the firmware's stride between two may be larger. */
struct efi_desc { uint32_t type, pad; uint64_t base, virt, pages, attr; };

struct boot_range { uint64_t base, size; };

enum boot_region_kind regions_kind(const struct efi_desc *d);
/* Pages that cover the page tables of an identity map of the RAM in the map. */
uint64_t regions_table_pages(const void *map, uint64_t count, uint64_t stride);
/* Sorts the descriptors in place, then fills bi->regions: sorted, disjoint, neighbours merged; free ranges within keeps
 * (sorted by base) become BOOT_RAM_IMAGE; page zero is reserved. Descriptors that make no sense are left out. */
void regions_build(struct boot_info *bi, void *map, uint64_t count, uint64_t stride, const struct boot_range *keeps,
		   unsigned nkeeps);

#endif
