/* SPDX-License-Identifier: Apache-2.0 */
/* Builds and keeps the firmware's address space (see paging.h). Changes after boot are rare (stacks, devices)
 * and serialised by one lock; hal_direct_set_guest takes none, since the page allocator calls it under its own.
 * RAM is mapped by 2 MiB pages and not by 1 GiB pages, because guest and host memory trade places in such blocks. */
#include "paging.h"
#include "cpu.h"
#include "insn.h"
#include "pagetable.h"
#include <core/arith.h>
#include <core/boot_info.h>
#include <core/hal.h>
#include <core/page.h>
#include <core/panic.h>
#include <core/spinlock.h>
#include <string.h>

#define FAULT_PRESENT 1u
#define FAULT_WRITE 2u
#define FAULT_USER 4u
#define FAULT_RESERVED 8u
#define FAULT_FETCH 16u
#define RFLAGS_AC (1u << 18)

/* Section borders, from the linker script. */
#define BORDER extern const char __attribute__((visibility("hidden")))
BORDER image_base[], image_text[], image_text_end[], image_data[], image_bss_end[], image_end[], boot_stack_guard[];

static struct {
	struct pagetable main, runtime;
	uint64_t cr3, cr3_runtime;
	struct spinlock lock;
	uint64_t next, end;      /* boot reserve */
	uint64_t *free_frames;   /* freed pages of the boot reserve, chained by their first word */
	struct spinlock frames_lock;
	bool pools;
} paging;

static bool frame_is_reserve(uint64_t a)
{
	return a >= boot_info->tables.v && a < paging.end;
}

static void *frame_from_reserve(void)
{
	uint64_t *f = NULL;

	spin_lock(&paging.frames_lock);
	if (paging.free_frames) {
		f = paging.free_frames;
		paging.free_frames = (uint64_t *)f[0];
	} else if (paging.next < paging.end) {
		f = (uint64_t *)paging.next;
		paging.next += PAGE_SIZE;
	}
	spin_unlock(&paging.frames_lock);
	if (f)
		memset(f, 0, PAGE_SIZE);
	return f;
}

void *paging_frame_alloc(void)
{
	struct hpa a;
	void *f = frame_from_reserve();

	if (f || !paging.pools)
		return f;
	return page_alloc(&pool_core, 0, PAGE_HOST, &a) == OK ? hal_direct(a) : NULL;
}

void paging_frame_free(void *frame)
{
	if (!frame_is_reserve((uint64_t)frame)) {
		page_free(&pool_core, hal_hpa_of(frame), 0, PAGE_HOST);
		return;
	}
	spin_lock(&paging.frames_lock);
	*(uint64_t **)frame = paging.free_frames;
	paging.free_frames = frame;
	spin_unlock(&paging.frames_lock);
}

void paging_pools_ready(void)
{
	paging.pools = true;
}

static uint64_t *table_alloc(void)
{
	return paging_frame_alloc();
}

static void must(err_t e, const char *what)
{
	if (e != OK)
		panic("paging: no room for the tables of %s", what);
}

/* ---- the identity map */

/* 0 when a region is not mapped. */
static uint64_t region_flags(const struct boot_region *r)
{
	switch (r->kind) {
	case BOOT_RAM_FREE: case BOOT_RAM_IMAGE:
		return PT_WRITE | PT_NX;
	case BOOT_RAM_ACPI: case BOOT_RAM_RUNTIME_CODE: case BOOT_RAM_RUNTIME_DATA:
		return PT_NX;
	default:
		return 0;
	}
}

static void map_ram(void)
{
	const struct boot_region *r = boot_info->regions, *end = r + boot_info->nregions;

	while (r < end) {
		uint64_t flags = region_flags(r), base = r->base.v, size = r->size;

		/* Neighbours with the same rights become one range, so that large pages fit. */
		for (r++; r < end && region_flags(r) == flags && r->base.v == base + size; r++)
			size += r->size;
		if (flags)
			must(pt_map(&paging.main, base, base, size, flags), "RAM");
	}
}

static void map_section(const char *from, const char *to, uint64_t flags)
{
	uint64_t a = align_down((uint64_t)from, PAGE_SIZE), b = align_up((uint64_t)to, PAGE_SIZE);

	if (a < b)
		must(pt_map(&paging.main, a, a, b - a, flags), "the image");
}

static void map_image(void)
{
	map_section(image_base, image_text, PT_NX);
	map_section(image_text, image_text_end, 0);
	map_section(image_text_end, image_data, PT_NX); /* constants, also those that held relocations */
	map_section(image_data, image_bss_end, PT_WRITE | PT_NX);
	map_section(image_bss_end, image_end, PT_NX);
	must(pt_unmap(&paging.main, (uint64_t)boot_stack_guard, PAGE_SIZE), "the boot stack");
}

/* The view for runtime services: the same but for the regions that the firmware runs in (UEFI 2.10 2.3.4, 7.2.3:
 * EFI_MEMORY_RUNTIME). They are writable and executable only there. */
static void map_runtime(void)
{
	paging.runtime = (struct pagetable){.top = paging_frame_alloc(), .alloc = table_alloc,
					    .shared_top = paging.main.top};
	if (!paging.runtime.top)
		must(E_NOMEM, "runtime services");
	memcpy(paging.runtime.top, paging.main.top, PAGE_SIZE);
	for (unsigned i = 0; i < boot_info->nregions; i++) {
		const struct boot_region *r = &boot_info->regions[i];
		uint64_t flags;

		if (r->kind == BOOT_RAM_RUNTIME_CODE)
			flags = PT_WRITE;
		else if (r->kind == BOOT_RAM_RUNTIME_DATA)
			flags = PT_WRITE | PT_NX;
		else if ((r->efi_attr >> 63) && (r->kind == BOOT_MMIO || r->kind == BOOT_RESERVED))
			flags = PT_WRITE | PT_NX | PT_TYPE_UC;
		else
			continue;
		must(pt_map(&paging.runtime, r->base.v, r->base.v, r->size, flags), "runtime services");
	}
}

/* With five levels on (the firmware's choice; it cannot be changed in long mode) our four-level tree hangs below a
 * top table whose first and last entries cover both canonical halves of 48-bit addresses (SDM 3A 4.5.4). */
static uint64_t root_for(uint64_t *top)
{
	uint64_t *pml5;

	if (!cpu_features.la57_on)
		return (uint64_t)top;
	pml5 = paging_frame_alloc();
	if (!pml5)
		must(E_NOMEM, "the fifth level");
	pml5[0] = pml5[511] = (uint64_t)top | PT_PRESENT | PT_WRITE | PT_USER;
	return (uint64_t)pml5;
}

void paging_init(void)
{
	paging.next = boot_info->tables.v;
	paging.end = boot_info->tables.v + boot_info->tables_pages * PAGE_SIZE;
	paging.main = (struct pagetable){.top = paging_frame_alloc(), .alloc = table_alloc};
	if (!paging.main.top)
		must(E_NOMEM, "anything");
	map_ram();
	map_image();
	/* The areas' second-level tables exist before the top table is copied: then both views show what comes later. */
	must(pt_unmap(&paging.main, PAGING_DEVICES, PAGE_SIZE), "devices");
	must(pt_unmap(&paging.main, PAGING_STACKS, PAGE_SIZE), "stacks");
	map_runtime();
	paging.cr3 = root_for(paging.main.top);
	paging.cr3_runtime = root_for(paging.runtime.top);
	insn_write_cr3(paging.cr3);
}

uint64_t paging_cr3(void)
{
	return paging.cr3;
}

const uint64_t *paging_top(void)
{
	return paging.main.top;
}

uint64_t paging_cr3_runtime(void)
{
	return paging.cr3_runtime;
}

/* ---- changes */

err_t paging_map(uint64_t va, uint64_t pa, uint64_t len, uint64_t flags)
{
	err_t e;

	spin_lock(&paging.lock);
	e = pt_map(&paging.main, va, pa, len, flags);
	spin_unlock(&paging.lock);
	return e;
}

err_t paging_unmap(uint64_t va, uint64_t len)
{
	err_t e;

	spin_lock(&paging.lock);
	e = pt_unmap(&paging.main, va, len);
	spin_unlock(&paging.lock);
	for (uint64_t off = 0; off < len; off += PAGE_SIZE)
		insn_invlpg(va + off);
	return e;
}

err_t paging_set_exec(uint64_t page, bool exec)
{
	err_t e = paging_map(page, page, PAGE_SIZE, exec ? 0 : PT_WRITE | PT_NX);

	insn_invlpg(page);
	return e;
}

void *hal_direct(struct hpa a)
{
	return (void *)a.v;
}

struct hpa hal_hpa_of(const void *direct)
{
	return HPA((uint64_t)direct);
}

/* Other CPUs may keep the old right in their TLBs. Taking user access away is healed by paging_fault_is_stale;
 * until an old entry without the user bit is evicted, SMAP does not guard that block on that CPU. */
void hal_direct_set_guest(struct hpa block, bool guest)
{
	unsigned level;
	uint64_t perms, *e = pt_walk(paging.main.top, block.v, &level, &perms);
	unsigned n = 1;

	BUG_ON(!is_aligned(block.v, PT_BLOCK) || !e || level > 2);
	if (level == 1)
		n = 512;
	for (unsigned i = 0; i < n; i++) {
		uint64_t v = __atomic_load_n(&e[i], __ATOMIC_RELAXED) & ~PT_USER;

		__atomic_store_n(&e[i], guest ? v | PT_USER : v, __ATOMIC_RELAXED);
		insn_invlpg(block.v + i * PAGE_SIZE);
	}
}

/* ---- questions */

static const uint64_t *current_top(void)
{
	uint64_t cr3 = insn_read_cr3() & PT_ADDR;

	return cr3 == paging.cr3_runtime ? paging.runtime.top : paging.main.top;
}

bool paging_allows(uint64_t va, bool write, bool user_too)
{
	unsigned level;
	uint64_t perms;

	if (!paging.main.top || (int64_t)(va << 16) >> 16 != (int64_t)va || !pt_walk(current_top(), va, &level, &perms))
		return false;
	if (write && !(perms & PT_WRITE))
		return false;
	return user_too || !cpu_features.smap || !(perms & PT_USER);
}

bool paging_fault_is_stale(uint64_t va, uint64_t error, uint64_t rflags)
{
	if (error & (FAULT_RESERVED | FAULT_FETCH | FAULT_USER))
		return false;
	if (!paging_allows(va, error & FAULT_WRITE, rflags & RFLAGS_AC))
		return false;
	insn_invlpg(va);
	return true;
}
