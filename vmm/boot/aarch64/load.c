/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel formats of an aarch64 guest, told apart; and the plainest of them, an ELF program at its physical addresses. See boot_virt.h. */
#include <core/arith.h>
#include <string.h>
#include <vmm/aarch64/virt_layout.h>
#include "../gunzip.h"
#include "boot_virt.h"

enum { MACHINE_AARCH64 = 183, IMAGE_MAGIC_AT = 56, HEAD = 64 };
#define RAM_WINDOW (32 * GIB) /* kernel and initrd lie within so much (booting.rst 3) */

/* Where the segment that holds the entry went: entries are virtual addresses. */
static bool program_entry(const struct boot_elf *im, uint64_t bias, uint64_t *entry)
{
	for (unsigned i = 0; i < im->n; i++) {
		const struct boot_elf_segment *s = &im->seg[i];

		if (s->type == BOOT_ELF_LOAD && im->entry >= s->vaddr && im->entry - s->vaddr < s->memsz) {
			*entry = s->paddr + bias + (im->entry - s->vaddr);
			return is_aligned(*entry, 4);
		}
	}
	return false;
}

/* A position-independent program that was linked below RAM goes to the first place; it relocates itself. */
static uint64_t program_bias(const struct boot_elf *im)
{
	uint64_t first = UINT64_MAX;

	for (unsigned i = 0; i < im->n; i++)
		if (im->seg[i].type == BOOT_ELF_LOAD)
			first = MIN(first, im->seg[i].paddr);
	return im->type == BOOT_ELF_DYN && first < VIRT_KERNEL_MIN ? VIRT_KERNEL_MIN - align_down(first, 2 * MIB) : 0;
}

err_t boot_program(struct boot_ctx *c, uint64_t *entry, uint64_t *end)
{
	struct boot_elf im;
	uint64_t bias;
	err_t e = boot_elf_headers(c, MACHINE_AARCH64, "AArch64", &im);

	if (e)
		return e;
	if (im.type != BOOT_ELF_EXEC && im.type != BOOT_ELF_DYN)
		return boot_fail(c, E_CORRUPT, "ELF kernel is no program (type %u)", im.type);
	bias = program_bias(&im);
	e = boot_elf_segments(c, &im, bias, VIRT_KERNEL_MIN, end);
	if (e)
		return e;
	return program_entry(&im, bias, entry) ? OK : boot_fail(c, E_CORRUPT, "ELF entry 0x%llx lies outside of the kernel", (unsigned long long)im.entry);
}

static err_t boot_kernel(struct boot_ctx *c, uint64_t *entry, uint64_t *end)
{
	uint8_t head[HEAD];

	if (c->kernel->size < sizeof(head))
		return boot_fail(c, E_CORRUPT, "kernel has %llu bytes: expected an arm64 Image or an ELF program", (unsigned long long)c->kernel->size);
	if (c->kernel->read(c->kernel->ctx, 0, head, sizeof(head)))
		return boot_fail(c, E_IO, "kernel image cannot be read");
	if (memcmp(head, "\177ELF", 4) == 0)
		return boot_program(c, entry, end);
	if (gunzip_recognise(head))
		return boot_image_gz(c, entry, end);
	if (memcmp(head + IMAGE_MAGIC_AT, "ARM\x64", 4) == 0)
		return boot_image(c, entry, end);
	if (memcmp(head, "MZ", 2) == 0 && memcmp(head + 4, "zimg", 4) == 0)
		return boot_fail(c, E_CORRUPT, "kernel is a self-extracting EFI image: give the Image, or the Image by gzip");
	return boot_fail(c, E_CORRUPT, "kernel is neither an arm64 Image (\"ARMd\" at 56), nor one by gzip, nor ELF");
}

err_t boot_load(struct boot_ctx *c, unsigned nvcpus, struct boot_entry *out)
{
	uint64_t entry, end;
	err_t e = boot_kernel(c, &entry, &end);

	if (e == OK)
		e = boot_place_initrd(c, align_up(end, PAGE_SIZE), VIRT_RAM + RAM_WINDOW);
	if (e == OK)
		e = boot_fdt(c, nvcpus);
	if (e == OK)
		*out = (struct boot_entry){.pc = entry, .fdt = VIRT_FDT};
	return e;
}
