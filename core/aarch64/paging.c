/* SPDX-License-Identifier: Apache-2.0 */
/* Builds and keeps the firmware's address space (see core/machine/paging.h), in one range of addresses from 0: the regime of EL2 without VHE has
 * no other. Changes after boot are rare (stacks, devices) and serialised by one lock; hal_direct_set_guest takes none, since the page allocator
 * calls it under its own. RAM is mapped by 2 MiB blocks and not by 1 GiB, because guest and host memory trade places in such blocks. */
#include "paging.h"
#include "cpu.h"
#include "pagetable.h"
#include "tlb.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/panic.h>
#include <core/spinlock.h>
#include <string.h>

/* The areas are the last entries but one of the top table; physical addresses end before them. */
const uint64_t paging_devices = 0x0000ff0000000000ull, paging_stacks = 0x0000ff8000000000ull;
const uint64_t paging_pa_end = 0x0001000000000000ull;

/* TCR_ELx (DDI0487, by that name): 48-bit addresses from 0, walks cached write-back and inner shareable, 4 KiB granule. */
#define TCR_COMMON (16ull | 1ull << 8 | 1ull << 10 | 3ull << 12)
#define TCR_EL2_RES1 (1ull << 31 | 1ull << 23)
#define TCR_EL1_NO_TTBR1 (1ull << 23 | 16ull << 16 | 2ull << 30) /* EPD1; T1SZ and TG1 must make sense all the same */
#define CACHE_LINE_MIN 4ull

extern const char mmu_code[] __attribute__((visibility("hidden"))), mmu_code_end[] __attribute__((visibility("hidden")));

static struct {
	struct pagetable view[PAGING_VIEWS];
	struct mmu_regs regs[PAGING_VIEWS];
	struct spinlock lock;
} paging;

static uint64_t *table_alloc(void)
{
	return paging_frame_alloc();
}

static void must(err_t e, const char *what)
{
	if (e != OK)
		panic("paging: the tables of %s: %s", what, err_name(e));
}

err_t paging_build_map(enum paging_view view, uint64_t base, uint64_t size, unsigned flags)
{
	if (base >= paging_devices || size > paging_devices - base)
		return E_RANGE; /* beyond the 48 bits that we map */
	return pt_map(&paging.view[view], base, base, size, flags);
}

err_t paging_build_unmap(uint64_t base, uint64_t size)
{
	return pt_unmap(&paging.view[PAGING_MAIN], base, size);
}

static void view_begin(enum paging_view view, const uint64_t *shared_top)
{
	struct pagetable *t = &paging.view[view];

	*t = (struct pagetable){.top = paging_frame_alloc(), .alloc = table_alloc, .shared_top = shared_top,
				.has_el0 = el_state.vhe || !el_state.at2};
	if (!t->top)
		must(E_NOMEM, "anything");
	if (shared_top)
		memcpy(t->top, shared_top, PAGE_SIZE);
}

/* Everything writable is never executable, by the tables and once more by WXN; but in the firmware's view, whose code may be both. */
static void view_regs(enum paging_view view)
{
	bool el1_form = el_state.vhe || !el_state.at2;
	uint64_t sctlr = SCTLR_M | SCTLR_C | SCTLR_SA | SCTLR_I | (view == PAGING_MAIN ? SCTLR_WXN : 0);

	/* SPAN 0: taking an exception to EL1 sets PAN. At EL2 the bit has no such meaning with TGE 0 and reads as one. */
	sctlr |= el1_form ? SCTLR_EL1_RES1 | (el_state.at2 ? SCTLR_SPAN : 0) : SCTLR_EL2_RES1;
	paging.regs[view] = (struct mmu_regs){
		.ttbr = (uint64_t)paging.view[view].top, .mair = PT_MAIR, .sctlr = sctlr, .hcr = el_state.hcr,
		.tcr = TCR_COMMON | (el1_form ? TCR_EL1_NO_TTBR1 | cpu_pa_range() << 32 : TCR_EL2_RES1 | cpu_pa_range() << 16),
	};
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
	view_regs(PAGING_MAIN);
	view_regs(PAGING_RUNTIME);
	cache_clean(mmu_code, (size_t)(mmu_code_end - mmu_code));
	paging_load(PAGING_MAIN);
	paging.view[PAGING_MAIN].live = paging.view[PAGING_RUNTIME].live = true;
}

const struct mmu_regs *paging_regs(enum paging_view view)
{
	return &paging.regs[view];
}

void paging_load(enum paging_view view)
{
	if (el_state.at2)
		mmu_load_el2(&paging.regs[view]);
	else
		mmu_load_el1(&paging.regs[view]);
}

enum paging_view paging_current(void)
{
	return (sysreg_ttbr() & PT_ADDR) == paging.regs[PAGING_RUNTIME].ttbr ? PAGING_RUNTIME : PAGING_MAIN;
}

/* By line of the smallest data cache (CTR_EL0.DminLine, words); DC CVAC reaches the point of coherency (DDI0487 D7.5.9). */
void cache_clean(const void *p, size_t len)
{
	uint64_t line = CACHE_LINE_MIN << (SYSREG_READ("CTR_EL0") >> 16 & 0xf), a = align_down((uint64_t)p, line);

	for (; a < (uint64_t)p + len; a += line)
		__asm__ volatile("dc cvac, %0" : : "r"(a) : "memory");
	dsb_sy();
}

/* ---- changes */

err_t paging_map(uint64_t va, uint64_t pa, uint64_t len, unsigned flags)
{
	err_t e;

	spin_lock(&paging.lock);
	e = pt_map(&paging.view[PAGING_MAIN], va, pa, len, flags);
	spin_unlock(&paging.lock);
	tlb_made();
	return e;
}

err_t paging_unmap(uint64_t va, uint64_t len)
{
	err_t e;

	spin_lock(&paging.lock);
	e = pt_unmap(&paging.view[PAGING_MAIN], va, len);
	spin_unlock(&paging.lock);
	for (uint64_t off = 0; off < len; off += PAGE_SIZE)
		tlb_drop(va + off);
	return e;
}

/* AP[1] alone changes, which needs no break-before-make (D8.17.1 lists what does): CPUs may use the old right until the invalidation. */
void hal_direct_set_guest(struct hpa block, bool guest)
{
	unsigned level, n = 1;
	uint64_t *e;

	if (!paging.view[PAGING_MAIN].has_el0)
		return; /* said in the log at boot: nothing marks guest memory here */
	e = pt_walk(paging.view[PAGING_MAIN].top, block.v, &level);
	BUG_ON(!is_aligned(block.v, PAGING_BLOCK) || !e || level > 2);
	if (level == 1)
		n = PAGE_SIZE / sizeof(*e);
	for (unsigned i = 0; i < n; i++) {
		uint64_t v = __atomic_load_n(&e[i], __ATOMIC_RELAXED) & ~PT_USER;

		__atomic_store_n(&e[i], guest ? v | PT_USER : v, __ATOMIC_RELAXED);
		tlb_drop(block.v + i * PAGE_SIZE);
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
	uint64_t *e = pt_walk(paging.view[PAGING_MAIN].top, va, &level), size;

	if (!e)
		return false;
	size = (uint64_t)PAGE_SIZE << 9 * (level - 1);
	*pa = (*e & PT_ADDR & ~(size - 1)) + (va & (size - 1));
	return true;
}

bool paging_allows(uint64_t va, bool write, bool user_too)
{
	const struct pagetable *t = &paging.view[paging_current()];
	unsigned level;
	uint64_t *e;

	if (!t->top || va >= paging_pa_end)
		return false;
	e = pt_walk(t->top, va, &level);
	if (!e || (write && (*e & PT_RO)))
		return false;
	return user_too || !el_state.pan || !(*e & PT_USER);
}
