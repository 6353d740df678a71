/* SPDX-License-Identifier: Apache-2.0 */
/* A UEFI application for tests on Bochs: its machine has no fw_cfg, so OVMF publishes no ACPI tables there. Installs
 * tables of our own (FADT, DSDT, MADT, HPET) and starts \EFI\CAISSON\CAISSON.EFI from the same volume, which thus is
 * the shipped file, byte for byte. A file \EFI\CAISSON\LOCKED makes it lock VT-x off before, as firmware with the
 * switch in its setup does. Boot services alone; describes an i440fx/PIIX machine and nothing else. Linked
 * without a relocator: no initialised data holds an address (bochs.mk checks it). */
#include <stdbool.h>
#include <stdint.h>
#include <efi.h>

/* EFI_ACPI_TABLE_PROTOCOL (UEFI 2.10, 20.2) and the head of EFI_MP_SERVICES_PROTOCOL (PI 1.8, II-13.4). */
struct acpi_table_protocol {
	EFI_STATUS (EFIAPI *install)(struct acpi_table_protocol *self, void *table, UINTN size, UINTN *key);
	EFI_STATUS (EFIAPI *uninstall)(struct acpi_table_protocol *self, UINTN key);
};
struct processor_info { uint64_t id; uint32_t status, location[3], extended[6]; };
struct mp_services {
	EFI_STATUS (EFIAPI *count)(struct mp_services *self, UINTN *all, UINTN *enabled);
	EFI_STATUS (EFIAPI *info)(struct mp_services *self, UINTN number, struct processor_info *out);
	EFI_STATUS (EFIAPI *run_all)(struct mp_services *self, void (EFIAPI *body)(void *), BOOLEAN one_by_one, EFI_EVENT done,
	                             UINTN timeout_us, void *argument, UINTN **failed);
};
_Static_assert(sizeof(struct processor_info) == 48, "EFI_PROCESSOR_INFORMATION");

enum { TABLE_MAX = 1024, HEADER = 36, MAX_CPUS = 16 };
enum { APIC_BASE = 0xfee00000, IOAPIC_BASE = 0xfec00000, HPET_BASE = 0xfed00000, HPET_ID = 0x8086a201 };
enum { SCI_IRQ = 9, RESET_PORT = 0xcf9, RESET_HARD = 0x06 };
enum { ISA_EDGE_HIGH = 0x5, ISA_LEVEL_HIGH = 0xd }; /* MPS INTI flags (ACPI 6.5, table 5.26) */

struct table { uint8_t bytes[TABLE_MAX]; uint32_t len; };

static void say(EFI_SYSTEM_TABLE *st, const CHAR16 *text)
{
	st->ConOut->OutputString(st->ConOut, (CHAR16 *)text);
}

/* ---- tables */

static void put(struct table *t, uint32_t at, unsigned size, uint64_t v)
{
	for (unsigned i = 0; i < size; i++)
		t->bytes[at + i] = (uint8_t)(v >> (8 * i));
	if (t->len < at + size)
		t->len = at + size;
}

static void add(struct table *t, unsigned size, uint64_t v)
{
	put(t, t->len, size, v);
}

/* The firmware fills in the checksum when it takes the table. */
static void begin(struct table *t, const char *signature, unsigned revision)
{
	static const char ids[24] = "CAISSNBOCHSRIG\1\0\0\0TEST\1";

	for (unsigned i = 0; i < TABLE_MAX; i++)
		t->bytes[i] = 0;
	for (unsigned i = 0; i < 4; i++)
		t->bytes[i] = (uint8_t)signature[i];
	t->bytes[8] = (uint8_t)revision;
	for (unsigned i = 0; i < 22; i++)
		t->bytes[10 + i] = (uint8_t)ids[i];
	t->len = HEADER;
	put(t, 32, 4, 1);
}

static EFI_STATUS install(struct acpi_table_protocol *acpi, struct table *t)
{
	UINTN key;

	put(t, 4, 4, t->len);
	return acpi->install(acpi, t->bytes, t->len, &key);
}

/* A generic address in port space (ACPI 6.5, 5.2.3.2). */
static void put_port(struct table *t, uint32_t at, unsigned bits, uint64_t port)
{
	put(t, at, 1, 1);
	put(t, at + 1, 1, bits);
	put(t, at + 3, 1, bits == 8 ? 1 : bits == 16 ? 2 : 3);
	put(t, at + 4, 8, port);
}

/* Where the firmware put the power management ports of the PIIX4 at 00:01.3: its register 0x40. 0: no such function. */
static uint32_t pm_base(void)
{
	const uint32_t function = 0x80000000u | 1u << 11 | 3u << 8;
	uint32_t id, base;

	__asm__ volatile("outl %0, %1" : : "a"(function), "Nd"((uint16_t)0xcf8));
	__asm__ volatile("inl %1, %0" : "=a"(id) : "Nd"((uint16_t)0xcfc));
	if (id != 0x71138086)
		return 0;
	__asm__ volatile("outl %0, %1" : : "a"(function | 0x40), "Nd"((uint16_t)0xcf8));
	__asm__ volatile("inl %1, %0" : "=a"(base) : "Nd"((uint16_t)0xcfc));
	return base & 0xffc0;
}

/* ACPI 6.5, 5.2.9, as of revision 3: the firmware adds the addresses of DSDT and FACS. */
static void make_fadt(struct table *t, uint32_t pm)
{
	begin(t, "FACP", 3);
	put(t, 46, 2, SCI_IRQ);
	if (pm) {
		put(t, 56, 4, pm);      /* PM1a event block */
		put(t, 64, 4, pm + 4);  /* PM1a control block */
		put(t, 76, 4, pm + 8);  /* PM timer */
		put(t, 88, 1, 4);
		put(t, 89, 1, 2);
		put(t, 91, 1, 4);
		put_port(t, 148, 32, pm);
		put_port(t, 172, 16, pm + 4);
		put_port(t, 208, 32, pm + 8);
	}
	put(t, 96, 2, 0xfff);   /* no C2 */
	put(t, 98, 2, 0xfff);   /* no C3 */
	put(t, 108, 1, 0x32);   /* the RTC's century */
	put(t, 109, 2, 3);      /* ISA devices and a keyboard controller */
	put(t, 112, 4, 1u << 0 | 1u << 2 | 1u << 10); /* WBINVD, C1, reset register; the PM timer has 24 bits */
	put_port(t, 116, 8, RESET_PORT);
	put(t, 128, 1, RESET_HARD);
	put(t, 243, 1, 0);
}

/* Name (_S5, Package () {Zero, Zero, Zero, Zero}): soft off is sleep type 0 of the PIIX4. */
static void make_dsdt(struct table *t)
{
	static const uint8_t aml[] = {0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x00, 0x00, 0x00, 0x00};

	begin(t, "DSDT", 2);
	for (unsigned i = 0; i < sizeof(aml); i++)
		add(t, 1, aml[i]);
}

static void add_override(struct table *t, unsigned irq, unsigned gsi, unsigned flags)
{
	add(t, 2, 2 | 10 << 8);
	add(t, 2, irq << 8);
	add(t, 4, gsi);
	add(t, 2, flags);
}

/* ACPI 6.5, 5.2.12. The PIIX3 leads PCI's lines to ISA interrupts 10 and 11, level and active high there. */
static void make_madt(struct table *t, struct mp_services *mp)
{
	UINTN all = 0, enabled = 0;

	begin(t, "APIC", 3);
	add(t, 4, APIC_BASE);
	add(t, 4, 1); /* there are 8259s */
	if (!mp || mp->count(mp, &all, &enabled) != EFI_SUCCESS)
		all = 1;
	for (UINTN i = 0; i < all && i < MAX_CPUS; i++) {
		struct processor_info info = {0};

		if (mp && mp->info(mp, i, &info) != EFI_SUCCESS)
			continue;
		add(t, 2, 0 | 8 << 8);
		add(t, 1, i);
		add(t, 1, info.id);
		add(t, 4, 1);
	}
	add(t, 2, 1 | 12 << 8);
	add(t, 1, all); /* the I/O APIC's id */
	add(t, 1, 0);
	add(t, 4, IOAPIC_BASE);
	add(t, 4, 0);
	add_override(t, 0, 2, ISA_EDGE_HIGH);
	add_override(t, SCI_IRQ, SCI_IRQ, ISA_LEVEL_HIGH);
	add_override(t, 10, 10, ISA_LEVEL_HIGH);
	add_override(t, 11, 11, ISA_LEVEL_HIGH);
}

/* HPET specification 1.0a, 3.2.4. */
static void make_hpet(struct table *t)
{
	begin(t, "HPET", 1);
	put(t, 36, 4, HPET_ID);
	put(t, 44, 8, HPET_BASE);
	put(t, 53, 2, 0x80);
	put(t, 55, 1, 0);
}

static struct mp_services *find_mp(EFI_SYSTEM_TABLE *st)
{
	EFI_GUID guid = {0x3fdda605, 0xa76e, 0x4f46, {0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d, 0x08}};
	struct mp_services *mp = NULL;

	return EFI_ERROR(st->BootServices->LocateProtocol(&guid, NULL, (void **)&mp)) ? NULL : mp;
}

static EFI_STATUS install_tables(EFI_SYSTEM_TABLE *st)
{
	EFI_GUID acpi_guid = {0xffe06bdd, 0x6107, 0x46a6, {0x7b, 0xb2, 0x5a, 0x9c, 0x7e, 0xc5, 0x27, 0x5c}};
	struct acpi_table_protocol *acpi = NULL;
	struct table t;
	EFI_STATUS s = st->BootServices->LocateProtocol(&acpi_guid, NULL, (void **)&acpi);

	if (EFI_ERROR(s))
		return s;
	make_fadt(&t, pm_base());
	s = install(acpi, &t);
	make_dsdt(&t);
	if (!EFI_ERROR(s))
		s = install(acpi, &t);
	make_madt(&t, find_mp(st));
	if (!EFI_ERROR(s))
		s = install(acpi, &t);
	make_hpet(&t);
	if (!EFI_ERROR(s))
		s = install(acpi, &t);
	return s;
}

/* ---- VT-x locked off */

/* IA32_FEATURE_CONTROL (SDM 3C 24.7): the lock, without leave for VMXON. */
static void EFIAPI lock_vmx(void *unused)
{
	(void)unused;
	__asm__ volatile("wrmsr" : : "c"(0x3a), "a"(1), "d"(0));
}

static bool has_file(EFI_SYSTEM_TABLE *st, EFI_HANDLE volume, const CHAR16 *name)
{
	EFI_GUID guid = SIMPLE_FILE_SYSTEM_PROTOCOL;
	EFI_FILE_IO_INTERFACE *fs = NULL;
	EFI_FILE_HANDLE root = NULL, file = NULL;
	EFI_STATUS s = st->BootServices->HandleProtocol(volume, &guid, (void **)&fs);

	if (EFI_ERROR(s) || EFI_ERROR(fs->OpenVolume(fs, &root)))
		return false;
	s = root->Open(root, &file, (CHAR16 *)name, EFI_FILE_MODE_READ, 0);
	if (!EFI_ERROR(s))
		file->Close(file);
	root->Close(root);
	return !EFI_ERROR(s);
}

static void lock_all(EFI_SYSTEM_TABLE *st)
{
	struct mp_services *mp = find_mp(st);

	lock_vmx(NULL);
	if (mp)
		mp->run_all(mp, lock_vmx, FALSE, NULL, 0, NULL, NULL);
	say(st, u"shim: VT-x locked off\r\n");
}

/* ---- the image */

/* A PE image needs a .reloc directory to be loaded anywhere: two entries that change nothing (PE/COFF 6.6). */
__asm__(".section .reloc, \"a\"\n"
	"shim_reloc: .long 0x1000, 12\n"
	".short 0, 0\n"
	".previous");

static UINTN node_bytes(const EFI_DEVICE_PATH *n)
{
	return n->Length[0] | (UINTN)n->Length[1] << 8;
}

/* The volume's device path with a file node at its end (UEFI 2.10, 10.3.5.4). */
static bool make_path(uint8_t *out, UINTN cap, const EFI_DEVICE_PATH *volume, const CHAR16 *file, UINTN file_bytes)
{
	const uint8_t *from = (const uint8_t *)volume;
	UINTN n = 0;

	for (const EFI_DEVICE_PATH *at = volume; at->Type != END_DEVICE_PATH_TYPE; at = (const EFI_DEVICE_PATH *)(from + n)) {
		UINTN len = node_bytes(at);

		if (len < 4 || n + len + 4 + file_bytes + 4 > cap)
			return false;
		for (UINTN i = 0; i < len; i++)
			out[n + i] = from[n + i];
		n += len;
	}
	out[n++] = MEDIA_DEVICE_PATH;
	out[n++] = MEDIA_FILEPATH_DP;
	out[n++] = (uint8_t)(4 + file_bytes);
	out[n++] = 0;
	for (UINTN i = 0; i < file_bytes; i++)
		out[n++] = ((const uint8_t *)file)[i];
	out[n++] = END_DEVICE_PATH_TYPE;
	out[n++] = END_ENTIRE_DEVICE_PATH_SUBTYPE;
	out[n++] = 4;
	out[n] = 0;
	return true;
}

static EFI_STATUS start_image(EFI_HANDLE self, EFI_SYSTEM_TABLE *st)
{
	static const CHAR16 file[] = u"\\EFI\\CAISSON\\CAISSON.EFI";
	EFI_GUID loaded_guid = LOADED_IMAGE_PROTOCOL, path_guid = DEVICE_PATH_PROTOCOL;
	EFI_LOADED_IMAGE *loaded = NULL;
	EFI_DEVICE_PATH *volume = NULL;
	EFI_HANDLE image = NULL;
	uint8_t path[512];
	EFI_STATUS s = st->BootServices->HandleProtocol(self, &loaded_guid, (void **)&loaded);

	if (!EFI_ERROR(s) && has_file(st, loaded->DeviceHandle, u"\\EFI\\CAISSON\\LOCKED"))
		lock_all(st);
	if (!EFI_ERROR(s))
		s = st->BootServices->HandleProtocol(loaded->DeviceHandle, &path_guid, (void **)&volume);
	if (!EFI_ERROR(s) && !make_path(path, sizeof(path), volume, file, sizeof(file)))
		s = EFI_BUFFER_TOO_SMALL;
	if (!EFI_ERROR(s))
		s = st->BootServices->LoadImage(FALSE, self, (EFI_DEVICE_PATH *)path, NULL, 0, &image);
	if (!EFI_ERROR(s))
		s = st->BootServices->StartImage(image, NULL, NULL);
	return s;
}

EFI_STATUS EFIAPI _start(EFI_HANDLE self, EFI_SYSTEM_TABLE *st);
EFI_STATUS EFIAPI _start(EFI_HANDLE self, EFI_SYSTEM_TABLE *st)
{
	EFI_STATUS s = install_tables(st);

	if (EFI_ERROR(s)) {
		say(st, u"shim: the ACPI tables cannot be installed\r\n");
		return s;
	}
	say(st, u"shim: tables installed\r\n");
	s = start_image(self, st);
	say(st, u"shim: the image came back, or did not start\r\n");
	return s;
}
