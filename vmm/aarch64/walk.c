/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's own stage 1 in software (DDI0487, "The AArch64 Virtual Memory System Architecture"): EL1&0 translations of VMSAv8-64 with
 * each granule, up to 48 bits. For accesses that the CPU has let through, so that rights and attributes are not looked at; the tables may
 * have changed since. Pure but for gmem. */
#include <core/arith.h>
#include "arm.h"

#define TCR_T0SZ(t) ((unsigned)(t) & 0x3f)
#define TCR_T1SZ(t) ((unsigned)((t) >> 16) & 0x3f)
#define TCR_EPD0 (1ull << 7)
#define TCR_EPD1 (1ull << 23)
#define TCR_TG0(t) ((unsigned)((t) >> 14) & 3)
#define TCR_TG1(t) ((unsigned)((t) >> 30) & 3)
#define TCR_TBI0 (1ull << 37)
#define TCR_TBI1 (1ull << 38)
#define TXSZ_MIN 16u /* 48 bits */
#define TXSZ_MAX 48u
#define VA_HALF (1ull << 55)
#define ADDR_MASK 0x0000ffffffffffffull
#define DESC_VALID 1ull
#define DESC_TABLE 2ull /* a page at level 3 */

struct half { uint64_t ttbr; unsigned size_bits, granule_bits; bool off, tag; };

/* The granule's logarithm; 0 for what is reserved. The two halves encode it differently. */
static unsigned granule(unsigned tg, bool upper)
{
	static const uint8_t lower_bits[4] = { 12, 16, 14, 0 }, upper_bits[4] = { 0, 14, 12, 16 };

	return upper ? upper_bits[tg] : lower_bits[tg];
}

static struct half half_of(const struct arm_stage1 *s1, bool upper)
{
	unsigned txsz = upper ? TCR_T1SZ(s1->tcr) : TCR_T0SZ(s1->tcr);

	return (struct half){
		.ttbr = upper ? s1->ttbr1 : s1->ttbr0,
		.size_bits = 64 - MIN(MAX(txsz, TXSZ_MIN), TXSZ_MAX),
		.granule_bits = granule(upper ? TCR_TG1(s1->tcr) : TCR_TG0(s1->tcr), upper),
		.off = s1->tcr & (upper ? TCR_EPD1 : TCR_EPD0),
		.tag = s1->tcr & (upper ? TCR_TBI1 : TCR_TBI0),
	};
}

/* Bits of a virtual address above those that are translated are all as bit 55, the tag apart. */
static bool in_half(const struct half *h, uint64_t va, bool upper)
{
	uint64_t above = ~0ull << h->size_bits;

	if (h->tag)
		above &= ~(0xffull << 56);
	return (va & above) == (upper ? above : 0);
}

static err_t load_entry(struct gmem *m, uint64_t at, uint64_t *out)
{
	return gmem_read(m, GPA(at), out, sizeof *out);
}

/* From the table of the first level down. shift: address bits below those that the level's entries tell apart. */
static err_t descend(struct gmem *m, const struct half *h, uint64_t va, struct gpa *out)
{
	const unsigned stride = h->granule_bits - 3;
	unsigned levels = (h->size_bits - h->granule_bits + stride - 1) / stride;
	unsigned shift = h->granule_bits + stride * (levels - 1), top_bits = h->size_bits - shift;
	uint64_t table = h->ttbr & ADDR_MASK & ~((8ull << top_bits) - 1), index_mask = (1ull << top_bits) - 1;

	for (;; levels--) {
		const bool last = levels == 1;
		uint64_t e;
		err_t err = load_entry(m, table + ((va >> shift) & index_mask) * 8, &e);

		if (err != OK)
			return err;
		if (!(e & DESC_VALID) || (last && !(e & DESC_TABLE)))
			return E_GUEST;
		if (last || !(e & DESC_TABLE)) {
			if (levels > 3 || (levels == 3 && h->granule_bits != 12))
				return E_GUEST; /* no blocks at that level */
			*out = GPA((e & ADDR_MASK & ~((1ull << shift) - 1)) | (va & ((1ull << shift) - 1)));
			return OK;
		}
		table = e & ADDR_MASK & ~((1ull << h->granule_bits) - 1);
		index_mask = (1ull << stride) - 1;
		shift -= stride;
	}
}

err_t arm_walk(struct gmem *m, const struct arm_stage1 *s1, uint64_t va, struct gpa *out)
{
	const bool upper = va & VA_HALF;
	struct half h;

	if (!(s1->sctlr & SCTLR_M)) {
		*out = GPA(va & ADDR_MASK);
		return OK;
	}
	if (s1->sctlr & SCTLR_EE)
		return E_GUEST; /* big-endian tables are not offered */
	h = half_of(s1, upper);
	if (h.off || !h.granule_bits || !in_half(&h, va, upper))
		return E_GUEST;
	return descend(m, &h, va, out);
}

err_t arm_translate(struct vcpu *v, uint64_t va, struct gpa *out)
{
	const struct arch_regs *r = arm_regs(v, REGS_READ);
	const struct arm_stage1 s1 = {
		.sctlr = r->sys[SYS_SCTLR], .tcr = r->sys[SYS_TCR], .ttbr0 = r->sys[SYS_TTBR0], .ttbr1 = r->sys[SYS_TTBR1],
	};

	return arm_walk(v->vm->mem, &s1, va, out);
}
