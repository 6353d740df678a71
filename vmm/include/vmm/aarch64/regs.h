/* SPDX-License-Identifier: Apache-2.0 */
/* A guest CPU's registers, and what the aarch64 part of the monitor asks of a backend beside hv_ops. Own CPU of the vCPU, or vCPU
 * parked. Knows no system register of EL2. */
#ifndef VMM_AARCH64_REGS_H
#define VMM_AARCH64_REGS_H
#include <stdbool.h>
#include <stdint.h>
#include <vmm/hv.h>

#define ARM_GPRS 31 /* X0..X30; number 31 reads as zero */

/* PSTATE as in SPSR_EL2 (DDI0487) */
#define PSTATE_M 0xfull
#define PSTATE_EL0T 0x0ull
#define PSTATE_EL1T 0x4ull
#define PSTATE_EL1H 0x5ull
#define PSTATE_AARCH32 (1ull << 4)
#define PSTATE_DAIF (0xfull << 6)
#define PSTATE_BTYPE (3ull << 10)
#define PSTATE_SSBS (1ull << 12)
#define PSTATE_IL (1ull << 20)
#define PSTATE_SS (1ull << 21)
#define PSTATE_PAN (1ull << 22)
#define PSTATE_UAO (1ull << 23)
#define PSTATE_DIT (1ull << 24)
#define PSTATE_NZCV (0xfull << 28)

#define SCTLR_M (1ull << 0)
#define SCTLR_SPAN (1ull << 23)
#define SCTLR_EE (1ull << 25)
#define SCTLR_DSSBS (1ull << 44)
#define SCTLR_RESET 0x30d00800ull /* bits that are one where their feature is missing; MMU and caches off, little-endian */

/* System registers of EL1 and EL0 that belong to the guest alone. */
enum arm_sys {
	SYS_SCTLR, SYS_CPACR, SYS_TTBR0, SYS_TTBR1, SYS_TCR, SYS_MAIR, SYS_AMAIR, SYS_CONTEXTIDR,
	SYS_VBAR, SYS_ESR, SYS_FAR, SYS_AFSR0, SYS_AFSR1, SYS_ELR, SYS_SPSR, SYS_CNTKCTL,
	SYS_SP_EL0, SYS_SP_EL1, SYS_TPIDR_EL0, SYS_TPIDRRO_EL0, SYS_TPIDR_EL1, SYS_CSSELR, SYS_PAR,
	SYS_CNTV_CTL, SYS_CNTV_CVAL,
	SYS_APIAKEYLO, SYS_APIAKEYHI, SYS_APIBKEYLO, SYS_APIBKEYHI, SYS_APDAKEYLO, SYS_APDAKEYHI, SYS_APDBKEYLO, SYS_APDBKEYHI,
	SYS_APGAKEYLO, SYS_APGAKEYHI,
	ARM_SYS_COUNT
};

/* The whole register file: what vcpu_get_regs and vcpu_set_regs move, and the plain struct that travels. */
#define ARCH_REGS_VERSION 1
struct arch_regs {
	uint32_t version;
	uint64_t x[ARM_GPRS], pc, pstate;
	uint64_t sys[ARM_SYS_COUNT];
};
/* The state after power-on at EL1: interrupts masked, MMU and caches off (DDI0487, AArch64.TakeReset). */
void regs_reset(struct arch_regs *r);
static inline uint64_t regs_x(const struct arch_regs *r, unsigned n) { return n < ARM_GPRS ? r->x[n] : 0; }
static inline void regs_x_put(struct arch_regs *r, unsigned n, uint64_t v) { if (n < ARM_GPRS) r->x[n] = v; }

/* A system register or system instruction in hv_exit.sysreg.encoding: the bits of the MSR instruction in their order. */
#define ARM_SYSREG(op0, op1, crn, crm, op2) ((uint32_t)((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2)))

/* ID_AA64*_EL1, in the order of their encodings: (CRm - 1) * 8 + op2 for CRm 1..7. */
#define ARM_ID_REGS 56
static inline unsigned arm_id_index(unsigned crm, unsigned op2) { return (crm - 1) * 8 + op2; }
/* What the machine has, the least of all its CPUs. */
struct arm_host { uint64_t id[ARM_ID_REGS], revidr; unsigned guest_parange; bool pauth; };

enum regs_use {
	REGS_CORE,  /* x, pc, pstate, after vcpu_settle SYS_CNTV_*: may be read and written; the others are stale */
	REGS_READ,  /* all may be read, the core ones written */
	REGS_WRITE, /* all may be read and written */
};

enum arm_access {
	ACCESS_UNKNOWN, /* not at all: look at the instruction */
	ACCESS_MMIO,    /* one load or store of a general register */
	ACCESS_NONE,    /* cache maintenance, which means nothing outside of RAM */
};

/* hv_exit.stage2.addr when the hardware does not tell it: by a walk of stage 1 from fault_va. */
#define ARM_GPA_UNKNOWN UINT64_MAX

/* What hv_ops->arch points to. */
struct hv_arch_ops {
	const struct arm_host *(*host)(void);
	/* The register file itself, good until the next vcpu_run of any vCPU on this CPU. */
	struct arch_regs *(*regs)(struct vcpu *v, enum regs_use use);
	/* How the hardware described the access of the stage-2 exit that is being handled. ACCESS_MMIO: *e is that now. */
	enum arm_access (*access)(struct vcpu *v, struct hv_exit *e);
	/* The virtual address of that access. */
	uint64_t (*fault_va)(struct vcpu *v);
	/* FP and SIMD registers of the guest, in memory: for loads and stores that are emulated. */
	uint64_t *(*vreg)(struct vcpu *v, unsigned n);
	/* Steps over the instruction of this exit. */
	void (*skip)(struct vcpu *v);
	/* Power-on: FP/SIMD and debug registers, and whatever is queued. */
	void (*latch_reset)(struct vcpu *v);
};

#endif
