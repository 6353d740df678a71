/* SPDX-License-Identifier: Apache-2.0 */
/* From the firmware's memory map to boot_info's regions (UEFI 2.10 7.2.3, table 7-6). Runs once after ExitBootServices;
 * pure. The firmware's descriptors are not trusted to be sorted, disjoint or sane. */
#include "regions.h"

#define PAGE 4096ull
#define ATTR_WB 0x8ull
#define ATTR_SPECIFIC_PURPOSE 0x40000ull
#define MAX_STRIDE 256
/* The last entries of a full table are for firmware regions: only free memory may be lost. */
#define TABLE_RESERVE 64

enum {
	LOADER_CODE = 1, LOADER_DATA, BS_CODE, BS_DATA, RT_CODE, RT_DATA, CONVENTIONAL, UNUSABLE, ACPI_RECLAIM, ACPI_NVS,
	MMIO, MMIO_PORTS,
};

enum boot_region_kind regions_kind(const struct efi_desc *d)
{
	switch (d->type) {
	case LOADER_CODE: case LOADER_DATA: case BS_CODE: case BS_DATA: case CONVENTIONAL:
		/* Memory that cannot be cached, or that is set apart for a purpose (EFI_MEMORY_SP), is not for us. */
		return (d->attr & ATTR_WB) && !(d->attr & ATTR_SPECIFIC_PURPOSE) ? BOOT_RAM_FREE : BOOT_RESERVED;
	case RT_CODE: return BOOT_RAM_RUNTIME_CODE;
	case RT_DATA: return BOOT_RAM_RUNTIME_DATA;
	case ACPI_RECLAIM: case ACPI_NVS: return BOOT_RAM_ACPI;
	case MMIO: case MMIO_PORTS: return BOOT_MMIO;
	default: return BOOT_RESERVED;
	}
}

static struct efi_desc *desc_at(const void *map, uint64_t stride, uint64_t i)
{
	return (struct efi_desc *)((uint8_t *)(uintptr_t)map + i * stride);
}

/* False for ranges that wrap, are empty or do not start on a page. */
static bool desc_range(const struct efi_desc *d, uint64_t *base, uint64_t *end)
{
	if (!d->pages || d->base % PAGE || d->pages > (UINT64_MAX - d->base) / PAGE)
		return false;
	*base = d->base;
	*end = d->base + d->pages * PAGE;
	return true;
}

uint64_t regions_table_pages(const void *map, uint64_t count, uint64_t stride)
{
	uint64_t pages = 0, last_gib = UINT64_MAX, last_block = UINT64_MAX;

	/* A directory for each GiB with RAM, a table for each 2 MiB block in which a region begins or ends; what is counted
	 * twice only makes us generous. */
	for (uint64_t i = 0; i < count; i++) {
		const struct efi_desc *d = desc_at(map, stride, i);
		enum boot_region_kind kind = regions_kind(d);
		uint64_t base, end;

		if (kind == BOOT_RESERVED || kind == BOOT_MMIO || !desc_range(d, &base, &end))
			continue;
		if (base >> 30 != last_gib)
			pages++;
		pages += ((end - 1) >> 30) - (base >> 30);
		if (base >> 21 != last_block)
			pages++;
		if (end >> 21 != base >> 21)
			pages++;
		last_gib = (end - 1) >> 30;
		last_block = end >> 21;
	}
	return pages;
}

/* Insertion sort: firmware lists are short and nearly sorted. */
static void descs_sort(void *map, uint64_t count, uint64_t stride)
{
	uint8_t tmp[MAX_STRIDE] __attribute__((aligned(8)));

	for (uint64_t i = 1; i < count; i++) {
		uint64_t j = i;

		__builtin_memcpy(tmp, desc_at(map, stride, i), stride);
		for (; j > 0 && desc_at(map, stride, j - 1)->base > ((struct efi_desc *)tmp)->base; j--)
			__builtin_memcpy(desc_at(map, stride, j), desc_at(map, stride, j - 1), stride);
		__builtin_memcpy(desc_at(map, stride, j), tmp, stride);
	}
}

static void region_add(struct boot_info *bi, uint64_t base, uint64_t end, enum boot_region_kind kind,
		       const struct efi_desc *d)
{
	struct boot_region *last = bi->nregions ? &bi->regions[bi->nregions - 1] : NULL;
	bool ours = kind == BOOT_RAM_FREE || kind == BOOT_RAM_IMAGE;

	if (base >= end)
		return;
	if (last && last->kind == kind && last->base.v + last->size == base &&
	    (ours || (last->efi_type == d->type && last->efi_attr == d->attr))) {
		last->size += end - base;
		return;
	}
	if (bi->nregions >= BOOT_MAX_REGIONS - (kind == BOOT_RAM_FREE ? TABLE_RESERVE : 0))
		return;
	bi->regions[bi->nregions++] = (struct boot_region){
		.base = HPA(base), .size = end - base, .kind = kind, .efi_type = d->type, .efi_attr = d->attr,
	};
}

/* Adds a free range, with the parts that we keep shown as image. */
static void region_add_carved(struct boot_info *bi, uint64_t base, uint64_t end, const struct efi_desc *d,
			      const struct boot_range *keeps, unsigned nkeeps)
{
	for (unsigned i = 0; i < nkeeps && base < end; i++) {
		uint64_t kb = keeps[i].base, ke = kb + keeps[i].size;

		if (ke <= base || kb >= end)
			continue;
		if (kb > base)
			region_add(bi, base, kb, BOOT_RAM_FREE, d);
		base = kb > base ? kb : base;
		region_add(bi, base, ke < end ? ke : end, BOOT_RAM_IMAGE, d);
		base = ke < end ? ke : end;
	}
	region_add(bi, base, end, BOOT_RAM_FREE, d);
}

void regions_build(struct boot_info *bi, void *map, uint64_t count, uint64_t stride, const struct boot_range *keeps,
		   unsigned nkeeps)
{
	uint64_t done = 0;

	bi->nregions = 0;
	if (stride <= MAX_STRIDE)
		descs_sort(map, count, stride); /* else what is out of order is clipped away below */
	for (uint64_t i = 0; i < count; i++) {
		const struct efi_desc *d = desc_at(map, stride, i);
		enum boot_region_kind kind = regions_kind(d);
		uint64_t base, end;

		if (!desc_range(d, &base, &end))
			continue;
		if (base < done)
			base = done;
		if (base >= end)
			continue;
		done = end;
		if (base == 0 && kind == BOOT_RAM_FREE) { /* page zero is never used: it catches null pointers */
			region_add(bi, 0, PAGE, BOOT_RESERVED, d);
			base = PAGE;
		}
		if (kind == BOOT_RAM_FREE)
			region_add_carved(bi, base, end, d, keeps, nkeeps);
		else
			region_add(bi, base, end, kind, d);
	}
}
