/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel loaders of an aarch64 guest: Image, Image by gzip and ELF, each right, cut at every length and with hostile fields. */
#include <unit/tap.h>
#include "arm_image.h"
#include "vmm/boot/aarch64/boot_virt.h"

#define RAM (64 * MIB)
#define FIRST VIRT_KERNEL_MIN
static struct gmem *mem;
static uint8_t chunk[BOOT_CHUNK] __attribute__((aligned(8)));
static char why[VM_REASON_MAX];

static err_t load(const uint8_t *image, uint64_t n, uint64_t initrd_size, struct boot_entry *out)
{
	static uint8_t ramdisk[3 * MIB];
	struct bytes k = {image, n}, i = {ramdisk, initrd_size};
	struct vm_source kernel = {.size = n, .ctx = &k, .read = bytes_read}, initrd = {.size = initrd_size, .ctx = &i, .read = bytes_read};
	struct boot_ctx c = {.mem = mem, .pool = &arm_pool, .ram_end = VIRT_RAM + RAM, .kernel = &kernel, .initrd = &initrd, .cmdline = "quiet",
			     .chunk = chunk, .why = why};

	memset(ramdisk, 0x5a, sizeof(ramdisk));
	why[0] = '\0';
	gmem_clear(mem);
	return boot_load(&c, 2, out);
}

/* The same, with guest memory empty again; only that may have taken from the pool. */
static err_t load_with(const uint8_t *image, uint64_t n, uint64_t initrd_size, struct boot_entry *out)
{
	uint64_t used;
	err_t e;

	gmem_clear(mem);
	used = arm_pool.used_pages;
	e = load(image, n, initrd_size, out);
	gmem_clear(mem);
	if (arm_pool.used_pages != used)
		ok(false, "a loader keeps nothing");
	return e;
}

static uint8_t peek(uint64_t a)
{
	uint8_t v = 0;

	if (gmem_read(mem, GPA(a), &v, 1))
		abort();
	return v;
}

static void refused(const uint8_t *image, uint64_t n, err_t want, const char *name)
{
	struct boot_entry e = {.pc = 1};
	err_t got = load_with(image, n, 0, &e);

	ok(got == want && why[0] && e.pc == 1, "%s: %s (%s)", name, err_name(got), why);
}

enum { IM_SIZE = 0x5000, IM_MEMORY = 0x9000 };
static uint8_t im[IM_SIZE], gz[IM_SIZE + 64];

static void test_image(void)
{
	struct boot_entry e;
	bool all = true;

	make_image(im, sizeof(im), 0, IM_MEMORY);
	ok_eq(load(im, sizeof(im), 1000, &e), OK, "an Image loads");
	ok(e.pc == FIRST && e.fdt == VIRT_FDT && (e.fdt & 7) == 0, "to the first 2 MiB above the device tree");
	ok(peek(FIRST) == 0x10 && peek(FIRST + 64) == 0xd5 && peek(FIRST + IM_SIZE - 1) == 0xd5 && peek(FIRST + IM_SIZE) == 0, "all of it");
	ok(peek(VIRT_RAM + RAM - 4096) == 0x5a && peek(VIRT_RAM + RAM - 4096 + 999) == 0x5a, "the initrd is at the top");
	ok(peek(VIRT_FDT) == 0xd0 && peek(VIRT_FDT + 1) == 0x0d, "and the device tree in its place");
	put_le64(im + 8, 0x80000);
	ok(load(im, sizeof(im), 0, &e) == OK && e.pc == FIRST + 0x80000 && peek(FIRST + 0x80040) == 0xd5, "at its text_offset");
	put_le64(im + 16, 0);
	put_le64(im + 8, 0x1234);
	ok(load(im, sizeof(im), 0, &e) == OK && e.pc == FIRST + 0x80000, "old images say nothing, and mean 0x80000");
	make_image(im, sizeof(im), 0, IM_MEMORY);
	for (uint64_t n = 0; n < 64 && all; n++)
		all = load_with(im, n, 0, &e) != OK && why[0];
	ok(all, "an Image cut within its header is refused with a reason");
	put_le64(im + 16, RAM);
	refused(im, sizeof(im), E_RANGE, "one that needs more than there is");
	put_le64(im + 16, UINT64_MAX);
	refused(im, sizeof(im), E_RANGE, "or all that can be");
	make_image(im, sizeof(im), RAM, IM_MEMORY);
	refused(im, sizeof(im), E_RANGE, "a text_offset beyond memory");
	make_image(im, sizeof(im), UINT64_MAX - FIRST - 0xffb, 0x2000);
	refused(im, sizeof(im), E_RANGE, "one that wraps");
	make_image(im, sizeof(im), UINT64_MAX - 0xffb, 0x2000);
	refused(im, sizeof(im), E_RANGE, "one that wraps further");
	make_image(im, sizeof(im), 0x1002, IM_MEMORY);
	refused(im, sizeof(im), E_CORRUPT, "one between instructions");
	make_image(im, sizeof(im), 0, 16);
	ok_eq(load(im, sizeof(im), 0, &e), OK, "an image_size that is too small is corrected");
	im[24] |= 1;
	refused(im, sizeof(im), E_UNSUPPORTED, "a big-endian kernel");
	make_image(im, sizeof(im), 0, RAM - 2 * MIB - 4096);
	ok_eq(load_with(im, sizeof(im), 4096, &e), OK, "an initrd that just fits");
	ok_eq(load_with(im, sizeof(im), 4097, &e), E_RANGE, "one byte more does not");
}

static void test_gzip(void)
{
	struct boot_entry e;
	bool all = true;
	uint64_t n;

	make_image(im, sizeof(im), 0x1000, IM_MEMORY);
	n = make_gzip(gz, im, sizeof(im));
	ok_eq(load(gz, n, 100, &e), OK, "an Image by gzip loads");
	ok(e.pc == FIRST + 0x1000 && peek(e.pc) == 0x10 && peek(e.pc + 64) == 0xd5 && peek(e.pc + IM_SIZE - 1) == 0xd5 && peek(e.pc + IM_SIZE) == 0,
	   "as without");
	for (uint64_t cut = 0; cut < n && all; cut += cut < 200 || cut + 20 > n ? 1 : 501)
		all = load_with(gz, cut, 0, &e) != OK && why[0];
	ok(all, "cut anywhere it is refused with a reason");
	gz[n - 8] ^= 1;
	refused(gz, n, E_CORRUPT, "a wrong checksum");
	gz[n - 8] ^= 1;
	gz[n - 1] ^= 1;
	refused(gz, n, E_CORRUPT, "a wrong length");
	gz[n - 1] ^= 1;
	gz[3] = 0xe0;
	refused(gz, n, E_CORRUPT, "flags that there are not");
	gz[3] = 0;
	gz[10] = 7;
	refused(gz, n, E_CORRUPT, "a block of no type");
	n = make_gzip(gz, im, 10);
	refused(gz, n, E_CORRUPT, "ten bytes in it");
	n = make_gzip(gz, im, 64);
	ok_eq(load_with(gz, n, 0, &e), OK, "no more than a header is a kernel that is all bss");
	make_image(im, sizeof(im), 0, IM_SIZE - 1);
	refused(gz, make_gzip(gz, im, sizeof(im)), E_RANGE, "one byte more than the header says");
	make_image(im, sizeof(im), 0, 0);
	refused(gz, make_gzip(gz, im, sizeof(im)), E_CORRUPT, "a header without size");
	make_image(im, sizeof(im), 0, 32);
	refused(gz, make_gzip(gz, im, sizeof(im)), E_CORRUPT, "a size smaller than the header");
	memset(im, 0, sizeof(im));
	refused(gz, make_gzip(gz, im, sizeof(im)), E_CORRUPT, "something else by gzip");
}

/* 80 MiB from 400 KiB, for a guest of 64. */
static void test_bomb(void)
{
	static uint8_t bomb[600 * 1024];
	uint64_t n;

	make_image(im, 64, 0, RAM - 2 * MIB);
	n = make_bomb(bomb, im, 64, 325000);
	refused(bomb, n, E_RANGE, "a bomb fills the guest's memory and no more");
	make_image(im, 64, 0, MIB);
	n = make_bomb(bomb, im, 64, 325000);
	refused(bomb, n, E_RANGE, "or what its header said");
	n = make_bomb(bomb, im, 64, 100);
	refused(bomb, n, E_CORRUPT, "a small one has no right checksum");
}

static void test_program(void)
{
	static uint8_t p[PROGRAM_SIZE];
	struct boot_entry e;
	bool all = true;

	make_program(p, 2, FIRST, FIRST);
	ok_eq(load(p, sizeof(p), 10, &e), OK, "an ELF program loads");
	ok(e.pc == FIRST + 0x40 && peek(FIRST) == 0x1f && peek(FIRST + 0xfff) == 0x1f && peek(FIRST + 0x1000) == 0, "where it says");
	make_program(p, 2, 0xffff800080000000, FIRST + 0x4000);
	ok(load(p, sizeof(p), 0, &e) == OK && e.pc == FIRST + 0x4040, "its entry is virtual, and memory is not");
	make_program(p, 3, 0, 0);
	ok(load(p, sizeof(p), 0, &e) == OK && e.pc == FIRST + 0x40 && peek(FIRST) == 0x1f, "a position-independent one goes to the first place");
	make_program(p, 3, 0x10000, 0x10000);
	ok(load(p, sizeof(p), 0, &e) == OK && e.pc == FIRST + 0x10040, "and keeps its offset within 2 MiB");
	make_program(p, 3, FIRST + MIB, FIRST + MIB);
	ok(load(p, sizeof(p), 0, &e) == OK && e.pc == FIRST + MIB + 0x40, "unless it lies in memory already");
	make_program(p, 2, FIRST, FIRST);
	for (uint64_t n = 0; n < sizeof(p) && all; n += n < 0x100 ? 1 : 0x40)
		all = load_with(p, n, 0, &e) != OK && why[0];
	ok(all, "cut anywhere it is refused with a reason");
	make_program(p, 2, VIRT_RAM, VIRT_RAM);
	refused(p, sizeof(p), E_RANGE, "a segment over the device tree");
	make_program(p, 2, VIRT_RAM + RAM - 0x2000, VIRT_RAM + RAM - 0x2000);
	refused(p, sizeof(p), E_RANGE, "one beyond memory");
	make_program(p, 2, UINT64_MAX - 0xfff, UINT64_MAX - 0xfff);
	refused(p, sizeof(p), E_RANGE, "one that wraps");
	make_program(p, 3, 0, 0);
	put_le64(p + 64 + 40, UINT64_MAX);
	refused(p, sizeof(p), E_RANGE, "all of memory as bss");
	make_program(p, 2, FIRST, FIRST);
	put_le64(p + 24, FIRST + 0x3000);
	refused(p, sizeof(p), E_CORRUPT, "an entry outside");
	put_le64(p + 24, FIRST + 2);
	refused(p, sizeof(p), E_CORRUPT, "an entry between instructions");
	make_program(p, 1, FIRST, FIRST);
	refused(p, sizeof(p), E_CORRUPT, "an object file");
	make_program(p, 2, FIRST, FIRST);
	put_le16(p + 18, 62);
	refused(p, sizeof(p), E_CORRUPT, "another machine's");
	make_program(p, 2, FIRST, FIRST);
	put_le32(p + 64, 4);
	refused(p, sizeof(p), E_CORRUPT, "nothing to load");
}

static void test_others(void)
{
	uint8_t junk[128] = {0};

	refused(junk, sizeof(junk), E_CORRUPT, "zeros are no kernel");
	refused(junk, 10, E_CORRUPT, "nor are ten bytes");
	memcpy(junk, "MZ\0\0zimg", 8);
	refused(junk, sizeof(junk), E_CORRUPT, "an EFI image that extracts itself is named");
}

int main(void)
{
	fake_init(160 * MIB, 1);
	mem = arm_ram(RAM);
	test_image();
	test_gzip();
	test_bomb();
	test_program();
	test_others();
	return tap_done();
}
