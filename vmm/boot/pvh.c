/* SPDX-License-Identifier: Apache-2.0 */
/* vmlinux (ELF64) by PVH: 32-bit protected mode entry named in a note, start_info in memory
 * (Xen docs/misc/pvh.pandoc, xen/include/public/arch-x86/hvm/start_info.h). */
#include <core/arith.h>
#include <string.h>
#include <vmm/x86_64/pc_layout.h>
#include "boot.h"

enum {
	EH_CLASS = 4, EH_DATA = 5, EH_MACHINE = 18, EH_PHOFF = 32, EH_PHENTSIZE = 54, EH_PHNUM = 56, EH_SIZE = 64,
	CLASS_64 = 2, DATA_LE = 1, MACHINE_X86_64 = 62,
	PH_SIZE = 56, PH_MAX = 64, PT_LOAD = 1, PT_NOTE = 4,
	NOTE_PHYS32_ENTRY = 18, /* XEN_ELFNOTE_PHYS32_ENTRY */
	NOTES_MAX = 4096,
	START_MAGIC = 0x336ec578, START_INFO = 56, MODULE = 32, MAP_ENTRY = 24,
};

struct pvh_phdr { uint32_t type; uint64_t offset, paddr, filesz, memsz; };
struct pvh_image { struct pvh_phdr ph[PH_MAX]; unsigned nph; uint64_t entry, end; };

static err_t pvh_read(struct boot_ctx *c, uint64_t off, void *dst, uint64_t len)
{
	if (!range_within(off, len, c->kernel->size) || c->kernel->read(c->kernel->ctx, off, dst, len))
		return boot_fail(c, E_CORRUPT, "vmlinux is cut short at %llu bytes", (unsigned long long)c->kernel->size);
	return OK;
}

static err_t pvh_headers(struct boot_ctx *c, struct pvh_image *im)
{
	uint8_t eh[EH_SIZE], p[PH_SIZE];
	err_t e = pvh_read(c, 0, eh, sizeof(eh));

	if (e)
		return e;
	if (eh[EH_CLASS] != CLASS_64 || eh[EH_DATA] != DATA_LE || get_le16(eh + EH_MACHINE) != MACHINE_X86_64)
		return boot_fail(c, E_CORRUPT, "ELF kernel is not for x86-64");
	im->nph = get_le16(eh + EH_PHNUM);
	if (im->nph == 0 || im->nph > PH_MAX || get_le16(eh + EH_PHENTSIZE) != PH_SIZE)
		return boot_fail(c, E_CORRUPT, "ELF kernel has %u program headers: expected 1 to %u of 56 bytes", im->nph, PH_MAX);
	for (unsigned i = 0; i < im->nph; i++) {
		uint64_t at;

		if (!add_ok(get_le64(eh + EH_PHOFF), (uint64_t)i * PH_SIZE, &at))
			return boot_fail(c, E_CORRUPT, "ELF program headers lie outside of the file");
		e = pvh_read(c, at, p, sizeof(p));
		if (e)
			return e;
		im->ph[i] = (struct pvh_phdr){.type = get_le32(p), .offset = get_le64(p + 8), .paddr = get_le64(p + 24),
					      .filesz = get_le64(p + 32), .memsz = get_le64(p + 40)};
	}
	return OK;
}

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

static err_t pvh_notes(struct boot_ctx *c, struct pvh_image *im)
{
	for (unsigned i = 0; i < im->nph; i++) {
		uint64_t len = MIN(im->ph[i].filesz, (uint64_t)NOTES_MAX);
		err_t e;

		if (im->ph[i].type != PT_NOTE)
			continue;
		e = pvh_read(c, im->ph[i].offset, c->chunk, len);
		if (e)
			return e;
		if (pvh_find_entry(c->chunk, len, &im->entry))
			return OK;
	}
	return boot_fail(c, E_CORRUPT, "vmlinux has no PVH entry note: build it with CONFIG_PVH=y");
}

/* What lies beyond filesz needs no zeroing: guest memory starts as zeros. */
static err_t pvh_segments(struct boot_ctx *c, struct pvh_image *im)
{
	uint64_t left = c->kernel->size;

	im->end = PC_KERNEL_MIN;
	for (unsigned i = 0; i < im->nph; i++) {
		const struct pvh_phdr *p = &im->ph[i];
		err_t e;

		if (p->type != PT_LOAD || p->memsz == 0)
			continue;
		if (p->filesz > p->memsz || p->paddr < PC_KERNEL_MIN || !range_within(p->paddr, p->memsz, c->low_ram))
			return boot_fail(c, E_RANGE, "ELF segment at 0x%llx (%llu KiB) does not lie in guest memory above 1 MiB",
					 (unsigned long long)p->paddr, (unsigned long long)(p->memsz / KIB));
		if (p->filesz > left) /* a small file must not ask for long work */
			return boot_fail(c, E_CORRUPT, "ELF segments have more bytes in all than the file");
		left -= p->filesz;
		e = boot_copy(c, c->kernel, p->offset, GPA(p->paddr), p->filesz);
		if (e)
			return e;
		im->end = MAX(im->end, p->paddr + p->memsz);
	}
	if (im->entry < PC_KERNEL_MIN || im->entry >= im->end)
		return boot_fail(c, E_CORRUPT, "PVH entry 0x%llx lies outside of the kernel", (unsigned long long)im->entry);
	return OK;
}

static err_t pvh_start_info(struct boot_ctx *c)
{
	struct boot_range map[BOOT_MAP_MAX];
	unsigned n = boot_memory_map(c, map);
	uint8_t *p = c->chunk;
	const uint64_t modules = START_INFO + 8, entries = modules + MODULE; /* offsets within the page, 8-aligned */

	memset(p, 0, PAGE_SIZE);
	put_le32(p, START_MAGIC);
	put_le32(p + 4, 1);                       /* version: has a memory map */
	put_le32(p + 12, c->initrd_addr ? 1 : 0); /* nr_modules */
	put_le64(p + 16, PC_PVH_INFO + modules);
	put_le64(p + 24, PC_CMDLINE);
	put_le64(p + 32, c->rsdp);
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

err_t boot_pvh(struct boot_ctx *c, struct boot_entry *out)
{
	static const uint64_t gdt[4] = {0, 0, 0x00cf9b000000ffff, 0x00cf93000000ffff};
	struct pvh_image im = {0};
	err_t e = pvh_headers(c, &im);

	if (e == OK)
		e = pvh_notes(c, &im);
	if (e == OK)
		e = pvh_segments(c, &im);
	if (e == OK)
		e = boot_place_initrd(c, align_up(im.end, PAGE_SIZE), PC_RAM_HOLE);
	if (e == OK)
		e = boot_cmdline(c, VM_CMDLINE_MAX);
	if (e == OK)
		e = pvh_start_info(c);
	if (e == OK)
		e = gmem_write(c->mem, GPA(PC_BOOT_GDT), gdt, sizeof(gdt));
	if (e)
		return e;
	*out = (struct boot_entry){.mode = BOOT_PROTECTED_MODE, .rip = im.entry, .rbx = PC_PVH_INFO, .gdt_base = PC_BOOT_GDT, .gdt_limit = 31};
	return OK;
}
