/* SPDX-License-Identifier: Apache-2.0 */
/* TLB and cache maintenance for guests (DDI0487, "TLB maintenance", "Cache maintenance"). A TLBI acts on the VMID in VTTBR_EL2, and on EL1&0 since
 * HCR_EL2.TGE is 0. Own CPU; between guest runs, so that VTTBR_EL2 may be borrowed. */
#include "hw.h"
#include <core/page.h>

#define TLBI(op) __asm__ volatile("tlbi " op : : : "memory")
#define TLBI_ARG(op, v) __asm__ volatile("tlbi " op ", %0" : : "r"((uint64_t)(v)) : "memory")
#define DSB(domain) __asm__ volatile("dsb " domain : : : "memory")
#define ISB() __asm__ volatile("isb" : : : "memory")

static uint64_t vttbr_borrow(uint64_t vttbr)
{
	uint64_t old;

	__asm__ volatile("mrs %0, vttbr_el2" : "=r"(old));
	__asm__ volatile("msr vttbr_el2, %0" : : "r"(vttbr) : "memory");
	ISB();
	DSB("ishst"); /* what was written to the tables is seen by all walkers before */
	return old;
}

static void vttbr_give_back(uint64_t old)
{
	__asm__ volatile("msr vttbr_el2, %0" : : "r"(old) : "memory");
	ISB();
}

void hw_tlb_flush_vm(uint64_t vttbr)
{
	uint64_t old = vttbr_borrow(vttbr);

	TLBI("vmalls12e1is");
	DSB("ish");
	vttbr_give_back(old);
}

void hw_tlb_flush_range(uint64_t vttbr, struct gpa a, uint64_t pages)
{
	uint64_t old = vttbr_borrow(vttbr);

	for (uint64_t i = 0; i < pages; i++)
		TLBI_ARG("ipas2e1is", (a.v >> 12) + i);
	/* Entries that combine both stages are found by the stage-1 address alone, and may be made anew from a stage-2 entry
	 * until that is gone: so all of stage 1, and only then (TLBI IPAS2E1IS). */
	DSB("ish");
	TLBI("vmalle1is");
	DSB("ish");
	vttbr_give_back(old);
}

void hw_tlb_flush_stage1_local(void)
{
	TLBI("vmalle1");
	__asm__ volatile("ic iallu" : : : "memory"); /* VMID-tagged instruction caches hold what the other vCPU fetched under its tables */
	DSB("nsh");
	ISB();
}

void hw_tlb_flush_all_local(void)
{
	TLBI("alle1");
	__asm__ volatile("ic iallu" : : : "memory");
	DSB("nsh");
	ISB();
}

#define CTR_IDC (1ull << 28)
#define CTR_DIC (1ull << 29)
#define CTR_L1IP(c) ((c) >> 14 & 3)
#define CTR_PIPT 3
#define IC_ALL_FROM (64ull << 10) /* above, one invalidation of everything costs less than so many broadcasts */

static uint64_t cache_type(void)
{
	uint64_t ctr;

	__asm__ volatile("mrs %0, ctr_el0" : "=r"(ctr));
	return ctr;
}

/* Bytes of the smallest line: a field of CTR_EL0 is the logarithm of its words. */
static uint64_t line_bytes(uint64_t field)
{
	return 4ull << (field & 0xf);
}

/* Lines of the page's earlier content must go before the first fetch ("Concurrent modification and execution of instructions"). An
 * instruction cache that is indexed by virtual address may hold them under any, and is emptied (CTR_EL0.L1Ip). The CPUs that fetch
 * synchronise by their ERET. */
static void code_forget(uint64_t from, uint64_t to, uint64_t ctr)
{
	const uint64_t line = line_bytes(ctr);

	if (ctr & CTR_DIC)
		return;
	if (CTR_L1IP(ctr) != CTR_PIPT || to - from > IC_ALL_FROM) {
		__asm__ volatile("ic ialluis" : : : "memory");
	} else {
		for (uint64_t a = from & ~(line - 1); a < to; a += line)
			__asm__ volatile("ic ivau, %0" : : "r"(a) : "memory");
	}
	DSB("ish");
	ISB();
}

/* A guest whose MMU is off, or that maps the page Non-cacheable, reads around the caches: by clean and invalidate to the point of
 * coherency it finds there neither what another owner left nor less than what was written ("Mismatched memory attributes"). */
void hw_cache_publish(const void *p, uint64_t len)
{
	uint64_t ctr = cache_type(), line = line_bytes(ctr >> 16), from = (uintptr_t)p, to = from + len;

	for (uint64_t a = from & ~(line - 1); a < to; a += line)
		__asm__ volatile("dc civac, %0" : : "r"(a) : "memory");
	DSB("sy"); /* also for observers outside of the inner shareable domain */
	code_forget(from, to, ctr);
}

/* All of the guest's data accesses are cacheable (HCR_EL2.FWB): only fetches look past the data caches, from the point of unification. */
void hw_cache_publish_code(const void *p, uint64_t len)
{
	uint64_t ctr = cache_type(), line = line_bytes(ctr >> 16), from = (uintptr_t)p, to = from + len;

	if (!(ctr & CTR_IDC))
		for (uint64_t a = from & ~(line - 1); a < to; a += line)
			__asm__ volatile("dc cvau, %0" : : "r"(a) : "memory");
	DSB("ish");
	code_forget(from, to, ctr);
}
