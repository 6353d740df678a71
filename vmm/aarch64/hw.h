/* SPDX-License-Identifier: Apache-2.0 */
/* The instructions of EL2 that the backend needs, in groups that belong together: hw_*.c and hw_*.S carry them out, tests/fake/aarch64
 * plays them on the host. Own CPU; interrupts masked. Nothing in here decides anything. For the el2*.c files alone. */
#ifndef VMM_AARCH64_HW_H
#define VMM_AARCH64_HW_H
#include <core/addr.h>
#include <stdbool.h>
#include <stdint.h>
#include <vmm/aarch64/regs.h>
#include <vmm/aarch64/vgic.h>

/* ---- hw_enter.S: the world switch ---- */

/* What it reads and writes; offsets are checked in el2.c. */
struct hw_frame {
	struct arch_regs regs;
	uint64_t guest_hcr, guest_cptr, host_hcr, host_cptr;
};
/* How the guest came back (DDI0487, "Exception vectors"): the vector, + HW_EXIT_AARCH32 when from AArch32. */
enum { HW_EXIT_SYNC, HW_EXIT_IRQ, HW_EXIT_FIQ, HW_EXIT_SERROR, HW_EXIT_AARCH32 = 4 };
unsigned hw_enter(struct hw_frame *f);
/* The monitor's vector table: lower EL ends hw_enter, the current EL goes on to trap_vectors. */
extern const char hw_vectors[] __attribute__((visibility("hidden")));

/* ---- hw_fp.S: V0..V31 at 0, then FPSR and FPCR; save leaves both at zero, as the host wants them ---- */
struct hw_fp { _Alignas(16) uint64_t v[32][2]; uint32_t fpsr, fpcr; };
void hw_fp_load(const struct hw_fp *f);
void hw_fp_save(struct hw_fp *f);

/* ---- hw_id.S: ID registers of CRm 1..7 as the hardware has them ---- */
void hw_id_regs(uint64_t id[ARM_ID_REGS]);

/* ---- hw_cpu.c ---- */
uint64_t hw_midr(void);
uint64_t hw_revidr(void);
uint64_t hw_cptr(void);
/* Reasons of the last exit. */
struct hw_syndrome { uint64_t esr, far, hpfar; };
void hw_syndrome(struct hw_syndrome *s);
/* What stays as it is while guests may run here: traps, timers, identity, vectors. */
struct hw_setup {
	uint64_t vtcr, mdcr, midr;
	uint64_t vttbr;         /* while EL1's registers are nobody's */
	uint64_t cnthctl_clear;
	bool hcx, fgt, fgt2, amu, mpam; /* the machine has what these belong to */
};
void hw_cpu_enable(const struct hw_setup *s);
void hw_cpu_disable(void);
uint64_t hw_mdcr(void);
void hw_set_mdcr(uint64_t v);
void hw_set_vmpidr(uint64_t v);
void hw_set_vttbr(uint64_t v);
void hw_set_cntvoff(uint64_t v);

/* ---- hw_state.c: registers of EL1 and EL0 but for the timer and TPIDR_EL0, which hw_enter switches ---- */
void hw_state_save(struct arch_regs *r, bool vhe, bool pauth);
/* And VTTBR_EL2, at the moment when nothing can be translated by half of the one and half of the other. */
void hw_state_load(const struct arch_regs *r, uint64_t vttbr, bool vhe, bool pauth);
/* The EL1 virtual timer; stop reads it and switches it off. */
void hw_vtimer_start(const struct arch_regs *r, bool vhe);
void hw_vtimer_stop(struct arch_regs *r, bool vhe);

/* ---- hw_debug.c ---- */
#define HW_DEBUG_MAX 16
struct hw_debug { uint64_t mdscr, bvr[HW_DEBUG_MAX], bcr[HW_DEBUG_MAX], wvr[HW_DEBUG_MAX], wcr[HW_DEBUG_MAX]; };
void hw_debug_load(const struct hw_debug *d, unsigned breakpoints, unsigned watchpoints);
/* Reads them and leaves no breakpoint on. */
void hw_debug_save(struct hw_debug *d, unsigned breakpoints, unsigned watchpoints);

/* ---- hw_tlb.c: the TLB of this CPU (local) or of all. Each waits until it is done. ---- */
/* Translations of the VMID in vttbr, stage 1 and 2, on all CPUs. */
void hw_tlb_flush_vm(uint64_t vttbr);
/* Those of one stretch of guest-physical pages, and all of stage 1, since it may have been combined with them. */
void hw_tlb_flush_range(uint64_t vttbr, struct gpa a, uint64_t pages);
/* Stage 1 of the VMID that is loaded, here; and all VMIDs, here. */
void hw_tlb_flush_stage1_local(void);
void hw_tlb_flush_all_local(void);
/* Writes [p, p+len) back to the point of coherency, or to that of unification alone, and forgets instructions that were fetched from
 * there, on all CPUs: stage2_format.publish. */
void hw_cache_publish(const void *p, uint64_t len);
void hw_cache_publish_code(const void *p, uint64_t len);

/* ---- hw_gic.c: the virtual CPU interface (IHI0069 12.4) ---- */
uint64_t hw_gic_vtr(void);
/* The interrupt that the host would be given next (ICC_HPPIR1_EL1). */
unsigned hw_gic_next(void);
void hw_gic_enable(void);
void hw_gic_load(const struct vgic_hw *hw, unsigned aprs);
void hw_gic_save(struct vgic_hw *hw, unsigned aprs);

#endif
