/* SPDX-License-Identifier: Apache-2.0 */
/* Builds and keeps the firmware's address space (see core/machine/paging.h). Changes after boot are rare (stacks, devices)
 * and serialised by one lock; hal_direct_set_guest takes none, since the page allocator calls it under its own.
 * RAM is mapped by 2 MiB pages and not by 1 GiB pages, because guest and host memory trade places in such blocks. */
#include "paging.h"
#include "cpu.h"
#include "insn.h"
#include "pagetable.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/panic.h>
#include <core/spinlock.h>
#include <string.h>

#define FAULT_PRESENT 1u
#define FAULT_WRITE 2u
#define FAULT_USER 4u
#define FAULT_RESERVED 8u
#define FAULT_FETCH 16u
#define RFLAGS_AC (1u << 18)

const uint64_t paging_devices = 0xffffc80000000000ull, paging_stacks = 0xffffc88000000000ull;
const uint64_t paging_pa_end = PT_ADDR + PAGE_SIZE;

static struct {
	struct pagetable view[PAGING_VIEWS];
	uint64_t cr3, cr3_runtime;
	struct spinlock lock;
} paging;

static uint64_t *table_alloc(void)
{
	return paging_frame_alloc();
}

static void must(err_t e, const char *what)
{
	if (e != OK)
		panic("paging: no room for the tables of %s", what);
}

static uint64_t entry_flags(unsigned flags)
{
	return (flags & PAGING_WRITE ? PT_WRITE : 0) | (flags & PAGING_EXEC ? 0 : PT_NX) | (flags & PAGING_UC ? PT_TYPE_UC : 0) |
	       (flags & PAGING_WC ? PT_TYPE_WC : 0);
}

err_t paging_build_map(enum paging_view view, uint64_t base, uint64_t size, unsigned flags)
{
	return pt_map(&paging.view[view], base, base, size, entry_flags(flags));
}

err_t paging_build_unmap(uint64_t base, uint64_t size)
{
	return pt_unmap(&paging.view[PAGING_MAIN], base, size);
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

static void view_begin(enum paging_view view, const uint64_t *shared_top)
{
	struct pagetable *t = &paging.view[view];

	*t = (struct pagetable){.top = paging_frame_alloc(), .alloc = table_alloc, .shared_top = shared_top};
	if (!t->top)
		must(E_NOMEM, "anything");
	if (shared_top)
		memcpy(t->top, shared_top, PAGE_SIZE);
}

void paging_init(void)
{
	view_begin(PAGING_MAIN, NULL);
	identity_build_main();
	/* The areas' second-level tables exist before the top table is copied: then both views show what comes later. */
	must(paging_build_unmap(paging_devices, PAGE_SIZE), "devices");
	must(paging_build_unmap(paging_stacks, PAGE_SIZE), "stacks");
	view_begin(PAGING_RUNTIME, paging.view[PAGING_MAIN].top);
	identity_build_runtime();
	paging.cr3 = root_for(paging.view[PAGING_MAIN].top);
	paging.cr3_runtime = root_for(paging.view[PAGING_RUNTIME].top);
	insn_write_cr3(paging.cr3);
}

uint64_t paging_cr3(void)
{
	return paging.cr3;
}

uint64_t paging_cr3_runtime(void)
{
	return paging.cr3_runtime;
}

/* ---- changes */

err_t paging_map(uint64_t va, uint64_t pa, uint64_t len, unsigned flags)
{
	err_t e;

	spin_lock(&paging.lock);
	e = pt_map(&paging.view[PAGING_MAIN], va, pa, len, entry_flags(flags));
	spin_unlock(&paging.lock);
	return e;
}

err_t paging_unmap(uint64_t va, uint64_t len)
{
	err_t e;

	spin_lock(&paging.lock);
	e = pt_unmap(&paging.view[PAGING_MAIN], va, len);
	spin_unlock(&paging.lock);
	for (uint64_t off = 0; off < len; off += PAGE_SIZE)
		insn_invlpg(va + off);
	return e;
}

err_t paging_set_exec(uint64_t page, bool exec)
{
	err_t e = paging_map(page, page, PAGE_SIZE, exec ? PAGING_EXEC : PAGING_WRITE);

	insn_invlpg(page);
	return e;
}

/* Other CPUs may keep the old right in their TLBs. Taking user access away is healed by paging_fault_is_stale;
 * until an old entry without the user bit is evicted, SMAP does not guard that block on that CPU. */
void hal_direct_set_guest(struct hpa block, bool guest)
{
	unsigned level;
	uint64_t perms, *e = pt_walk(paging.view[PAGING_MAIN].top, block.v, &level, &perms);
	unsigned n = 1;

	BUG_ON(!is_aligned(block.v, PAGING_BLOCK) || !e || level > 2);
	if (level == 1)
		n = 512;
	for (unsigned i = 0; i < n; i++) {
		uint64_t v = __atomic_load_n(&e[i], __ATOMIC_RELAXED) & ~PT_USER;

		__atomic_store_n(&e[i], guest ? v | PT_USER : v, __ATOMIC_RELAXED);
		insn_invlpg(block.v + i * PAGE_SIZE);
	}
}

/* ---- questions */

const uint64_t *paging_top(void)
{
	return paging.view[PAGING_MAIN].top;
}

bool paging_lookup(uint64_t va, uint64_t *pa)
{
	unsigned level;
	uint64_t perms, *e = pt_walk(paging.view[PAGING_MAIN].top, va, &level, &perms);

	if (!e)
		return false;
	*pa = (*e & PT_ADDR & ~((PAGE_SIZE << 9 * (level - 1)) - 1)) + (va & ((PAGE_SIZE << 9 * (level - 1)) - 1));
	return true;
}

static const uint64_t *current_top(void)
{
	uint64_t cr3 = insn_read_cr3() & PT_ADDR;

	return cr3 == paging.cr3_runtime ? paging.view[PAGING_RUNTIME].top : paging.view[PAGING_MAIN].top;
}

bool paging_allows(uint64_t va, bool write, bool user_too)
{
	unsigned level;
	uint64_t perms;

	if (!paging.view[PAGING_MAIN].top || (int64_t)(va << 16) >> 16 != (int64_t)va || !pt_walk(current_top(), va, &level, &perms))
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
