/* SPDX-License-Identifier: Apache-2.0 */
/* bzImage by the 64-bit boot protocol (Linux Documentation/arch/x86/boot.rst 1.5 and "64-bit Boot Protocol"; zero-page.rst). */
#include <core/arith.h>
#include <string.h>
#include <vmm/x86_64/pc_layout.h>
#include "boot_pc.h"

/* Offsets in the file and in the zero page alike. */
enum {
	BP_RSDP = 0x070, BP_E820_COUNT = 0x1e8, BP_HDR = 0x1f1, BP_SETUP_SECTS = 0x1f1, BP_JUMP = 0x201, BP_HEADER_BASE = 0x202, BP_VERSION = 0x206,
	BP_LOADER_TYPE = 0x210, BP_LOADFLAGS = 0x211, BP_RAMDISK_IMAGE = 0x218, BP_RAMDISK_SIZE = 0x21c, BP_CMDLINE_PTR = 0x228,
	BP_INITRD_MAX = 0x22c, BP_ALIGNMENT = 0x230, BP_RELOCATABLE = 0x234, BP_XLOADFLAGS = 0x236, BP_CMDLINE_SIZE = 0x238,
	BP_PREF_ADDRESS = 0x258, BP_INIT_SIZE = 0x260, BP_HDR_END = 0x290, BP_E820 = 0x2d0,
	MIN_VERSION = 0x20c, XLF_KERNEL_64 = 1, LOADER_UNDEFINED = 0xff, LOADED_HIGH = 1, E820_ENTRY = 20,
	ENTRY_64 = 0x200,
};

struct bz_header { uint8_t page[PAGE_SIZE]; uint64_t setup_bytes, load, init_size; };

static err_t bz_read_header(struct boot_ctx *c, struct bz_header *h)
{
	uint8_t *p = h->page;
	unsigned end;

	memset(p, 0, sizeof(h->page));
	if (c->kernel->size < BP_HDR_END || c->kernel->read(c->kernel->ctx, 0, c->chunk, BP_HDR_END))
		return boot_fail(c, E_CORRUPT, "bzImage is cut short: its header needs 0x290 bytes");
	end = BP_HEADER_BASE + c->chunk[BP_JUMP];
	if (end > BP_HDR_END)
		end = BP_HDR_END;
	memcpy(p + BP_HDR, c->chunk + BP_HDR, end - BP_HDR);
	if (get_le16(p + BP_VERSION) < MIN_VERSION)
		return boot_fail(c, E_CORRUPT, "bzImage speaks boot protocol %x.%02x: expected 2.0c or newer", p[BP_VERSION + 1], p[BP_VERSION]);
	if (!(get_le16(p + BP_XLOADFLAGS) & XLF_KERNEL_64))
		return boot_fail(c, E_CORRUPT, "bzImage has no 64-bit entry point");
	h->setup_bytes = ((p[BP_SETUP_SECTS] ? p[BP_SETUP_SECTS] : 4) + 1ull) * 512;
	if (h->setup_bytes >= c->kernel->size)
		return boot_fail(c, E_CORRUPT, "bzImage is cut short: it ends within its set-up code");
	return OK;
}

/* Where the kernel wants to be, or the first aligned place above 1 MiB when it is relocatable and that does not fit. */
static err_t bz_place(struct boot_ctx *c, struct bz_header *h)
{
	uint64_t pref = get_le64(h->page + BP_PREF_ADDRESS), align = get_le32(h->page + BP_ALIGNMENT);

	h->init_size = MAX((uint64_t)get_le32(h->page + BP_INIT_SIZE), c->kernel->size - h->setup_bytes);
	h->load = pref;
	if (pref >= PC_KERNEL_MIN && is_aligned(pref, PAGE_SIZE) && range_within(pref, h->init_size, c->ram_end))
		return OK;
	if (!h->page[BP_RELOCATABLE] || !is_pow2(align) || align > GIB)
		return boot_fail(c, E_RANGE, "kernel must lie at 0x%llx and needs %llu MiB there; the guest has %llu MiB of memory",
				 (unsigned long long)pref, (unsigned long long)(h->init_size / MIB), (unsigned long long)(c->ram_end / MIB));
	h->load = align_up(PC_KERNEL_MIN, MAX(align, PAGE_SIZE));
	if (!range_within(h->load, h->init_size, c->ram_end))
		return boot_fail(c, E_RANGE, "kernel needs %llu MiB above %llu MiB; the guest has %llu MiB of memory",
				 (unsigned long long)(h->init_size / MIB), (unsigned long long)(h->load / MIB), (unsigned long long)(c->ram_end / MIB));
	return OK;
}

static void bz_fill_zero_page(const struct pc_boot *b, struct bz_header *h)
{
	const struct boot_ctx *c = &b->c;
	struct boot_range map[BOOT_MAP_MAX];
	unsigned n = boot_memory_map(b, map);
	uint8_t *p = h->page;

	p[BP_LOADER_TYPE] = LOADER_UNDEFINED;
	p[BP_LOADFLAGS] |= LOADED_HIGH;
	put_le32(p + BP_RAMDISK_IMAGE, (uint32_t)c->initrd_addr);
	put_le32(p + BP_RAMDISK_SIZE, (uint32_t)c->initrd->size);
	put_le32(p + BP_CMDLINE_PTR, PC_CMDLINE);
	put_le64(p + BP_RSDP, b->rsdp);
	p[BP_E820_COUNT] = (uint8_t)n;
	for (unsigned i = 0; i < n; i++) {
		put_le64(p + BP_E820 + E820_ENTRY * i, map[i].base);
		put_le64(p + BP_E820 + E820_ENTRY * i + 8, map[i].size);
		put_le32(p + BP_E820 + E820_ENTRY * i + 16, map[i].type);
	}
}

/* 4 GiB identity in 2 MiB pages, and flat segments at the selectors that the protocol names (0x10 code, 0x18 data). */
static err_t bz_long_mode_tables(struct boot_ctx *c)
{
	static const uint64_t gdt[4] = {0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff};
	enum { PRESENT_WRITE = 3, LARGE = 0x80 };
	uint64_t *e = (uint64_t *)(void *)c->chunk;
	err_t err;

	memset(e, 0, 2 * PAGE_SIZE);
	e[0] = (PC_BOOT_TABLES + PAGE_SIZE) | PRESENT_WRITE;
	for (unsigned i = 0; i < 4; i++)
		e[512 + i] = (PC_BOOT_TABLES + (2 + i) * PAGE_SIZE) | PRESENT_WRITE;
	for (unsigned i = 0; i < 4 * 512; i++)
		e[1024 + i] = (uint64_t)i << 21 | LARGE | PRESENT_WRITE;
	err = gmem_write(c->mem, GPA(PC_BOOT_TABLES), e, 6 * PAGE_SIZE);
	return err ? err : gmem_write(c->mem, GPA(PC_BOOT_GDT), gdt, sizeof(gdt));
}

static err_t bz_load(struct pc_boot *b, struct bz_header *h)
{
	struct boot_ctx *c = &b->c;
	uint32_t initrd_max = get_le32(h->page + BP_INITRD_MAX);
	err_t e = bz_place(c, h);

	if (e == OK)
		e = boot_copy(c, c->kernel, h->setup_bytes, GPA(h->load), c->kernel->size - h->setup_bytes);
	if (e == OK)
		e = boot_place_initrd(c, h->load + h->init_size, initrd_max ? (uint64_t)initrd_max + 1 : PC_RAM_HOLE);
	if (e == OK)
		e = boot_cmdline(c, get_le32(h->page + BP_CMDLINE_SIZE));
	if (e)
		return e;
	bz_fill_zero_page(b, h);
	e = gmem_write(c->mem, GPA(PC_ZERO_PAGE), h->page, sizeof(h->page));
	return e ? e : bz_long_mode_tables(c);
}

err_t boot_bzimage(struct pc_boot *b, struct boot_entry *out)
{
	struct bz_header h;
	err_t e = bz_read_header(&b->c, &h);

	if (e == OK)
		e = bz_load(b, &h);
	if (e)
		return e;
	*out = (struct boot_entry){.mode = BOOT_LONG_MODE, .rip = h.load + ENTRY_64, .rsi = PC_ZERO_PAGE, .rsp = PC_BOOT_STACK,
				   .cr3 = PC_BOOT_TABLES, .gdt_base = PC_BOOT_GDT, .gdt_limit = 31};
	return OK;
}
