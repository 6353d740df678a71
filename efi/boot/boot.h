/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the way in share. All of it runs once, on the boot CPU, inside the UEFI environment
 * (UEFI 2.10 chapters 2, 4, 7); nothing here is called after ExitBootServices but boot_map_finish.
 * It knows the UEFI headers and core/boot_info.h and nothing else of Caisson. */
#ifndef EFI_BOOT_BOOT_H
#define EFI_BOOT_BOOT_H
#include <efi.h>
#include <core/boot_info.h>

#define BOOT_PAGE 4096ull
#define BOOT_PAGES(bytes) (((bytes) + BOOT_PAGE - 1) / BOOT_PAGE)

/* The UEFI environment, set by boot_enter. */
struct boot_env {
	EFI_HANDLE image;
	EFI_SYSTEM_TABLE *st;
	EFI_BOOT_SERVICES *bs;
	EFI_LOADED_IMAGE *loaded;
	bool leaving; /* ExitBootServices was called: of boot services only those of memory are left, whatever it answered */
};
extern struct boot_env boot_env;

/* Called by crt0.S. Returns EFI_SUCCESS after ExitBootServices, anything else goes back to the firmware. */
EFI_STATUS boot_enter(EFI_HANDLE image, EFI_SYSTEM_TABLE *st);

/* Prints one line on the firmware's console, while there is one. */
void boot_print(const char *text, const char *detail);

/* Pages that we keep: recorded, so that the final map shows them as BOOT_RAM_IMAGE. Zeroed.
 * max is the highest address of the last byte. Returns 0 when there are none. */
uint64_t boot_alloc_keep(uint64_t bytes, uint64_t max);
void boot_keep(uint64_t base, uint64_t bytes);
bool boot_keep_room(void);

void boot_files_load(struct boot_info *bi);
void boot_probe(struct boot_info *bi);

/* boot/<arch>/low.c. What must lie low for the sake of starting CPUs: the last address at which page tables may end, and pages of its own. */
extern const uint64_t boot_tables_max;
void boot_arch_alloc(struct boot_info *bi);

/* Allocates room for page tables by the shape of the memory map. */
EFI_STATUS boot_tables_alloc(struct boot_info *bi);
/* Takes the map and leaves boot services; then turns the map into bi->regions. */
EFI_STATUS boot_map_exit(struct boot_info *bi);

#endif
