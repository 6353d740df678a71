/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions into EL1 against AArch64.TakeException of DDI0487's pseudocode. Host only. */
#include <unit/tap.h>
#include "../../../vmm/aarch64/inject.h"

static struct arch_regs take(uint64_t pstate, uint64_t sctlr, uint64_t esr)
{
	struct arch_regs r;

	regs_reset(&r);
	r.pc = 0x1000;
	r.pstate = pstate;
	r.sys[SYS_SCTLR] = sctlr;
	r.sys[SYS_VBAR] = 0xffff800080010800;
	arm_take_exception(&r, esr);
	return r;
}

static void test_vectors(void)
{
	struct arch_regs r = take(PSTATE_EL1H, SCTLR_RESET, 0x2000000);

	ok(r.pc == 0xffff800080010a00 && r.sys[SYS_ELR] == 0x1000 && r.sys[SYS_SPSR] == PSTATE_EL1H && r.sys[SYS_ESR] == 0x2000000, "from EL1 with its own stack");
	ok_eq(r.pstate, PSTATE_EL1H | PSTATE_DAIF, "everything is masked");
	ok_eq(take(PSTATE_EL1T, SCTLR_RESET, 0).pc, (int64_t)0xffff800080010800, "from EL1 with EL0's stack");
	ok_eq(take(PSTATE_EL0T, SCTLR_RESET, 0).pc, (int64_t)0xffff800080010c00, "from EL0");
}

static void test_pstate(void)
{
	const uint64_t all = PSTATE_NZCV | PSTATE_DIT | PSTATE_UAO | PSTATE_PAN | PSTATE_SS | PSTATE_IL | PSTATE_SSBS | PSTATE_BTYPE;

	ok_eq(take(all | PSTATE_EL0T, SCTLR_RESET, 0).pstate, PSTATE_NZCV | PSTATE_DIT | PSTATE_PAN | PSTATE_DAIF | PSTATE_EL1H,
	      "flags, DIT and PAN stay; UAO, SS, IL, SSBS and BTYPE do not");
	ok_eq(take(all | PSTATE_EL0T, SCTLR_RESET, 0).sys[SYS_SPSR], (int64_t)(all | PSTATE_EL0T), "all of it is in SPSR_EL1");
	ok(take(PSTATE_EL0T, SCTLR_RESET & ~SCTLR_SPAN, 0).pstate & PSTATE_PAN, "SPAN clear sets PAN");
	ok(take(PSTATE_EL0T, SCTLR_RESET | SCTLR_DSSBS, 0).pstate & PSTATE_SSBS, "SSBS is as SCTLR_EL1 wants it");
}

static void test_syndromes(void)
{
	struct arch_regs r;

	regs_reset(&r);
	ok_eq(arm_esr_undefined(), 0x02000000, "unknown reason");
	ok_eq(arm_esr_abort(&r, false, false, false), 0x96000010, "external abort of a load at EL1");
	ok_eq(arm_esr_abort(&r, false, true, false), 0x96000050, "of a store");
	ok_eq(arm_esr_abort(&r, true, false, false), 0x86000010, "of a fetch");
	ok_eq(arm_esr_abort(&r, true, true, true), 0x86000017, "of a walk for a fetch: nothing is written");
	r.pstate = PSTATE_EL0T;
	ok_eq(arm_esr_abort(&r, false, false, false), 0x92000010, "of a load at EL0");
}

int main(void)
{
	test_vectors();
	test_pstate();
	test_syndromes();
	return tap_done();
}
