/* SPDX-License-Identifier: Apache-2.0 */
/* What the el2*.c files share. Nothing else includes it, but the tests. Own CPU of the vCPU, or vCPU parked. */
#ifndef VMM_AARCH64_EL2_H
#define VMM_AARCH64_EL2_H
#include <core/hal.h>
#include <core/spinlock.h>
#include <stdatomic.h>
#include <vmm/aarch64/regs.h>
#include <vmm/hv.h>
#include <vmm/stage2.h>
#include <vmm/vm.h>
#include "hw.h"

/* HCR_EL2 (DDI0487) */
#define HCR_VM (1ull << 0)
#define HCR_SWIO (1ull << 1)
#define HCR_FMO (1ull << 3)
#define HCR_IMO (1ull << 4)
#define HCR_AMO (1ull << 5)
#define HCR_FB (1ull << 9)
#define HCR_BSU_INNER (1ull << 10)
#define HCR_TWI (1ull << 13)
#define HCR_TWE (1ull << 14)
#define HCR_TID1 (1ull << 16)
#define HCR_TID3 (1ull << 18)
#define HCR_TSC (1ull << 19)
#define HCR_TIDCP (1ull << 20)
#define HCR_TACR (1ull << 21)
#define HCR_RW (1ull << 31)
#define HCR_E2H (1ull << 34)
#define HCR_TLOR (1ull << 35)
#define HCR_TERR (1ull << 36)
#define HCR_APK (1ull << 40)
#define HCR_API (1ull << 41)
#define HCR_FWB (1ull << 46)
#define HCR_TID5 (1ull << 58)

#define MDCR_TDA (1ull << 9)

/* What the machine has and what follows from it. Written by probe and cpu_enable, constant once guests run. */
struct el2_features {
	struct arm_host host;
	const struct stage2_format *format;
	struct hpa nobody;                 /* root of an empty stage 2 */
	struct hw_setup setup;
	uint64_t hcr;                      /* of every guest */
	uint64_t cptr_closed, cptr_open;   /* FP and SIMD trap, or do not */
	bool vhe, fwb, pauth, vmid16;
	unsigned breakpoints, watchpoints; /* number of */
	unsigned lrs, aprs;                /* list registers; active priority registers of a group */
};
extern struct el2_features el2_features;

/* One per CPU; own CPU. */
struct el2_vcpu;
struct el2_cpu {
	bool enabled;
	struct el2_vcpu *loaded;           /* whose EL1 registers the CPU holds; NULL nobody's */
	uint64_t vttbr, cntvoff;           /* as the CPU holds them */
	uint64_t last_vm;                  /* id of the VM that ran last; 0 none */
};
extern struct el2_cpu el2_cpus[HAL_MAX_CPUS];
static inline struct el2_cpu *el2_cpu(void) { return &el2_cpus[hal_cpu_id()]; }

struct el2_vm {
	uint64_t id;                       /* never used again */
	_Atomic uint64_t vmid;             /* with its generation; 0: none yet */
	uint8_t last_vcpu[HAL_MAX_CPUS];   /* own CPU: index + 1 of the one that ran there last; 0 none */
};
_Static_assert(VM_MAX_VCPUS < 255, "last_vcpu");

struct el2_vcpu {
	struct hw_frame f;                 /* f.regs: EL1's registers are stale while stale is set */
	struct vcpu *v;
	struct el2_cpu *on;                /* the CPU that holds EL1's registers; NULL: they are in f.regs */
	bool stale;
	/* Between two runs that follow at once: the timer runs on, the list registers and FP are still loaded. It is as if the guest ran: the model of
	 * its GIC knows them for loaded, and what comes due meanwhile ends the next run before it has begun. */
	bool inside;
	struct hw_fp fp;
	bool fp_live;                      /* in the CPU's registers: between the first use and el2_settle */
	struct vgic_hw *gic;               /* as the vgic gave it for this run */
	struct hw_debug debug;
	bool debug_live;                   /* not trapped, loaded for each run */
	/* the exit that is being handled */
	struct hw_syndrome syndrome;
	uint8_t step;                      /* bytes of its instruction that are still to be stepped over */
	bool completed;
};
static inline struct el2_vcpu *el2_of(struct vcpu *v) { return v->hv; }

/* ---- el2_exit.c: pure */
struct el2_exit_in { unsigned code; /* HW_EXIT_* */ struct hw_syndrome s; const struct arch_regs *regs; };
enum el2_action {
	EL2_ACT_EXIT,      /* *out is complete */
	EL2_ACT_ABORT,     /* the machine answered the guest's access with an error: the guest gets it as an external abort */
	EL2_ACT_TLB,       /* two entries for one address: forget all of them and go on */
};
struct el2_decoded { enum el2_action action; uint8_t step; };
void el2_exit_decode(const struct el2_exit_in *in, struct hv_exit *out, struct el2_decoded *d);
bool el2_exit_is_fp(uint64_t esr);
bool el2_exit_is_debug(uint64_t esr);
/* A data abort's own description of its access. */
enum arm_access el2_exit_access(uint64_t esr, const struct arch_regs *regs, struct hv_exit *e);

/* ---- el2_cpu.c */
err_t el2_probe(char *reason) MUST_CHECK;
err_t el2_cpu_enable(void) MUST_CHECK;
void el2_cpu_disable(void);

/* ---- el2_regs.c */
extern const struct hv_arch_ops el2_arch_ops;
/* EL1's registers come into memory and the CPU forgets whose they were; nothing when they are there. */
void el2_unload(struct el2_vcpu *s);
/* The end of a run, or of several that followed at once. */
void el2_settle(struct vcpu *v);
void el2_get_regs(struct vcpu *v, struct arch_regs *r);
void el2_set_regs(struct vcpu *v, const struct arch_regs *r);
void el2_complete(struct vcpu *v, const struct hv_exit *e);
err_t el2_inject(struct vcpu *v, const struct hv_event *ev) MUST_CHECK;

/* ---- el2_vmid.c */
/* Once, before guests. bits: 8 or 16. */
void el2_vmid_init(unsigned bits);
/* The VMID of a VM that is about to run on cpu, until another does there. *flush: this CPU's TLB may hold what an earlier owner of
 * a VMID left, and has to be emptied first. */
uint16_t el2_vmid_enter(_Atomic uint64_t *vmid, unsigned cpu, bool *flush);
/* The VMID that translations of the VM may be found under: 0 none. */
uint16_t el2_vmid_last(const _Atomic uint64_t *vmid);

/* ---- vmsa.c: pure. parange: ID_AA64MMFR0_EL1.PARange */
/* NULL: the machine's addresses are too short. forced: HCR_EL2.FWB. */
const struct stage2_format *vmsa_format(unsigned parange, bool forced);
uint64_t vmsa_vtcr(const struct stage2_format *f, unsigned parange, bool vmid16);
/* PARange for guests: what their physical addresses fit in. */
unsigned vmsa_guest_parange(const struct stage2_format *f);

#endif
