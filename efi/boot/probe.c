/* SPDX-License-Identifier: Apache-2.0 */
/* What the firmware can tell us and only before ExitBootServices: ACPI root, device tree, framebuffer,
 * Secure Boot state, entropy, UTC. Each is optional; a value that makes no sense is left out. */
#include "boot.h"
#include <core/fdt.h>

static EFI_GUID acpi20_guid = ACPI_20_TABLE_GUID;
static EFI_GUID acpi10_guid = ACPI_TABLE_GUID;
static EFI_GUID fdt_guid = {0xb1b621d5, 0xf19c, 0x41a5, {0x83, 0x0b, 0xd9, 0x15, 0x2c, 0x69, 0xaa, 0xe0}};
static EFI_GUID gop_guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
static EFI_GUID global_guid = EFI_GLOBAL_VARIABLE;
static EFI_GUID rng_guid = {0x3152bca5, 0xeade, 0x433d, {0x86, 0x2e, 0xc0, 0x1c, 0xdc, 0x29, 0x1f, 0x44}};

#define FDT_MAGIC 0xd00dfeedu
#define FDT_HEADER_BYTES 40u

/* EFI_RNG_PROTOCOL (UEFI 2.10 37.5), absent from the headers. */
struct efi_rng {
	EFI_STATUS (EFIAPI *get_info)(struct efi_rng *self, UINTN *size, EFI_GUID *list);
	EFI_STATUS (EFIAPI *get_rng)(struct efi_rng *self, EFI_GUID *algorithm, UINTN len, UINT8 *dst);
};

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The firmware's tree may lie in memory that is ours after boot services: it is copied, whatever it holds (Devicetree Specification 0.4, 5.2:
 * magic, total size). */
static void probe_fdt(struct boot_info *bi, const void *tree)
{
	uint32_t size;
	uint64_t copy;

	if (bi->fdt.v || be32(tree) != FDT_MAGIC)
		return;
	size = be32((const uint8_t *)tree + 4);
	if (size < FDT_HEADER_BYTES || size > FDT_MAX_BYTES || !(copy = boot_alloc_keep(size, UINT64_MAX)))
		return;
	__builtin_memcpy((void *)copy, tree, size);
	bi->fdt = HPA(copy);
	bi->fdt_size = size;
}

static void probe_tables(struct boot_info *bi)
{
	uint64_t acpi1 = 0;

	for (UINTN i = 0; i < boot_env.st->NumberOfTableEntries; i++) {
		const EFI_CONFIGURATION_TABLE *t = &boot_env.st->ConfigurationTable[i];

		if (!__builtin_memcmp(&t->VendorGuid, &acpi20_guid, sizeof(EFI_GUID)))
			bi->rsdp = HPA((uint64_t)t->VendorTable);
		else if (!__builtin_memcmp(&t->VendorGuid, &acpi10_guid, sizeof(EFI_GUID)))
			acpi1 = (uint64_t)t->VendorTable;
		else if (!__builtin_memcmp(&t->VendorGuid, &fdt_guid, sizeof(EFI_GUID)))
			probe_fdt(bi, t->VendorTable);
	}
	if (!bi->rsdp.v)
		bi->rsdp = HPA(acpi1);
}

static void probe_framebuffer(struct boot_info *bi)
{
	EFI_GRAPHICS_OUTPUT_PROTOCOL *gop = NULL;
	const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *mi;
	struct boot_framebuffer fb = {0};

	if (EFI_ERROR(boot_env.bs->LocateProtocol(&gop_guid, NULL, (void **)&gop)) || !gop->Mode || !gop->Mode->Info)
		return;
	mi = gop->Mode->Info;
	if (mi->PixelFormat == PixelBitMask) {
		if (mi->PixelInformation.GreenMask != 0xff00)
			return;
		fb.bgr = mi->PixelInformation.BlueMask == 0xff;
	} else if (mi->PixelFormat == PixelBlueGreenRedReserved8BitPerColor) {
		fb.bgr = true;
	} else if (mi->PixelFormat != PixelRedGreenBlueReserved8BitPerColor) {
		return; /* no linear framebuffer */
	}
	fb.base = HPA(gop->Mode->FrameBufferBase);
	fb.size = gop->Mode->FrameBufferSize;
	fb.width = mi->HorizontalResolution;
	fb.height = mi->VerticalResolution;
	if (!fb.base.v || fb.width > 16384 || fb.height > 16384 || mi->PixelsPerScanLine > 32768)
		return;
	fb.pitch_bytes = mi->PixelsPerScanLine * 4;
	if (fb.width > mi->PixelsPerScanLine || (uint64_t)fb.pitch_bytes * fb.height > fb.size)
		return;
	bi->fb = fb;
}

static bool probe_flag(const CHAR16 *name)
{
	UINT8 value = 0;
	UINTN size = sizeof(value);
	EFI_STATUS s = boot_env.st->RuntimeServices->GetVariable((CHAR16 *)name, &global_guid, NULL, &size, &value);

	return !EFI_ERROR(s) && size == 1 && value == 1;
}

static void probe_entropy(struct boot_info *bi)
{
	struct efi_rng *rng = NULL;

	if (EFI_ERROR(boot_env.bs->LocateProtocol(&rng_guid, NULL, (void **)&rng)))
		return;
	bi->entropy_ok = !EFI_ERROR(rng->get_rng(rng, NULL, sizeof(bi->entropy), bi->entropy));
}

/* Days since 1970-01-01 of a date of the Gregorian calendar, counting years from March. */
static int64_t days_from_date(int64_t y, unsigned m, unsigned d)
{
	int64_t era;
	unsigned yoe, doy;

	y -= m <= 2;
	era = y / 400;
	yoe = (unsigned)(y - era * 400);
	doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void probe_time(struct boot_info *bi)
{
	EFI_TIME t;

	if (EFI_ERROR(boot_env.st->RuntimeServices->GetTime(&t, NULL)))
		return;
	if (t.Year < 1998 || t.Year > 9999 || t.Month < 1 || t.Month > 12 || t.Day < 1 || t.Day > 31 ||
	    t.Hour > 23 || t.Minute > 59 || t.Second > 59)
		return;
	bi->utc_s = days_from_date(t.Year, t.Month, t.Day) * 86400 + t.Hour * 3600 + t.Minute * 60 + t.Second;
	/* Local time = UTC - TimeZone (UEFI 2.10 8.3); a clock without a zone is taken as UTC. */
	if (t.TimeZone >= -1440 && t.TimeZone <= 1440)
		bi->utc_s += (int64_t)t.TimeZone * 60;
}

void boot_probe(struct boot_info *bi)
{
	probe_tables(bi);
	probe_framebuffer(bi);
	bi->secure_boot = probe_flag(u"SecureBoot") && !probe_flag(u"SetupMode");
	probe_entropy(bi);
	probe_time(bi);
}
