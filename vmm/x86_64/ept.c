/* SPDX-License-Identifier: Apache-2.0 */
/* Intel's extended page-table entries (SDM 3C 29.3). Pure functions behind vmm/stage2.h. RAM is write-back whatever the guest's PAT
 * says ("ignore PAT"): there is no device that reads past the caches, and host and guest then never map a page with two types.
 * Accessed and dirty are set beforehand, since nothing reads them. */
#include <vmm/gmem.h>
#include <vmm/stage2.h>

#define EPT_R (1ull << 0)
#define EPT_W (1ull << 1)
#define EPT_X (1ull << 2)
#define EPT_WRITE_BACK (6ull << 3)
#define EPT_IGNORE_PAT (1ull << 6)
#define EPT_LARGE (1ull << 7)
#define EPT_A (1ull << 8)
#define EPT_D (1ull << 9)
#define EPT_RWX (EPT_R | EPT_W | EPT_X)
#define EPT_ADDR 0x000ffffffffff000ull

/* Without R there is no W (a misconfiguration), and X alone needs a capability of its own: any access includes R. */
static uint64_t ept_leaf(struct hpa a, unsigned level, unsigned access)
{
	uint64_t e = (a.v & EPT_ADDR) | EPT_WRITE_BACK | EPT_IGNORE_PAT | EPT_A | EPT_D;

	if (level > 0)
		e |= EPT_LARGE;
	if (access & (GMEM_R | GMEM_W | GMEM_X))
		e |= EPT_R;
	if (access & GMEM_W)
		e |= EPT_W;
	if (access & GMEM_X)
		e |= EPT_X;
	return e;
}

static uint64_t ept_table(struct hpa next)
{
	return (next.v & EPT_ADDR) | EPT_RWX | EPT_A;
}

static unsigned ept_access(uint64_t e)
{
	unsigned access = 0;

	if (e & EPT_R)
		access |= GMEM_R;
	if (e & EPT_W)
		access |= GMEM_W;
	if (e & EPT_X)
		access |= GMEM_X;
	return access;
}

const struct stage2_format stage2_ept = {
	.name = "ept",
	.levels = 4,
	.max_gpa_bits = 48,
	.leaf = ept_leaf,
	.table = ept_table,
	.present = EPT_RWX,
	.large = EPT_LARGE,
	.large_is = EPT_LARGE,
	.addr = EPT_ADDR,
	.access = ept_access,
};
