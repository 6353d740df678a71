/* SPDX-License-Identifier: Apache-2.0 */
/* Linux's Image, as it is or gzip-compressed (Linux Documentation/arch/arm64/booting.rst 3 and 4). */
#include <core/arith.h>
#include <string.h>
#include <vmm/aarch64/virt_layout.h>
#include "../gunzip.h"
#include "boot_virt.h"

enum {
	IH_TEXT_OFFSET = 8, IH_IMAGE_SIZE = 16, IH_FLAGS = 24, IH_MAGIC = 56, IH_SIZE = 64,
	FLAG_BIG_ENDIAN = 1,
	OLD_TEXT_OFFSET = 0x80000, /* of images before 3.17, whose image_size is 0 */
};

struct image { uint64_t load, size; }; /* where it goes; with its bss */

/* bytes: of the file, 0: not known yet. */
static err_t image_place(struct boot_ctx *c, const uint8_t h[IH_SIZE], uint64_t bytes, struct image *im)
{
	uint64_t size = get_le64(h + IH_IMAGE_SIZE), offset = size ? get_le64(h + IH_TEXT_OFFSET) : OLD_TEXT_OFFSET;

	if (memcmp(h + IH_MAGIC, "ARM\x64", 4) != 0)
		return boot_fail(c, E_CORRUPT, "kernel is no arm64 Image: no \"ARMd\" at 56");
	if (get_le64(h + IH_FLAGS) & FLAG_BIG_ENDIAN)
		return boot_fail(c, E_UNSUPPORTED, "kernel is big-endian");
	if (!is_aligned(offset, 4))
		return boot_fail(c, E_CORRUPT, "kernel's text_offset 0x%llx lies between instructions", (unsigned long long)offset);
	im->size = MAX(size, bytes);
	if (im->size == 0)
		return boot_fail(c, E_CORRUPT, "compressed Image does not say how large it is");
	if (!add_ok(VIRT_KERNEL_MIN, offset, &im->load) || !range_within(im->load, im->size, c->ram_end))
		return boot_fail(c, E_RANGE, "kernel needs %llu MiB at 0x%llx; the guest's memory ends at 0x%llx",
				 (unsigned long long)(im->size / MIB), (unsigned long long)VIRT_KERNEL_MIN + offset, (unsigned long long)c->ram_end);
	return OK;
}

static void image_done(const struct image *im, uint64_t *entry, uint64_t *end)
{
	*entry = im->load; /* the first instruction is the header's first word */
	*end = im->load + im->size;
}

err_t boot_image(struct boot_ctx *c, uint64_t *entry, uint64_t *end)
{
	uint8_t h[IH_SIZE];
	struct image im;
	err_t e = boot_read(c, 0, h, sizeof(h));

	if (e == OK)
		e = image_place(c, h, c->kernel->size, &im);
	if (e == OK)
		e = boot_copy(c, c->kernel, 0, GPA(im.load), c->kernel->size);
	if (e == OK)
		image_done(&im, entry, end);
	return e;
}

/* The rest, after the header. What is inflated must end within what the header said: no more is ever written. */
static err_t image_inflate(struct boot_ctx *c, struct gunzip *z, const struct image *im)
{
	uint64_t at = IH_SIZE;
	uint32_t got = 0;
	uint8_t more;
	err_t e;

	do {
		uint32_t want = (uint32_t)MIN(im->size - at, (uint64_t)BOOT_CHUNK);

		e = want ? gunzip_read(z, c->chunk, want, &got) : gunzip_read(z, &more, 1, &got);
		if (e)
			return e;
		if (!want && got)
			return boot_fail(c, E_RANGE, "compressed kernel is larger than the %llu KiB that its header says", (unsigned long long)(im->size / KIB));
		e = gmem_write(c->mem, GPA(im->load + at), c->chunk, got);
		if (e)
			return boot_fail(c, e, "cannot inflate the kernel to guest memory: %s", err_name(e));
		at += got;
	} while (got);
	return OK;
}

static err_t image_gz_load(struct boot_ctx *c, struct gunzip *z, struct image *im)
{
	uint8_t h[IH_SIZE];
	uint32_t got;
	err_t e = gunzip_read(z, h, sizeof(h), &got);

	if (e)
		return e;
	if (got < sizeof(h))
		return boot_fail(c, E_CORRUPT, "compressed kernel has %u bytes: expected an arm64 Image", got);
	e = image_place(c, h, 0, im);
	if (e == OK && im->size < sizeof(h))
		return boot_fail(c, E_CORRUPT, "compressed Image says that it has %llu bytes", (unsigned long long)im->size);
	if (e == OK)
		e = gmem_write(c->mem, GPA(im->load), h, sizeof(h));
	return e ? e : image_inflate(c, z, im);
}

err_t boot_image_gz(struct boot_ctx *c, uint64_t *entry, uint64_t *end)
{
	struct gunzip *z;
	struct image im;
	err_t e = gunzip_open(c, &z);

	if (e)
		return e;
	e = image_gz_load(c, z, &im);
	gunzip_close(z);
	if (e == OK)
		image_done(&im, entry, end);
	return e;
}
