/* SPDX-License-Identifier: Apache-2.0 */
/* AMD's nested page-table entries (APM 2 15.25, 5.3): the long-mode format. Pure functions behind vmm/stage2.h. Every
 * access by a guest counts as a user access (15.25.5), so U is always set; accessed and dirty are set beforehand, since
 * nothing reads them. Guest page-table walks need write permission, so RAM is always mapped writable by gmem. */
#include <vmm/gmem.h>
#include <vmm/stage2.h>

#define NPT_P (1ull << 0)
#define NPT_W (1ull << 1)
#define NPT_U (1ull << 2)
#define NPT_A (1ull << 5)
#define NPT_D (1ull << 6)
#define NPT_PS (1ull << 7)
#define NPT_NX (1ull << 63)
#define NPT_ADDR 0x000ffffffffff000ull

/* An access of 0 makes an entry that is not present, but keeps its address. PAT index 0: write-back. */
static uint64_t npt_leaf(struct hpa a, unsigned level, unsigned access)
{
	uint64_t e = (a.v & NPT_ADDR) | NPT_U | NPT_A | NPT_D;

	if (level > 0)
		e |= NPT_PS;
	if (access & (GMEM_R | GMEM_W | GMEM_X))
		e |= NPT_P;
	if (access & GMEM_W)
		e |= NPT_W;
	if (!(access & GMEM_X))
		e |= NPT_NX;
	return e;
}

static uint64_t npt_table(struct hpa next)
{
	return (next.v & NPT_ADDR) | NPT_P | NPT_W | NPT_U | NPT_A;
}

static unsigned npt_access(uint64_t e)
{
	unsigned access = 0;

	if (!(e & NPT_P))
		return 0;
	access = GMEM_R;
	if (e & NPT_W)
		access |= GMEM_W;
	if (!(e & NPT_NX))
		access |= GMEM_X;
	return access;
}

const struct stage2_format stage2_npt = {
	.name = "npt",
	.levels = 4,
	.max_gpa_bits = 48,
	.leaf = npt_leaf,
	.table = npt_table,
	.present = NPT_P,
	.large = NPT_PS,
	.large_is = NPT_PS,
	.addr = NPT_ADDR,
	.access = npt_access,
};
