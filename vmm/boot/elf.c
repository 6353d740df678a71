/* SPDX-License-Identifier: Apache-2.0 */
/* ELF64 kernels: headers and segments (System V ABI, "Object Files" and "Program Loading"). What the entry means is for the caller to say. */
#include "boot.h"
#include <core/arith.h>

enum {
	EH_CLASS = 4, EH_DATA = 5, EH_TYPE = 16, EH_MACHINE = 18, EH_ENTRY = 24, EH_PHOFF = 32, EH_PHENTSIZE = 54, EH_PHNUM = 56, EH_SIZE = 64,
	CLASS_64 = 2, DATA_LE = 1,
	PH_SIZE = 56,
};

static err_t elf_program_header(struct boot_ctx *c, uint64_t phoff, unsigned i, struct boot_elf_segment *s)
{
	uint8_t p[PH_SIZE];
	uint64_t at;
	err_t e;

	if (!add_ok(phoff, (uint64_t)i * PH_SIZE, &at))
		return boot_fail(c, E_CORRUPT, "ELF program headers lie outside of the file");
	e = boot_read(c, at, p, sizeof(p));
	if (e)
		return e;
	*s = (struct boot_elf_segment){.type = get_le32(p), .offset = get_le64(p + 8), .vaddr = get_le64(p + 16), .paddr = get_le64(p + 24),
				       .filesz = get_le64(p + 32), .memsz = get_le64(p + 40)};
	return OK;
}

err_t boot_elf_headers(struct boot_ctx *c, uint16_t machine, const char *name, struct boot_elf *im)
{
	uint8_t eh[EH_SIZE];
	err_t e = boot_read(c, 0, eh, sizeof(eh));

	if (e)
		return e;
	if (eh[EH_CLASS] != CLASS_64 || eh[EH_DATA] != DATA_LE || get_le16(eh + EH_MACHINE) != machine)
		return boot_fail(c, E_CORRUPT, "ELF kernel is not for %s", name);
	im->type = get_le16(eh + EH_TYPE);
	im->entry = get_le64(eh + EH_ENTRY);
	im->n = get_le16(eh + EH_PHNUM);
	if (im->n == 0 || im->n > BOOT_ELF_SEGMENTS || get_le16(eh + EH_PHENTSIZE) != PH_SIZE)
		return boot_fail(c, E_CORRUPT, "ELF kernel has %u program headers: expected 1 to %u of 56 bytes", im->n, BOOT_ELF_SEGMENTS);
	for (unsigned i = 0; i < im->n && e == OK; i++)
		e = elf_program_header(c, get_le64(eh + EH_PHOFF), i, &im->seg[i]);
	return e;
}

/* left: bytes that the file may still give, so that a small file cannot ask for long work. */
static err_t elf_segment(struct boot_ctx *c, const struct boot_elf_segment *s, uint64_t at, uint64_t low, uint64_t *left)
{
	if (s->filesz > s->memsz || at < low || !range_within(at, s->memsz, c->ram_end))
		return boot_fail(c, E_RANGE, "ELF segment at 0x%llx (%llu KiB) does not lie in guest memory above 0x%llx", (unsigned long long)at,
				 (unsigned long long)(s->memsz / KIB), (unsigned long long)low);
	if (s->filesz > *left)
		return boot_fail(c, E_CORRUPT, "ELF segments have more bytes in all than the file");
	*left -= s->filesz;
	return boot_copy(c, c->kernel, s->offset, GPA(at), s->filesz);
}

err_t boot_elf_segments(struct boot_ctx *c, const struct boot_elf *im, uint64_t bias, uint64_t low, uint64_t *end)
{
	uint64_t left = c->kernel->size, last = low;

	for (unsigned i = 0; i < im->n; i++) {
		const struct boot_elf_segment *s = &im->seg[i];
		uint64_t at = s->paddr + bias; /* wraps to an address that the check refuses, or to one that is meant */
		err_t e;

		if (s->type != BOOT_ELF_LOAD || s->memsz == 0)
			continue;
		e = elf_segment(c, s, at, low, &left);
		if (e)
			return e;
		last = MAX(last, at + s->memsz);
	}
	*end = last;
	return OK;
}
