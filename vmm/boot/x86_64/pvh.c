/* SPDX-License-Identifier: Apache-2.0 */
/* vmlinux (ELF64) by PVH: 32-bit protected mode entry named in a note, start_info in memory
 * (Xen docs/misc/pvh.pandoc, xen/include/public/arch-x86/hvm/start_info.h). */
#include <core/arith.h>
#include <string.h>
#include <vmm/x86_64/pc_layout.h>
#include "boot_pc.h"

enum {
	MACHINE_X86_64 = 62,
	NOTE_PHYS32_ENTRY = 18, /* XEN_ELFNOTE_PHYS32_ENTRY */
	NOTES_MAX = 4096,
	START_MAGIC = 0x336ec578, START_INFO = 56, MODULE = 32, MAP_ENTRY = 24,
};

/* Finds the entry in one note segment, already read into n[0..len). */
static bool pvh_find_entry(const uint8_t *n, uint64_t len, uint64_t *entry)
{
	for (uint64_t at = 0; range_within(at, 12, len);) {
		uint32_t namesz = get_le32(n + at), descsz = get_le32(n + at + 4), type = get_le32(n + at + 8);
		uint64_t name = at + 12, desc = name + align_up(namesz, 4), next = desc + align_up(descsz, 4);

		if (next > len)
			return false;
		if (type == NOTE_PHYS32_ENTRY && namesz == 4 && memcmp(n + name, "Xen", 4) == 0 && (descsz == 4 || descsz == 8)) {
			*entry = descsz == 4 ? get_le32(n + desc) : get_le64(n + desc);
			return true;
		}
		at = next;
	}
	return false;
}

static err_t pvh_notes(struct boot_ctx *c, struct boot_elf *im)
{
	for (unsigned i = 0; i < im->n; i++) {
		uint64_t len = MIN(im->seg[i].filesz, (uint64_t)NOTES_MAX);
		err_t e;

		if (im->seg[i].type != BOOT_ELF_NOTE)
			continue;
		e = boot_read(c, im->seg[i].offset, c->chunk, len);
		if (e)
			return e;
		if (pvh_find_entry(c->chunk, len, &im->entry))
			return OK;
	}
	return boot_fail(c, E_CORRUPT, "vmlinux has no PVH entry note: build it with CONFIG_PVH=y");
}

/* The whole kernel; *end is where it ends. */
static err_t pvh_kernel(struct boot_ctx *c, struct boot_elf *im, uint64_t *end)
{
	err_t e = boot_elf_headers(c, MACHINE_X86_64, "x86-64", im);

	if (e == OK)
		e = pvh_notes(c, im);
	if (e == OK)
		e = boot_elf_segments(c, im, 0, PC_KERNEL_MIN, end);
	if (e == OK && (im->entry < PC_KERNEL_MIN || im->entry >= *end))
		return boot_fail(c, E_CORRUPT, "PVH entry 0x%llx lies outside of the kernel", (unsigned long long)im->entry);
	return e;
}

static err_t pvh_start_info(struct pc_boot *b)
{
	struct boot_ctx *c = &b->c;
	struct boot_range map[BOOT_MAP_MAX];
	unsigned n = boot_memory_map(b, map);
	uint8_t *p = c->chunk;
	const uint64_t modules = START_INFO + 8, entries = modules + MODULE; /* offsets within the page, 8-aligned */

	memset(p, 0, PAGE_SIZE);
	put_le32(p, START_MAGIC);
	put_le32(p + 4, 1);                       /* version: has a memory map */
	put_le32(p + 12, c->initrd_addr ? 1 : 0); /* nr_modules */
	put_le64(p + 16, PC_PVH_INFO + modules);
	put_le64(p + 24, PC_CMDLINE);
	put_le64(p + 32, b->rsdp);
	put_le64(p + 40, PC_PVH_INFO + entries);
	put_le32(p + 48, n);
	put_le64(p + modules, c->initrd_addr);
	put_le64(p + modules + 8, c->initrd->size);
	for (unsigned i = 0; i < n; i++) {
		put_le64(p + entries + MAP_ENTRY * i, map[i].base);
		put_le64(p + entries + MAP_ENTRY * i + 8, map[i].size);
		put_le32(p + entries + MAP_ENTRY * i + 16, map[i].type);
	}
	return gmem_write(c->mem, GPA(PC_PVH_INFO), p, PAGE_SIZE);
}

err_t boot_pvh(struct pc_boot *b, struct boot_entry *out)
{
	static const uint64_t gdt[4] = {0, 0, 0x00cf9b000000ffff, 0x00cf93000000ffff};
	struct boot_ctx *c = &b->c;
	struct boot_elf im;
	uint64_t end;
	err_t e = pvh_kernel(c, &im, &end);

	if (e == OK)
		e = boot_place_initrd(c, align_up(end, PAGE_SIZE), PC_RAM_HOLE);
	if (e == OK)
		e = boot_cmdline(c, VM_CMDLINE_MAX);
	if (e == OK)
		e = pvh_start_info(b);
	if (e == OK)
		e = gmem_write(c->mem, GPA(PC_BOOT_GDT), gdt, sizeof(gdt));
	if (e)
		return e;
	*out = (struct boot_entry){.mode = BOOT_PROTECTED_MODE, .rip = im.entry, .rbx = PC_PVH_INFO, .gdt_base = PC_BOOT_GDT, .gdt_limit = 31};
	return OK;
}
