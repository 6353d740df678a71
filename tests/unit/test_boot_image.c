/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel loaders: a right bzImage and a right PVH vmlinux, each cut at every length and with hostile fields. */
#include "tap.h"
#include "guest_ram.h"
#include "image_bytes.h"
#include "vmm/boot/x86_64/boot_pc.h"
#include <vmm/x86_64/pc_layout.h>

#define RAM (64 * MIB)
static struct gmem *mem;
static uint8_t chunk[BOOT_CHUNK] __attribute__((aligned(8)));
static char why[VM_REASON_MAX];

static bool peeks; /* whether the sources of the next load show their bytes */

static err_t load(const uint8_t *image, uint64_t n, uint64_t initrd_size, const char *cmdline, struct boot_entry *out)
{
	static uint8_t ramdisk[3 * MIB];
	static struct bytes k, i; /* peeked at when the guest touches them */
	struct vm_source kernel = {n, &k, bytes_read, peeks ? bytes_peek : NULL}, initrd = {initrd_size, &i, bytes_read, peeks ? bytes_peek : NULL};
	struct pc_boot b = {.c = {.mem = mem, .ram_end = RAM, .kernel = &kernel, .initrd = &initrd, .cmdline = cmdline, .chunk = chunk, .why = why}, .rsdp = 0xe0000};

	k = (struct bytes){image, n};
	i = (struct bytes){ramdisk, initrd_size};
	memset(ramdisk, 0x5a, sizeof(ramdisk));
	why[0] = '\0';
	return boot_load(&b, out);
}

enum { BZ_SIZE = 5 * 512 + 4096 };
static void make_bzimage(uint8_t *p)
{
	memset(p, 0, BZ_SIZE);
	p[0x1f1] = 4;
	put_le16(p + 0x1fe, 0xaa55);
	p[0x201] = 0x6a;
	memcpy(p + 0x202, "HdrS", 4);
	put_le16(p + 0x206, 0x20f);
	put_le32(p + 0x22c, 0x7fffffff);
	put_le32(p + 0x230, 0x200000);
	p[0x234] = 1;
	put_le16(p + 0x236, 1);
	put_le32(p + 0x238, 2047);
	put_le64(p + 0x258, 0x1000000);
	put_le32(p + 0x260, 0x100000);
	memset(p + 5 * 512, 0xc3, 4096);
}

static void test_bzimage(void)
{
	static uint8_t im[BZ_SIZE];
	struct boot_entry e;
	bool all = true;

	make_bzimage(im);
	ok_eq(load(im, sizeof(im), 1000, "console=ttyS0", &e), OK, "a bzImage loads");
	ok(e.mode == BOOT_LONG_MODE && e.rip == 0x1000200 && e.rsi == PC_ZERO_PAGE, "its 64-bit entry");
	ok(get(mem, 0x1000000, 1) == 0xc3 && get(mem, 0x1000fff, 1) == 0xc3, "its code is in place");
	ok_eq((int64_t)get(mem, PC_ZERO_PAGE + 0x1e8, 1), 4, "four ranges of memory");
	ok(get(mem, PC_ZERO_PAGE + 0x218, 4) == RAM - 4096 && get(mem, PC_ZERO_PAGE + 0x21c, 4) == 1000, "the initrd is at the top");
	ok_eq((int64_t)get(mem, RAM - 4096, 1), 0x5a, "and has its bytes");
	ok_eq((int64_t)get(mem, PC_CMDLINE + 8, 1), 't', "the command line");
	for (uint64_t n = 0; n <= 5 * 512 && all; n++)
		all = load(im, n, 0, "", &e) != OK && why[0];
	ok(all, "a bzImage cut anywhere in its set-up code is refused with a reason");
	put_le64(im + 0x258, RAM - 4096);
	ok(load(im, sizeof(im), 0, "", &e) == OK && e.rip == 0x200200, "a preferred place that does not fit: relocated");
	im[0x234] = 0;
	ok_eq(load(im, sizeof(im), 0, "", &e), E_RANGE, "and refused when it cannot be");
	im[0x234] = 1;
	put_le32(im + 0x230, 3);
	ok_eq(load(im, sizeof(im), 0, "", &e), E_RANGE, "an alignment that is no power of two");
	make_bzimage(im);
	put_le32(im + 0x260, UINT32_MAX);
	ok_eq(load(im, sizeof(im), 0, "", &e), E_RANGE, "an init_size beyond memory");
	make_bzimage(im);
	put_le32(im + 0x260, RAM - 0x1000000 - 4096);
	ok_eq(load(im, sizeof(im), 3 * MIB, "", &e), E_RANGE, "an initrd that does not fit beside the kernel");
	put_le32(im + 0x238, 3);
	ok_eq(load(im, sizeof(im), 0, "four", &e), E_RANGE, "a command line that is too long");
	put_le16(im + 0x236, 0);
	ok_eq(load(im, sizeof(im), 0, "", &e), E_CORRUPT, "no 64-bit entry");
}

enum { ELF_SIZE = 0x3000 };
static void make_vmlinux(uint8_t *p)
{
	memset(p, 0, ELF_SIZE);
	memcpy(p, "\177ELF\2\1\1", 7);
	put_le16(p + 18, 62);
	put_le64(p + 32, 64);
	put_le16(p + 54, 56);
	put_le16(p + 56, 2);
	uint8_t *load = p + 64, *note = load + 56;
	put_le32(load, 1);
	put_le64(load + 8, 0x1000);
	put_le64(load + 24, 0x1000000);
	put_le64(load + 32, 0x2000);
	put_le64(load + 40, 0x4000);
	put_le32(note, 4);
	put_le64(note + 8, 0x200);
	put_le64(note + 32, 20);
	put_le64(note + 40, 20);
	put_le32(p + 0x200, 4);
	put_le32(p + 0x204, 4);
	put_le32(p + 0x208, 18);
	memcpy(p + 0x20c, "Xen", 4);
	put_le32(p + 0x210, 0x1000010);
	memset(p + 0x1000, 0x90, 0x2000);
}

static void test_pvh(void)
{
	static uint8_t im[ELF_SIZE];
	struct boot_entry e;
	bool all = true;
	uint64_t info = PC_PVH_INFO;

	make_vmlinux(im);
	ok_eq(load(im, sizeof(im), 10, "quiet", &e), OK, "a vmlinux with a PVH note loads");
	ok(e.mode == BOOT_PROTECTED_MODE && e.rip == 0x1000010 && e.rbx == info, "its 32-bit entry");
	ok(get(mem, info, 4) == 0x336ec578 && get(mem, info + 12, 4) == 1, "start_info with one module");
	ok(get(mem, get(mem, info + 16, 8), 8) == RAM - 4096 && get(mem, info + 32, 8) == 0xe0000, "the initrd and the RSDP");
	for (uint64_t n = 0; n < sizeof(im) && all; n += n < 0x300 ? 1 : 0x100)
		all = load(im, n, 0, "", &e) != OK && why[0];
	ok(all, "a vmlinux cut anywhere is refused with a reason");
	put_le64(im + 64 + 24, RAM - 0x1000);
	ok_eq(load(im, sizeof(im), 0, "", &e), E_RANGE, "a segment beyond memory");
	put_le64(im + 64 + 24, UINT64_MAX - 0x1000);
	ok_eq(load(im, sizeof(im), 0, "", &e), E_RANGE, "a segment that wraps");
	put_le64(im + 64 + 24, 0x1000);
	ok_eq(load(im, sizeof(im), 0, "", &e), E_RANGE, "a segment over the boot data");
	make_vmlinux(im);
	put_le64(im + 64 + 40, 0x1000);
	ok_eq(load(im, sizeof(im), 0, "", &e), E_RANGE, "more bytes in the file than in memory");
	make_vmlinux(im);
	put_le32(im + 0x210, 0x7000);
	ok_eq(load(im, sizeof(im), 0, "", &e), E_CORRUPT, "an entry outside of the kernel");
	make_vmlinux(im);
	put_le32(im + 0x200, UINT32_MAX);
	ok_eq(load(im, sizeof(im), 0, "", &e), E_CORRUPT, "a note with a monstrous name");
	make_vmlinux(im);
	put_le16(im + 56, UINT16_MAX);
	ok_eq(load(im, sizeof(im), 0, "", &e), E_CORRUPT, "65535 program headers");
	make_vmlinux(im);
	put_le64(im + 32, UINT64_MAX - 10);
	ok_eq(load(im, sizeof(im), 0, "", &e), E_CORRUPT, "program headers outside of the file");
	/* Loading occupies the service CPU: a small file must not ask for long work. */
	make_vmlinux(im);
	memcpy(im + 64 + 112, im + 64, 56);
	put_le16(im + 56, 3);
	ok_eq(load(im, sizeof(im), 0, "", &e), E_CORRUPT, "segments that load the same bytes again and again");
}

/* What the fuzz target starts from: without whole images it never comes behind the first checks. */
static void test_fuzz_seeds(void)
{
	static const struct { const char *file; unsigned mode; } seeds[] = {
		{"tests/fuzz/corpus/bzimage/bz", BOOT_LONG_MODE}, {"tests/fuzz/corpus/bzimage/pvh", BOOT_PROTECTED_MODE},
	};
	static uint8_t im[4096];
	struct boot_entry e;

	for (unsigned i = 0; i < ARRAY_LEN(seeds); i++) {
		FILE *f = fopen(seeds[i].file, "rb");
		size_t n = f ? fread(im, 1, sizeof(im), f) : 0;

		if (f)
			fclose(f);
		ok(n > 0 && load(im, n, n / 2, "x", &e) == OK && e.mode == seeds[i].mode, "%s is a kernel: %s", seeds[i].file, why);
	}
}

int main(void)
{
	struct boot_entry e;
	uint8_t junk[1024] = {0};

	fake_init(128 * MIB, 1);
	mem = guest_ram(RAM);
	ok_eq(load(junk, sizeof(junk), 0, "", &e), E_CORRUPT, "zeros are no kernel");
	ok_eq(load(junk, 10, 0, "", &e), E_CORRUPT, "ten bytes are no kernel");
	test_bzimage();
	test_pvh();
	gmem_clear(mem);
	peeks = true; /* the same, without a copy in between */
	test_bzimage();
	test_pvh();
	test_fuzz_seeds();
	return tap_done();
}
