/* SPDX-License-Identifier: Apache-2.0 */
/* Stage-2 entries of VMSAv8-64 with the 4 KiB granule (DDI0487, "Translation table descriptor formats", "Stage 2 memory type and
 * Cacheability attributes"), and the VTCR_EL2 that goes with them. Pure functions behind vmm/stage2.h. The walker's level 0 is the
 * architecture's level 3.
 *
 * An entry changes from invalid to valid, or back, or in its rights alone, so that no break-before-make is needed ("Using
 * break-before-make when updating translation table entries"); whoever takes away flushes the TLBs. AF is set beforehand, and so is write
 * permission: FEAT_HAFDBS would have nothing to note, and nobody reads it, so VTCR_EL2 leaves it off. */
#include "el2.h"
#include <vmm/gmem.h>

#define S2_VALID (1ull << 0)
#define S2_TABLE (1ull << 1)          /* a page at level 3, where 0 is reserved */
#define S2_NORMAL_WB (0xfull << 2)    /* inner and outer write-back; stage 1 may make it weaker */
#define S2_FORCE_WB (0x6ull << 2)     /* with HCR_EL2.FWB: write-back, whatever stage 1 says */
#define S2_READ (1ull << 6)
#define S2_WRITE (1ull << 7)
#define S2_INNER_SHAREABLE (3ull << 8)
#define S2_AF (1ull << 10)
#define S2_XN (1ull << 54)
#define S2_ADDR 0x0000fffffffff000ull

/* Up to here a table of 512 entries at level 1 is enough; above, level 0 is the start, which needs 44 bits of physical address (VTCR_EL2.SL0). */
#define BITS_LEVEL1 39
#define BITS_LEVEL0 44
#define PARANGE_40 2
#define PARANGE_44 4
#define PARANGE_48 5

static uint64_t leaf(struct hpa a, unsigned level, unsigned access, uint64_t memory)
{
	uint64_t e = (a.v & S2_ADDR) | memory | S2_INNER_SHAREABLE | S2_AF;

	if (access & (GMEM_R | GMEM_W | GMEM_X))
		e |= S2_VALID;
	if (level == 0)
		e |= S2_TABLE;
	if (access & GMEM_R)
		e |= S2_READ;
	if (access & GMEM_W)
		e |= S2_WRITE;
	if (!(access & GMEM_X))
		e |= S2_XN;
	return e;
}

static uint64_t vmsa_leaf(struct hpa a, unsigned level, unsigned access)
{
	return leaf(a, level, access, S2_NORMAL_WB);
}

static uint64_t vmsa_leaf_forced(struct hpa a, unsigned level, unsigned access)
{
	return leaf(a, level, access, S2_FORCE_WB);
}

static uint64_t vmsa_table(struct hpa next)
{
	return (next.v & S2_ADDR) | S2_TABLE | S2_VALID;
}

static unsigned vmsa_access(uint64_t e)
{
	if (!(e & S2_VALID))
		return 0;
	return (e & S2_READ ? GMEM_R : 0) | (e & S2_WRITE ? GMEM_W : 0) | (e & S2_XN ? 0 : GMEM_X);
}

#define VMSA(levels_, bits, leaf_, publish_) { \
	.name = "vmsa", .levels = (levels_), .max_gpa_bits = (bits), .leaf = (leaf_), .table = vmsa_table, .present = S2_VALID, \
	.large = S2_TABLE, .addr = S2_ADDR, .access = vmsa_access, .publish = (publish_) }
/* By start level and forced write-back. */
static const struct stage2_format formats[2][2] = {
	{ VMSA(3, BITS_LEVEL1, vmsa_leaf, hw_cache_publish), VMSA(3, BITS_LEVEL1, vmsa_leaf_forced, hw_cache_publish_code) },
	{ VMSA(4, BITS_LEVEL0, vmsa_leaf, hw_cache_publish), VMSA(4, BITS_LEVEL0, vmsa_leaf_forced, hw_cache_publish_code) },
};

const struct stage2_format *vmsa_format(unsigned parange, bool forced)
{
	return parange < PARANGE_40 ? NULL : &formats[parange >= PARANGE_44][forced];
}

unsigned vmsa_guest_parange(const struct stage2_format *f)
{
	return f->max_gpa_bits >= BITS_LEVEL0 ? PARANGE_44 : PARANGE_40;
}

/* DDI0487 */
#define VTCR_SL0_LEVEL1 (1ull << 6)
#define VTCR_SL0_LEVEL0 (2ull << 6)
#define VTCR_WALKS_WB (1ull << 8 | 1ull << 10)
#define VTCR_WALKS_INNER (3ull << 12)
#define VTCR_PS_SHIFT 16
#define VTCR_VS (1ull << 19)
#define VTCR_RES1 (1ull << 31)

uint64_t vmsa_vtcr(const struct stage2_format *f, unsigned parange, bool vmid16)
{
	return (64 - f->max_gpa_bits) | (f->levels == 4 ? VTCR_SL0_LEVEL0 : VTCR_SL0_LEVEL1) | VTCR_WALKS_WB | VTCR_WALKS_INNER |
	       (uint64_t)(parange < PARANGE_48 ? parange : PARANGE_48) << VTCR_PS_SHIFT | (vmid16 ? VTCR_VS : 0) | VTCR_RES1;
}
