/* SPDX-License-Identifier: Apache-2.0 */
/* Loads the files of the folder caisson/ from the volume that the image came from (UEFI 2.10 13.4, 13.5).
 * Without a volume (PXE, direct kernel boot) or folder there are none, and that is fine. File sizes and
 * names come from the volume and are checked; what cannot be loaded is named on the console and left out. */
#include "boot.h"

#define MAX_FILE_BYTES (4ull << 30)
#define READ_CHUNK (8ull << 20)

static EFI_GUID fs_guid = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;

/* Room for one directory entry; names that do not fit are longer than BOOT_NAME_MAX anyway. */
static union { EFI_FILE_INFO info; uint8_t bytes[1024]; } entry;

static bool name_copy(char dst[BOOT_NAME_MAX], const CHAR16 *src)
{
	unsigned n = 0;

	for (; src[n]; n++) {
		if (n == BOOT_NAME_MAX - 1 || src[n] < 0x21 || src[n] > 0x7e)
			return false;
		dst[n] = (char)src[n];
	}
	dst[n] = 0;
	return n > 0;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* FAT compares names without case (UEFI 2.10 13.3.1). */
static bool names_equal(const char *a, const char *b)
{
	while (*a && lower(*a) == lower(*b))
		a++, b++;
	return lower(*a) == lower(*b);
}

/* Reads exactly size bytes; firmware may return less per call. */
static bool file_read(EFI_FILE_HANDLE f, uint8_t *dst, uint64_t size)
{
	for (uint64_t done = 0; done < size;) {
		UINTN n = size - done < READ_CHUNK ? size - done : READ_CHUNK;

		if (EFI_ERROR(f->Read(f, &n, dst + done)) || n == 0 || n > size - done)
			return false;
		done += n;
	}
	return true;
}

static void file_load(struct boot_info *bi, EFI_FILE_HANDLE dir, const EFI_FILE_INFO *fi)
{
	struct boot_file *bf = &bi->files[bi->nfiles];
	EFI_FILE_HANDLE f;
	uint64_t mem;

	if (!name_copy(bf->name, fi->FileName)) {
		boot_print("Caisson: skipped a file of caisson/: its name is over 63 characters or not plain ASCII", NULL);
		return;
	}
	if (fi->FileSize > MAX_FILE_BYTES) {
		boot_print("Caisson: skipped a file over 4 GiB: ", bf->name);
		return;
	}
	if (EFI_ERROR(dir->Open(dir, &f, (CHAR16 *)fi->FileName, EFI_FILE_MODE_READ, 0))) {
		boot_print("Caisson: cannot open ", bf->name);
		return;
	}
	/* One byte more: text files end in a NUL that is not counted. */
	mem = boot_alloc_keep(fi->FileSize + 1, UINT64_MAX);
	if (!mem)
		boot_print("Caisson: not enough memory to load ", bf->name);
	else if (!file_read(f, (uint8_t *)mem, fi->FileSize))
		boot_print("Caisson: read error or wrong size: ", bf->name);
	else {
		bf->data = (const void *)mem;
		bf->size = fi->FileSize;
		bi->nfiles++;
		if (names_equal(bf->name, "caisson.yaml"))
			bi->config = bf;
	}
	f->Close(f);
}

static void dir_load(struct boot_info *bi, EFI_FILE_HANDLE dir)
{
	unsigned tried = 0; /* counts what could not be loaded too: each try may keep memory */

	for (unsigned seen = 0; seen < 4096; seen++) { /* a broken volume may never end */
		UINTN n = sizeof(entry);
		EFI_STATUS s = dir->Read(dir, &n, &entry);

		if (s == EFI_BUFFER_TOO_SMALL || (!EFI_ERROR(s) && n > sizeof(entry)))
			continue;
		if (EFI_ERROR(s) || n == 0)
			return;
		entry.bytes[sizeof(entry) - 1] = entry.bytes[sizeof(entry) - 2] = 0;
		if (n < SIZE_OF_EFI_FILE_INFO || (entry.info.Attribute & EFI_FILE_DIRECTORY))
			continue;
		if (tried++ == BOOT_MAX_FILES) {
			boot_print("Caisson: caisson/ has more than 32 files, the rest is left out", NULL);
			return;
		}
		file_load(bi, dir, &entry.info);
	}
}

void boot_files_load(struct boot_info *bi)
{
	EFI_FILE_IO_INTERFACE *fs = NULL;
	EFI_FILE_HANDLE root = NULL, dir = NULL;

	if (!boot_env.loaded->DeviceHandle)
		return;
	if (EFI_ERROR(boot_env.bs->HandleProtocol(boot_env.loaded->DeviceHandle, &fs_guid, (void **)&fs)))
		return;
	if (EFI_ERROR(fs->OpenVolume(fs, &root)))
		return;
	if (!EFI_ERROR(root->Open(root, &dir, (CHAR16 *)u"caisson", EFI_FILE_MODE_READ, 0))) {
		dir_load(bi, dir);
		dir->Close(dir);
	}
	root->Close(root);
}
