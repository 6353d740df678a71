/* SPDX-License-Identifier: Apache-2.0 */
/* The way in: from the entry point to the moment when boot services are gone. Builds the one struct
 * boot_info, on the boot CPU, on the firmware's stack. Everything optional may be missing (no volume,
 * no framebuffer, no entropy); only memory for ourselves is needed. */
#include "boot.h"

struct boot_env boot_env;
static struct boot_info info;
const struct boot_info *boot_info;

static EFI_GUID loaded_image_guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;

void boot_print(const char *text, const char *detail)
{
	CHAR16 line[160];
	unsigned n = 0;

	if (!boot_env.st->ConOut || boot_env.leaving)
		return;
	for (; *text && n < 100; text++)
		line[n++] = (CHAR16)(unsigned char)*text;
	for (; detail && *detail && n < 150; detail++)
		line[n++] = (CHAR16)(unsigned char)*detail;
	line[n++] = '\r';
	line[n++] = '\n';
	line[n] = 0;
	boot_env.st->ConOut->OutputString(boot_env.st->ConOut, line);
}

uint64_t boot_alloc_keep(uint64_t bytes, uint64_t max)
{
	EFI_PHYSICAL_ADDRESS a = max;

	if (!bytes || bytes > UINT64_MAX - BOOT_PAGE || !boot_keep_room())
		return 0;
	if (EFI_ERROR(boot_env.bs->AllocatePages(AllocateMaxAddress, EfiLoaderData, BOOT_PAGES(bytes), &a)))
		return 0;
	__builtin_memset((void *)a, 0, BOOT_PAGES(bytes) * BOOT_PAGE);
	boot_keep(a, BOOT_PAGES(bytes) * BOOT_PAGE);
	return a;
}

static void boot_describe_firmware(struct boot_info *bi)
{
	static const char hex[] = "0123456789abcdef";
	const CHAR16 *v = boot_env.st->FirmwareVendor;
	uint32_t rev = boot_env.st->FirmwareRevision;
	unsigned n = 0;

	for (; v && *v && n < sizeof(bi->firmware) - 12; v++)
		bi->firmware[n++] = *v >= 0x20 && *v < 0x7f ? (char)*v : '?';
	bi->firmware[n++] = ' ';
	for (int shift = 28; shift >= 0; shift -= 4)
		bi->firmware[n++] = hex[(rev >> shift) & 15];
	bi->firmware[n] = 0;
}

EFI_STATUS boot_enter(EFI_HANDLE image, EFI_SYSTEM_TABLE *st)
{
	EFI_STATUS s;

	boot_env.image = image;
	boot_env.st = st;
	boot_env.bs = st->BootServices;
	boot_print("Caisson: starting", NULL);
	s = st->BootServices->HandleProtocol(image, &loaded_image_guid, (void **)&boot_env.loaded);
	if (EFI_ERROR(s)) {
		boot_print("Caisson: the firmware does not say where it loaded the image", NULL);
		return s;
	}
	/* Loading big files from a slow stick may take longer than the firmware's five minutes (UEFI 2.10 3.1.2). */
	st->BootServices->SetWatchdogTimer(0, 0, 0, NULL);

	info.image_base = HPA((uint64_t)boot_env.loaded->ImageBase);
	info.image_size = BOOT_PAGES(boot_env.loaded->ImageSize) * BOOT_PAGE;
	info.runtime_services = HPA((uint64_t)st->RuntimeServices);
	boot_keep(info.image_base.v, info.image_size);
	boot_describe_firmware(&info);
	boot_files_load(&info);
	boot_probe(&info); /* after the slow part: it reads the clock */
	boot_arch_alloc(&info);
	s = boot_tables_alloc(&info);
	if (!EFI_ERROR(s))
		s = boot_map_exit(&info);
	if (EFI_ERROR(s)) {
		boot_print("Caisson: cannot leave boot services: out of memory or the map kept changing", NULL);
		return s;
	}
	boot_info = &info;
	return EFI_SUCCESS;
}
