/* SPDX-License-Identifier: Apache-2.0 */
/* System registers as inline functions, and the architectural bits that they take (DDI0487, AArch64 System Register Descriptions: by name). Registers of the level that the firmware
 * runs at are named without their level: whether that is EL2's or EL1's is decided here, once, at run time. Any CPU and context. */
#ifndef CORE_AARCH64_SYSREG_H
#define CORE_AARCH64_SYSREG_H
#include <stdbool.h>
#include <stdint.h>

#define SYSREG_READ(reg) ({ uint64_t v_; __asm__ volatile("mrs %0, " reg : "=r"(v_) : : "memory"); v_; })
#define SYSREG_WRITE(reg, v) do { __asm__ volatile("msr " reg ", %0" : : "r"((uint64_t)(v)) : "memory"); } while (0)

/* Encoded, because the assembler's base architecture does not know these names. */
#define REG_CNTHP_CTL "S3_4_C14_C2_1"
#define REG_ICC_IAR1 "S3_0_C12_C12_0"
#define REG_ICC_EOIR1 "S3_0_C12_C12_1"
#define REG_ICC_BPR1 "S3_0_C12_C12_3"
#define REG_ICC_CTLR "S3_0_C12_C12_4"
#define REG_ICC_SRE_EL1 "S3_0_C12_C12_5"
#define REG_ICC_SRE_EL2 "S3_4_C12_C9_5"
#define REG_ICC_IGRPEN1 "S3_0_C12_C12_7"
#define REG_ICC_DIR "S3_0_C12_C11_1"
#define REG_ICC_SGI1R "S3_0_C12_C11_5"
#define REG_ICC_PMR "S3_0_C4_C6_0"
#define REG_RNDR "S3_3_C2_C4_0"

/* HCR_EL2 */
#define HCR_FMO (1ull << 3)
#define HCR_IMO (1ull << 4)
#define HCR_AMO (1ull << 5)
#define HCR_RW (1ull << 31)
#define HCR_E2H (1ull << 34)

/* SCTLR_ELx: M, C, SA, I, WXN; then what reads as one in each form of the register */
#define SCTLR_M (1ull << 0)
#define SCTLR_C (1ull << 2)
#define SCTLR_SA (1ull << 3)
#define SCTLR_I (1ull << 12)
#define SCTLR_WXN (1ull << 19)
#define SCTLR_SPAN (1ull << 23)
#define SCTLR_EL1_RES1 0x30500800ull /* also EL2 with VHE; SPAN apart */
#define SCTLR_EL2_RES1 0x30c50830ull

/* ESR_ELx */
#define ESR_EC(esr) ((unsigned)((esr) >> 26 & 0x3f))
#define ESR_WNR (1u << 6)
#define ESR_DFSC 0x3fu
enum { EC_UNKNOWN = 0x00, EC_ILLEGAL = 0x0e, EC_SVC = 0x15, EC_IABORT = 0x21, EC_PC_ALIGN = 0x22, EC_DABORT = 0x25, EC_SP_ALIGN = 0x26,
       EC_SERROR = 0x2f, EC_BRK = 0x3c };

/* What was found on the boot CPU, constant afterwards; cpu.c. */
struct el_state { bool at2, vhe, pan, rndr; uint64_t hcr; };
extern struct el_state el_state;

#define SYSREG_OWN(name, reg) \
	static inline uint64_t sysreg_##name(void) \
	{ \
		return el_state.at2 ? SYSREG_READ(reg "_EL2") : SYSREG_READ(reg "_EL1"); \
	} \
	static inline void sysreg_set_##name(uint64_t v) \
	{ \
		if (el_state.at2) \
			SYSREG_WRITE(reg "_EL2", v); \
		else \
			SYSREG_WRITE(reg "_EL1", v); \
	}
SYSREG_OWN(sctlr, "SCTLR")
SYSREG_OWN(ttbr, "TTBR0")
SYSREG_OWN(vbar, "VBAR")
SYSREG_OWN(tpidr, "TPIDR")
SYSREG_OWN(far, "FAR")
#undef SYSREG_OWN

static inline void isb(void) { __asm__ volatile("isb" : : : "memory"); }
static inline void dsb_sy(void) { __asm__ volatile("dsb sy" : : : "memory"); }
static inline void dsb_ish(void) { __asm__ volatile("dsb ish" : : : "memory"); }
static inline void dsb_ishst(void) { __asm__ volatile("dsb ishst" : : : "memory"); }
static inline void daif_mask(void) { __asm__ volatile("msr daifset, #15" : : : "memory"); }

static inline unsigned sysreg_current_el(void) { return (unsigned)(SYSREG_READ("CurrentEL") >> 2 & 3); }
/* Affinity fields packed as Aff3.Aff2.Aff1.Aff0, one byte each (MPIDR_EL1). */
static inline uint32_t mpidr_pack(uint64_t mpidr) { return (uint32_t)(mpidr & 0xffffff) | (uint32_t)(mpidr >> 32 & 0xff) << 24; }
#define MPIDR_AFFINITY 0xff00ffffffull

#endif
