/* SPDX-License-Identifier: Apache-2.0 */
/* EL1's and EL0's system registers in and out of memory. With VHE the EL1 names mean EL2's own registers and the guest's have names of
 * their own (DDI0487, "Virtualization Host Extensions": op1 is 5); without, EL1's are just there. Own CPU. Knows no vCPU. */
#include "hw.h"

/* enum arm_sys, name of EL1, name under VHE */
#define BANKED(X) \
	X(SCTLR, "sctlr_el1", "S3_5_C1_C0_0") \
	X(CPACR, "cpacr_el1", "S3_5_C1_C0_2") \
	X(TTBR0, "ttbr0_el1", "S3_5_C2_C0_0") \
	X(TTBR1, "ttbr1_el1", "S3_5_C2_C0_1") \
	X(MAIR, "mair_el1", "S3_5_C10_C2_0") \
	X(AMAIR, "amair_el1", "S3_5_C10_C3_0") \
	X(CONTEXTIDR, "contextidr_el1", "S3_5_C13_C0_1") \
	X(VBAR, "vbar_el1", "S3_5_C12_C0_0") \
	X(ESR, "esr_el1", "S3_5_C5_C2_0") \
	X(FAR, "far_el1", "S3_5_C6_C0_0") \
	X(AFSR0, "afsr0_el1", "S3_5_C5_C1_0") \
	X(AFSR1, "afsr1_el1", "S3_5_C5_C1_1") \
	X(ELR, "elr_el1", "S3_5_C4_C0_1") \
	X(SPSR, "spsr_el1", "S3_5_C4_C0_0") \
	X(CNTKCTL, "cntkctl_el1", "S3_5_C14_C1_0")
#define TCR_EL1 "tcr_el1"
#define TCR_EL12 "S3_5_C2_C0_2"
/* The same name for both. */
#define COMMON(X) \
	X(SP_EL0, "sp_el0", "sp_el0") \
	X(SP_EL1, "sp_el1", "sp_el1") \
	X(TPIDRRO_EL0, "tpidrro_el0", "tpidrro_el0") \
	X(TPIDR_EL1, "tpidr_el1", "tpidr_el1") \
	X(CSSELR, "csselr_el1", "csselr_el1") \
	X(PAR, "par_el1", "par_el1")
#define KEYS(X) \
	X(APIAKEYLO, "S3_0_C2_C1_0", ) \
	X(APIAKEYHI, "S3_0_C2_C1_1", ) \
	X(APIBKEYLO, "S3_0_C2_C1_2", ) \
	X(APIBKEYHI, "S3_0_C2_C1_3", ) \
	X(APDAKEYLO, "S3_0_C2_C2_0", ) \
	X(APDAKEYHI, "S3_0_C2_C2_1", ) \
	X(APDBKEYLO, "S3_0_C2_C2_2", ) \
	X(APDBKEYHI, "S3_0_C2_C2_3", ) \
	X(APGAKEYLO, "S3_0_C2_C3_0", ) \
	X(APGAKEYHI, "S3_0_C2_C3_1", )

#define SAVE(id, name) __asm__ volatile("mrs %0, " name : "=r"(r->sys[SYS_##id]))
#define LOAD(id, name) __asm__ volatile("msr " name ", %0" : : "r"(r->sys[SYS_##id]) : "memory")
#define SAVE_EL1(id, el1, el12) SAVE(id, el1);
#define LOAD_EL1(id, el1, el12) LOAD(id, el1);
#define SAVE_EL12(id, el1, el12) SAVE(id, el12);
#define LOAD_EL12(id, el1, el12) LOAD(id, el12);
#define WRITE(name, value) __asm__ volatile("msr " name ", %0" : : "r"((uint64_t)(value)) : "memory")
#define ISB() __asm__ volatile("isb" : : : "memory")

#define TCR_EPD (1ull << 7 | 1ull << 23) /* no walks of either half */

void hw_state_save(struct arch_regs *r, bool vhe, bool pauth)
{
	if (vhe) {
		BANKED(SAVE_EL12)
		SAVE(TCR, TCR_EL12);
	} else {
		BANKED(SAVE_EL1)
		SAVE(TCR, TCR_EL1);
	}
	COMMON(SAVE_EL1)
	if (pauth) {
		KEYS(SAVE_EL1)
	}
}

/* Some cores walk speculatively with whatever the registers hold while they are half another guest's (Arm errata 1319367, 1319537,
 * 1165522): walks are off until all are there. */
void hw_state_load(const struct arch_regs *r, uint64_t vttbr, bool vhe, bool pauth)
{
	const uint64_t closed = r->sys[SYS_TCR] | TCR_EPD;

	if (vhe) {
		WRITE(TCR_EL12, closed);
		ISB();
		WRITE("vttbr_el2", vttbr);
		BANKED(LOAD_EL12)
		ISB();
		LOAD(TCR, TCR_EL12);
	} else {
		WRITE(TCR_EL1, closed);
		ISB();
		WRITE("vttbr_el2", vttbr);
		BANKED(LOAD_EL1)
		ISB();
		LOAD(TCR, TCR_EL1);
	}
	COMMON(LOAD_EL1)
	if (pauth) {
		KEYS(LOAD_EL1)
	}
}

/* Under VHE the EL1 names are those of EL2's timer. The compare value goes first, so that the timer never fires by the old one. */
void hw_vtimer_start(const struct arch_regs *r, bool vhe)
{
	if (vhe) {
		LOAD(CNTV_CVAL, "S3_5_C14_C3_2");
		LOAD(CNTV_CTL, "S3_5_C14_C3_1");
	} else {
		LOAD(CNTV_CVAL, "cntv_cval_el0");
		LOAD(CNTV_CTL, "cntv_ctl_el0");
	}
}

void hw_vtimer_stop(struct arch_regs *r, bool vhe)
{
	if (vhe) {
		SAVE(CNTV_CTL, "S3_5_C14_C3_1");
		SAVE(CNTV_CVAL, "S3_5_C14_C3_2");
		WRITE("S3_5_C14_C3_1", 0);
	} else {
		SAVE(CNTV_CTL, "cntv_ctl_el0");
		SAVE(CNTV_CVAL, "cntv_cval_el0");
		WRITE("cntv_ctl_el0", 0);
	}
	ISB();
}
