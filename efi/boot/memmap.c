/* SPDX-License-Identifier: Apache-2.0 */
/* The memory map: taken in the last step before ExitBootServices (UEFI 2.10 7.2.3, 7.4.6), then sorted and
 * reduced to boot_info's regions. What boot_keep recorded becomes BOOT_RAM_IMAGE; every other loader and
 * boot services page is free. The firmware's descriptors are not trusted to be sorted or disjoint. */
#include "boot.h"

#define MAX_KEEP (BOOT_MAX_FILES + 8)
#define EXIT_TRIES 8
#define MAP_SLACK_DESCRIPTORS 32

struct range { uint64_t base, size; };
static struct range keeps[MAX_KEEP]; /* sorted by base */
static unsigned nkeeps;

struct raw_map { uint8_t *buf; UINTN cap, size, key, stride; };

void boot_keep(uint64_t base, uint64_t bytes)
{
	unsigned i = nkeeps;

	if (nkeeps == MAX_KEEP || !bytes)
		return;
	for (; i > 0 && keeps[i - 1].base > base; i--)
		keeps[i] = keeps[i - 1];
	keeps[i] = (struct range){base, bytes};
	nkeeps++;
}

static EFI_MEMORY_DESCRIPTOR *map_at(const struct raw_map *m, UINTN i)
{
	return (EFI_MEMORY_DESCRIPTOR *)(m->buf + i * m->stride);
}

static UINTN map_count(const struct raw_map *m)
{
	return m->stride ? m->size / m->stride : 0;
}

static EFI_STATUS map_get(struct raw_map *m)
{
	UINT32 version;

	m->size = m->cap;
	return boot_env.bs->GetMemoryMap(&m->size, (EFI_MEMORY_DESCRIPTOR *)m->buf, &m->key, &m->stride, &version);
}

/* Gets the map into a buffer that is big enough; the allocation itself changes the map, hence the slack. */
static EFI_STATUS map_get_growing(struct raw_map *m)
{
	EFI_STATUS s = map_get(m);

	for (int tries = 0; s == EFI_BUFFER_TOO_SMALL && tries < EXIT_TRIES; tries++) {
		if (m->buf)
			boot_env.bs->FreePool(m->buf);
		m->cap = m->size + MAP_SLACK_DESCRIPTORS * (m->stride ? m->stride : 64);
		m->buf = NULL;
		s = boot_env.bs->AllocatePool(EfiLoaderData, m->cap, (void **)&m->buf);
		if (EFI_ERROR(s)) {
			m->cap = 0;
			return s;
		}
		s = map_get(m);
	}
	if (!EFI_ERROR(s) && m->stride < sizeof(EFI_MEMORY_DESCRIPTOR))
		return EFI_UNSUPPORTED;
	return s;
}

static enum boot_region_kind kind_of(const EFI_MEMORY_DESCRIPTOR *d)
{
	switch (d->Type) {
	case EfiLoaderCode: case EfiLoaderData: case EfiBootServicesCode: case EfiBootServicesData:
	case EfiConventionalMemory:
		/* Memory that cannot be cached, or that is set apart for a purpose (EFI_MEMORY_SP), is not for us. */
		return (d->Attribute & EFI_MEMORY_WB) && !(d->Attribute & 0x40000ull) ? BOOT_RAM_FREE : BOOT_RESERVED;
	case EfiRuntimeServicesCode: return BOOT_RAM_RUNTIME_CODE;
	case EfiRuntimeServicesData: return BOOT_RAM_RUNTIME_DATA;
	case EfiACPIReclaimMemory: case EfiACPIMemoryNVS: return BOOT_RAM_ACPI;
	case EfiMemoryMappedIO: case EfiMemoryMappedIOPortSpace: return BOOT_MMIO;
	default: return BOOT_RESERVED;
	}
}

EFI_STATUS boot_tables_alloc(struct boot_info *bi)
{
	struct raw_map m = {0};
	uint64_t pages = 64, last_block = UINT64_MAX, last_gib = UINT64_MAX;
	EFI_STATUS s = map_get_growing(&m);

	if (EFI_ERROR(s))
		return s;
	/* One directory for each GiB that has RAM, one table for each 2 MiB block in which a region begins or
	 * ends; counting a block twice only makes us generous. */
	for (UINTN i = 0; i < map_count(&m); i++) {
		const EFI_MEMORY_DESCRIPTOR *d = map_at(&m, i);
		uint64_t end = d->PhysicalStart + d->NumberOfPages * BOOT_PAGE;

		if (kind_of(d) == BOOT_RESERVED || kind_of(d) == BOOT_MMIO || end <= d->PhysicalStart)
			continue;
		if (d->PhysicalStart >> 30 != last_gib)
			pages++;
		pages += ((end - 1) >> 30) - (d->PhysicalStart >> 30);
		if (d->PhysicalStart >> 21 != last_block)
			pages++;
		if (end >> 21 != d->PhysicalStart >> 21)
			pages++;
		last_gib = (end - 1) >> 30;
		last_block = end >> 21;
	}
	boot_env.bs->FreePool(m.buf);
	bi->tables = HPA(boot_alloc_keep(pages * BOOT_PAGE, 0xffffffffull));
	bi->tables_pages = pages;
	return bi->tables.v ? EFI_SUCCESS : EFI_OUT_OF_RESOURCES;
}

static void map_sort(const struct raw_map *m)
{
	uint8_t tmp[256];

	if (m->stride > sizeof(tmp))
		return; /* no known firmware; the caller clips overlaps and drops what is out of order */
	for (UINTN i = 1; i < map_count(m); i++) {
		UINTN j = i;

		__builtin_memcpy(tmp, map_at(m, i), m->stride);
		for (; j > 0 && map_at(m, j - 1)->PhysicalStart > ((EFI_MEMORY_DESCRIPTOR *)tmp)->PhysicalStart; j--)
			__builtin_memcpy(map_at(m, j), map_at(m, j - 1), m->stride);
		__builtin_memcpy(map_at(m, j), tmp, m->stride);
	}
}

static void region_add(struct boot_info *bi, uint64_t base, uint64_t end, enum boot_region_kind kind,
		       const EFI_MEMORY_DESCRIPTOR *d)
{
	struct boot_region *last = bi->nregions ? &bi->regions[bi->nregions - 1] : NULL;
	bool ours = kind == BOOT_RAM_FREE || kind == BOOT_RAM_IMAGE;

	if (base >= end)
		return;
	if (last && last->kind == kind && last->base.v + last->size == base &&
	    (ours || (last->efi_type == d->Type && last->efi_attr == d->Attribute))) {
		last->size += end - base;
		return;
	}
	/* A full table loses free memory rather than firmware regions, which come without merging. */
	if (bi->nregions == BOOT_MAX_REGIONS || (kind == BOOT_RAM_FREE && bi->nregions > BOOT_MAX_REGIONS - 64))
		return;
	bi->regions[bi->nregions++] = (struct boot_region){
		.base = HPA(base), .size = end - base, .kind = kind, .efi_type = d->Type, .efi_attr = d->Attribute,
	};
}

/* Adds a free range, with the parts that we keep shown as image. */
static void region_add_carved(struct boot_info *bi, uint64_t base, uint64_t end, const EFI_MEMORY_DESCRIPTOR *d)
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

static void regions_build(struct boot_info *bi, const struct raw_map *m)
{
	uint64_t done = 0;

	map_sort(m);
	for (UINTN i = 0; i < map_count(m); i++) {
		const EFI_MEMORY_DESCRIPTOR *d = map_at(m, i);
		uint64_t base = d->PhysicalStart, end;
		enum boot_region_kind kind = kind_of(d);

		if (d->NumberOfPages > (UINT64_MAX - base) / BOOT_PAGE || base % BOOT_PAGE)
			continue;
		end = base + d->NumberOfPages * BOOT_PAGE;
		if (base < done)
			base = done;
		if (base >= end)
			continue;
		done = end;
		if (base == 0 && kind == BOOT_RAM_FREE) { /* page zero is never used: it catches null pointers */
			region_add(bi, 0, BOOT_PAGE, BOOT_RESERVED, d);
			base = BOOT_PAGE;
		}
		if (kind == BOOT_RAM_FREE)
			region_add_carved(bi, base, end, d);
		else
			region_add(bi, base, end, kind, d);
	}
}

EFI_STATUS boot_map_exit(struct boot_info *bi)
{
	struct raw_map m = {0};
	EFI_STATUS s = EFI_ABORTED;

	/* The key goes stale when an event handler allocates between the two calls: get it again. After the first
	 * failed exit only memory services may be called (UEFI 2.10 7.4.6). */
	for (int tries = 0; tries < EXIT_TRIES; tries++) {
		s = map_get_growing(&m);
		if (EFI_ERROR(s))
			return s;
		s = boot_env.bs->ExitBootServices(boot_env.image, m.key);
		if (!EFI_ERROR(s))
			break;
	}
	if (EFI_ERROR(s))
		return s;
	regions_build(bi, &m);
	return EFI_SUCCESS;
}
