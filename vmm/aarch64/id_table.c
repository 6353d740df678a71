/* SPDX-License-Identifier: Apache-2.0 */
/* What the ID registers show to a guest: one table of fields, each the lesser of what the machine has and what is offered; a field that is
 * not in it reads as zero. Offered is what works without the monitor, or is switched with the guest. Pure (DDI0487, by the registers'
 * names).
 *
 * Not offered, and why: AArch32 (its state is not switched), EL2 and EL3 (no nesting), SVE, SME and MTE (state too large or not switched yet),
 * RAS, MPAM, AMU, PMU, trace, SPE, TRBE (the node's own), big-endian data (device accesses are little-endian), 52-bit addresses (the
 * walk of the guest's tables knows 48), WFxT (its time-out would be ours to keep), and all that only HCRX_EL2 would let through (LS64, XS,
 * MOPS, TCR2, SCTLR2). */
#include "arm.h"
#include <core/arith.h>

enum id_kind {
	LEAST,  /* unsigned: at most .max */
	SIGNED, /* 0xf means that the feature is not there at all */
	FIXED,  /* .max, whatever the machine says */
};
struct id_field { uint8_t shift, kind, max; };
struct id_row { uint8_t crm, op2; const struct id_field *fields; unsigned n; };

static const struct id_field pfr0[] = {
	{ 0, FIXED, 1 }, { 4, FIXED, 1 },      /* EL0, EL1: AArch64 alone */
	{ 16, SIGNED, 1 }, { 20, SIGNED, 1 },  /* FP, AdvSIMD */
	{ 24, FIXED, 1 },                      /* GIC: the system registers of a GICv3 */
	{ 48, LEAST, 1 },                      /* DIT */
	{ 56, LEAST, 1 }, { 60, LEAST, 1 },    /* CSV2 (2 has registers of its own), CSV3 */
};
static const struct id_field pfr1[] = {
	{ 0, LEAST, 1 }, { 4, LEAST, 2 },      /* BT, SSBS */
};
static const struct id_field dfr0[] = {
	{ 0, FIXED, 6 },                       /* DebugVer: Armv8.0 */
	{ 12, LEAST, 15 }, { 20, LEAST, 15 }, { 28, LEAST, 15 }, /* BRPs, WRPs, CTX_CMPs: loaded at their first use */
	{ 36, FIXED, 15 },                     /* no DoubleLock */
};
static const struct id_field isar0[] = {
	{ 4, LEAST, 2 }, { 8, LEAST, 1 }, { 12, LEAST, 2 }, { 16, LEAST, 1 },    /* AES, SHA1, SHA2, CRC32 */
	{ 20, LEAST, 2 }, { 28, LEAST, 1 },                                      /* Atomic, RDM */
	{ 32, LEAST, 1 }, { 36, LEAST, 1 }, { 40, LEAST, 1 }, { 44, LEAST, 1 },  /* SHA3, SM3, SM4, DP */
	{ 48, LEAST, 1 }, { 52, LEAST, 2 }, { 56, LEAST, 2 }, { 60, LEAST, 1 },  /* FHM, TS, TLB, RNDR */
};
static const struct id_field isar1[] = {
	{ 0, LEAST, 2 },                                                         /* DPB */
	{ 4, LEAST, 5 }, { 8, LEAST, 5 }, { 24, LEAST, 1 }, { 28, LEAST, 1 },    /* APA, API, GPA, GPI: keys are switched */
	{ 12, LEAST, 1 }, { 16, LEAST, 1 }, { 20, LEAST, 2 }, { 32, LEAST, 1 },  /* JSCVT, FCMA, LRCPC, FRINTTS */
	{ 36, LEAST, 1 }, { 40, LEAST, 1 }, { 44, LEAST, 2 },                    /* SB, SPECRES, BF16 */
	{ 48, LEAST, 1 }, { 52, LEAST, 1 },                                      /* DGH, I8MM */
};
static const struct id_field isar2[] = {
	{ 8, LEAST, 1 }, { 12, LEAST, 5 }, { 24, LEAST, 1 },                     /* GPA3, APA3, PAC_frac */
	{ 20, LEAST, 1 }, { 28, LEAST, 1 }, { 48, LEAST, 1 }, { 52, LEAST, 1 },  /* BC, CLRBHB, RPRFM, CSSC */
};
static const struct id_field mmfr0[] = {
	{ 4, LEAST, 2 },                                                         /* ASIDBits */
	{ 20, LEAST, 1 }, { 24, SIGNED, 0 }, { 28, SIGNED, 0 },                  /* TGran16, TGran64, TGran4: of 48 bits */
};
static const struct id_field mmfr1[] = {
	{ 0, LEAST, 2 }, { 12, LEAST, 2 }, { 20, LEAST, 3 }, { 36, LEAST, 2 },   /* HAFDBS, HPDS, PAN, ETS */
	{ 44, LEAST, 1 }, { 48, LEAST, 1 }, { 60, LEAST, 1 },                    /* AFP, nTLBPA, ECBHB */
};
static const struct id_field mmfr2[] = {
	{ 0, LEAST, 1 }, { 4, LEAST, 1 }, { 8, LEAST, 1 },                       /* CnP, UAO, LSM */
	{ 20, LEAST, 1 }, { 28, LEAST, 1 }, { 32, LEAST, 1 }, { 36, LEAST, 2 },  /* CCIDX, ST, AT, IDS */
	{ 48, LEAST, 1 }, { 52, LEAST, 2 }, { 60, LEAST, 1 },                    /* TTL, BBM, E0PD */
};

#define ROW(crm, op2, fields) { crm, op2, fields, ARRAY_LEN(fields) }
static const struct id_row rows[] = {
	ROW(4, 0, pfr0), ROW(4, 1, pfr1), ROW(5, 0, dfr0), ROW(6, 0, isar0), ROW(6, 1, isar1), ROW(6, 2, isar2),
	ROW(7, 0, mmfr0), ROW(7, 1, mmfr1), ROW(7, 2, mmfr2),
};

static uint64_t lesser(const struct id_field *f, uint64_t a, uint64_t b)
{
	if (f->kind == SIGNED && (a == 15 || b == 15))
		return 15;
	return MIN(a, b);
}

static uint64_t get(uint64_t reg, const struct id_field *f)
{
	return reg >> f->shift & 15;
}

void id_regs_least(uint64_t a[ARM_ID_REGS], const uint64_t b[ARM_ID_REGS])
{
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		for (const struct id_field *f = rows[i].fields; f < rows[i].fields + rows[i].n; f++) {
			uint64_t *reg = &a[arm_id_index(rows[i].crm, rows[i].op2)];
			uint64_t v = lesser(f, get(*reg, f), get(b[arm_id_index(rows[i].crm, rows[i].op2)], f));

			*reg = (*reg & ~(15ull << f->shift)) | v << f->shift;
		}
}

void id_regs_offer(const struct arm_host *host, uint64_t out[ARM_ID_REGS])
{
	for (unsigned i = 0; i < ARM_ID_REGS; i++)
		out[i] = 0;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		const unsigned at = arm_id_index(rows[i].crm, rows[i].op2);

		for (const struct id_field *f = rows[i].fields; f < rows[i].fields + rows[i].n; f++)
			out[at] |= (f->kind == FIXED ? f->max : lesser(f, get(host->id[at], f), f->max)) << f->shift;
	}
	out[arm_id_index(7, 0)] |= host->guest_parange; /* PARange */
}
