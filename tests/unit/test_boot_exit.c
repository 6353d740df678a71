/* SPDX-License-Identifier: Apache-2.0 */
/* Leaving boot services: the real way in on boot services that the test plays. The memory map changes with each allocation and once more
 * behind our back, its buffer is too small at first, and after the first ExitBootServices nothing but memory services may be called. */
#include "tap.h"
#include <stdlib.h>
#include <string.h>
/* Both folders have a MIN and a MAX of their own. */
#include "efi/boot/regions.c"
#include "efi/boot/memmap.c"
#include "efi/boot/boot.c"

enum { DESCS = 40, STRIDE = 48, MORE = 64 };

static EFI_BOOT_SERVICES bs;
static EFI_SYSTEM_TABLE st;
static EFI_LOADED_IMAGE loaded;
static SIMPLE_TEXT_OUTPUT_INTERFACE con;
static uint8_t map[(DESCS + MORE) * STRIDE];
static unsigned ndescs, key, exits, refusals, bad_calls, prints;
static bool exit_tried, left, grows_on_exit;
static _Alignas(4096) uint8_t arena[4 << 20];
static size_t arena_used;
static void *pool; /* the one allocation that is open; it stays so after the exit */

/* What differs between architectures; nothing needs to lie low here. */
const uint64_t boot_tables_max = UINT64_MAX;
void boot_arch_alloc(struct boot_info *bi);
void boot_arch_alloc(struct boot_info *bi) { (void)bi; }
void boot_files_load(struct boot_info *bi) { (void)bi; }
void boot_probe(struct boot_info *bi) { (void)bi; }

static void map_grow(unsigned n)
{
	for (; n && ndescs < DESCS + MORE; n--, ndescs++) {
		struct efi_desc d = {.type = 7, .base = 0x1000000ull + ndescs * 0x200000ull, .pages = 256, .attr = 8};

		memcpy(map + ndescs * STRIDE, &d, sizeof(d));
	}
	key++;
}

static EFI_STATUS EFIAPI get_map(UINTN *size, EFI_MEMORY_DESCRIPTOR *dst, UINTN *map_key, UINTN *stride, UINT32 *version)
{
	UINTN need = ndescs * STRIDE;

	bad_calls += left;
	*stride = STRIDE;
	*version = 1;
	if (*size < need) {
		*size = need;
		return EFI_BUFFER_TOO_SMALL;
	}
	memcpy(dst, map, need);
	*size = need;
	*map_key = key;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI allocate_pool(EFI_MEMORY_TYPE type, UINTN n, VOID **out)
{
	(void)type;
	bad_calls += left;
	bad_calls += pool != NULL;
	map_grow(1);
	*out = pool = malloc(n); /* of exact size: the sanitizer sees what is written beyond */
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI free_pool(VOID *p)
{
	bad_calls += left || p != pool;
	key++;
	free(p);
	pool = NULL;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI allocate_pages(EFI_ALLOCATE_TYPE type, EFI_MEMORY_TYPE memory, UINTN n, EFI_PHYSICAL_ADDRESS *at)
{
	(void)type;
	(void)memory;
	bad_calls += left;
	map_grow(1);
	if (n * 4096 > sizeof(arena) - arena_used)
		return EFI_OUT_OF_RESOURCES;
	*at = (uintptr_t)arena + arena_used;
	arena_used += n * 4096;
	return EFI_SUCCESS;
}

/* UEFI 2.10 7.4.6: refuses a key that is not the current one. */
static EFI_STATUS EFIAPI exit_services(EFI_HANDLE image, UINTN map_key)
{
	(void)image;
	exits++;
	exit_tried = true;
	if (grows_on_exit) { /* an event handler that allocates: more than the buffer has room for */
		grows_on_exit = false;
		map_grow(MORE / 2);
	}
	if (exits <= refusals || map_key != key) {
		key++;
		return EFI_INVALID_PARAMETER;
	}
	left = true;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI handle_protocol(EFI_HANDLE handle, EFI_GUID *guid, VOID **out)
{
	(void)handle;
	(void)guid;
	bad_calls += exit_tried;
	*out = &loaded;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI set_watchdog(UINTN timeout, UINT64 code, UINTN n, CHAR16 *data)
{
	(void)timeout, (void)code, (void)n, (void)data;
	bad_calls += exit_tried;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI print(SIMPLE_TEXT_OUTPUT_INTERFACE *c, CHAR16 *text)
{
	(void)c, (void)text;
	prints++;
	bad_calls += exit_tried;
	return EFI_SUCCESS;
}

/* A machine that refuses the first exits whatever the key is. */
static EFI_STATUS enter(unsigned refuse, bool grows)
{
	memset(&boot_env, 0, sizeof(boot_env));
	memset(&info, 0, sizeof(info));
	boot_info = NULL;
	free(pool);
	pool = NULL;
	arena_used = 0;
	nkeeps = 0;
	ndescs = exits = bad_calls = prints = 0;
	exit_tried = left = false;
	refusals = refuse;
	grows_on_exit = grows;
	map_grow(DESCS);
	bs = (EFI_BOOT_SERVICES){.GetMemoryMap = get_map, .AllocatePool = allocate_pool, .FreePool = free_pool, .AllocatePages = allocate_pages,
				 .ExitBootServices = exit_services, .HandleProtocol = handle_protocol, .SetWatchdogTimer = set_watchdog};
	con = (SIMPLE_TEXT_OUTPUT_INTERFACE){.OutputString = print};
	st = (EFI_SYSTEM_TABLE){.BootServices = &bs, .ConOut = &con};
	loaded = (EFI_LOADED_IMAGE){.ImageBase = (void *)0x1000000, .ImageSize = 0x100000};
	return boot_enter(NULL, &st);
}

static unsigned free_regions(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < info.nregions; i++)
		n += info.regions[i].kind == BOOT_RAM_FREE;
	return n;
}

int main(void)
{
	unsigned plain;

	ok(enter(0, false) == EFI_SUCCESS && exits == 1 && left && boot_info == &info, "leaves boot services at the first try");
	plain = free_regions();
	ok(plain >= DESCS && !bad_calls, "and has the map");
	ok(enter(0, true) == EFI_SUCCESS && exits == 2 && left, "the map changes behind our back: tries again with the new key");
	ok(free_regions() >= plain + MORE / 2, "and has the new map, for which the buffer was too small");
	ok_eq(bad_calls, 0, "with memory services alone");
	ok(enter(3, false) == EFI_SUCCESS && exits == 4 && left && !bad_calls, "and again");
	ok(enter(1000, false) == EFI_INVALID_PARAMETER && exits == EXIT_TRIES && !boot_info, "but not for ever");
	ok(prints && !bad_calls, "and then says nothing, since the console is no memory service");
	free(pool);
	return tap_done();
}
