/* SPDX-License-Identifier: Apache-2.0 */
/* Takes the memory map in the last step before ExitBootServices (UEFI 2.10 7.2.3, 7.4.6) and keeps the list of what
 * must stay: boot_keep's ranges become BOOT_RAM_IMAGE, every other loader and boot services page is free. */
#include "boot.h"
#include "regions.h"

#define MAX_KEEP (BOOT_MAX_FILES + 8)
#define EXIT_TRIES 8
#define MAP_SLACK_DESCRIPTORS 32
/* Tables for both views of the address space beside the map of RAM: top levels, areas, fault stacks, the image. */
#define TABLE_PAGES_BASE 96

_Static_assert(sizeof(struct efi_desc) == sizeof(EFI_MEMORY_DESCRIPTOR), "UEFI 2.10 7.2.3");
_Static_assert(offsetof(struct efi_desc, attr) == offsetof(EFI_MEMORY_DESCRIPTOR, Attribute), "UEFI 2.10 7.2.3");

static struct boot_range keeps[MAX_KEEP]; /* sorted by base */
static unsigned nkeeps;

struct raw_map { uint8_t *buf; UINTN cap, size, key, stride; };

bool boot_keep_room(void)
{
	return nkeeps < MAX_KEEP;
}

void boot_keep(uint64_t base, uint64_t bytes)
{
	unsigned i = nkeeps;

	if (nkeeps == MAX_KEEP || !bytes)
		return;
	for (; i > 0 && keeps[i - 1].base > base; i--)
		keeps[i] = keeps[i - 1];
	keeps[i] = (struct boot_range){base, bytes};
	nkeeps++;
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

EFI_STATUS boot_tables_alloc(struct boot_info *bi)
{
	struct raw_map m = {0};
	EFI_STATUS s = map_get_growing(&m);

	if (EFI_ERROR(s))
		return s;
	bi->tables_pages = TABLE_PAGES_BASE + regions_table_pages(m.buf, m.size / m.stride, m.stride);
	boot_env.bs->FreePool(m.buf);
	bi->tables = HPA(boot_alloc_keep(bi->tables_pages * BOOT_PAGE, boot_tables_max));
	return bi->tables.v ? EFI_SUCCESS : EFI_OUT_OF_RESOURCES;
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
		boot_env.leaving = true;
		s = boot_env.bs->ExitBootServices(boot_env.image, m.key);
		if (!EFI_ERROR(s))
			break;
	}
	if (EFI_ERROR(s))
		return s;
	regions_build(bi, m.buf, m.size / m.stride, m.stride, keeps, nkeeps);
	return EFI_SUCCESS;
}
