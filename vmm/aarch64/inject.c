/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions into a guest's EL1, as the CPU itself takes them (DDI0487, AArch64.TakeException of the shared pseudocode). Pure functions of
 * the register file. Features that are not offered (MTE, NMI, GCS) have no bits here. */
#include "inject.h"

enum { VECTOR_SP0 = 0, VECTOR_SPX = 0x200, VECTOR_LOWER = 0x400 };

static uint64_t vector(const struct arch_regs *r)
{
	switch (r->pstate & PSTATE_M) {
	case PSTATE_EL1H:
		return VECTOR_SPX;
	case PSTATE_EL1T:
		return VECTOR_SP0;
	default:
		return VECTOR_LOWER;
	}
}

void arm_take_exception(struct arch_regs *r, uint64_t esr)
{
	const uint64_t sctlr = r->sys[SYS_SCTLR];
	uint64_t p = (r->pstate & (PSTATE_NZCV | PSTATE_DIT | PSTATE_PAN)) | PSTATE_DAIF | PSTATE_EL1H;

	if (!(sctlr & SCTLR_SPAN)) /* RES1 where there is no PAN */
		p |= PSTATE_PAN;
	if (sctlr & SCTLR_DSSBS)
		p |= PSTATE_SSBS;
	r->sys[SYS_ESR] = esr;
	r->sys[SYS_ELR] = r->pc;
	r->sys[SYS_SPSR] = r->pstate;
	r->pc = r->sys[SYS_VBAR] + vector(r);
	r->pstate = p;
}

uint64_t arm_esr_undefined(void)
{
	return ESR_IL; /* EC 0: unknown reason */
}

uint64_t arm_esr_abort(const struct arch_regs *r, bool fetch, bool write, bool walk)
{
	bool same = (r->pstate & PSTATE_M) != PSTATE_EL0T;
	uint64_t ec = fetch ? ESR_EC_IABORT_LOWER : ESR_EC_DABORT_LOWER;

	return (ec + same) << ESR_EC_SHIFT | ESR_IL | (write && !fetch ? ESR_WNR : 0) | (walk ? ESR_FSC_SEA_WALK : ESR_FSC_SEA);
}
