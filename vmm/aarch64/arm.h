/* SPDX-License-Identifier: Apache-2.0 */
/* What the aarch64 files of the monitor share that know no backend: the vCPU's architecture state, system registers, timers, PSCI, the
 * guest's own translation, and emulation of device accesses. Own CPU of the vCPU, or vCPU parked, unless said otherwise. */
#ifndef VMM_AARCH64_ARM_H
#define VMM_AARCH64_ARM_H
#include <core/err.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <vmm/aarch64/regs.h>
#include <vmm/aarch64/vgic.h>
#include <vmm/aarch64/virt_layout.h>
#include <vmm/hv.h>
#include <vmm/vm.h>

#define ARM_MPIDR_RES1 (1ull << 31)

/* PSCI's own words for it (DEN0022 5.7.2). */
enum arm_power { POWER_ON, POWER_OFF, POWER_ON_PENDING };

/* v->arch. What is guest-visible in it is plain and travels. */
#define ARM_STATE_VERSION 1
struct arm_state {
	uint32_t version;
	uint64_t cntp_ctl, cntp_cval;        /* the physical timer */
	bool oslock;                         /* OSLSR_EL1.OSLK */
	bool stolen_asked;                   /* PV_TIME_ST was called */
};
struct arm_vcpu {
	struct arm_state st;
	_Atomic uint32_t power;              /* enum arm_power: any CPU takes it from OFF to ON_PENDING, the own one does the rest */
	uint64_t on_entry, on_context;       /* of CPU_ON: written by who made it ON_PENDING */
	bool publish;                        /* memory was loaded since this vCPU last ran */
	uint64_t stolen_ns;                  /* as the guest was last told */
	uint64_t looked_at;                  /* guest counter when the timers' levels were last told */
	bool give_way;                       /* in an exit: it sent an SGI to a vCPU that waits for this CPU */
};
static inline struct arm_vcpu *arm_of(struct vcpu *v) { return v->arch; }

static inline struct arch_regs *arm_regs(struct vcpu *v, enum regs_use use) { return hv_current->arch->regs(v, use); }
/* The guest's counter (CNTVCT_EL0, and CNTPCT_EL0 as it is shown). */
uint64_t arm_counter(const struct vcpu *v);

/* ---- vcpu.c ---- */
/* External abort of the access at the guest's PC to virtual address va. */
void arm_inject_abort(struct vcpu *v, uint64_t va, bool fetch, bool write, bool walk);

/* ---- id_table.c: what the ID registers show ---- */
/* Lowers each field that is offered to the lesser of the two machines. Pure. */
void id_regs_least(uint64_t a[ARM_ID_REGS], const uint64_t b[ARM_ID_REGS]);
/* Fills out with what guests are shown on such a machine. Pure. */
void id_regs_offer(const struct arm_host *host, uint64_t out[ARM_ID_REGS]);

/* ---- sysreg.c: trapped MSR, MRS and system instructions ---- */
/* Before the first guest. */
void sysreg_init(const struct arm_host *host);
void sysreg_reset(struct vcpu *v);
/* Carries e->sysreg out: sets value or fault, and e->quick. */
void sysreg_exit(struct vcpu *v, struct hv_exit *e);
const char *sysreg_name(uint32_t encoding); /* NULL when unknown */

/* ---- vtimer.c: the virtual timer, which is the CPU's own while the guest runs, and the physical one, which is emulated ---- */
err_t vtimer_cpu_enable(void) MUST_CHECK;
void vtimer_cpu_disable(void);
/* Before an entry: levels to the interrupt controller, and the host's interrupt that is linked to the guest's. */
void vtimer_prepare(struct vcpu *v);
/* After an exit, before somebody looks at the interrupt controller: what the guest did to its timer shows there. */
void vtimer_sync(struct vcpu *v);
/* An exit because the virtual timer has fired, and nothing else: the next run tells the guest, and the host does not hear of it. */
void vtimer_fired(struct vcpu *v);
/* When a timer will fire that had not at vtimer_prepare, in host time; UINT64_MAX never. The first is for a guest that runs: its virtual
 * timer interrupts by itself. */
uint64_t ptimer_deadline_ns(struct vcpu *v);
uint64_t vtimer_deadline_ns(struct vcpu *v); /* the earlier of both */
/* CNTP_CTL_EL0 as it reads: with ISTATUS. */
uint64_t ptimer_ctl(struct vcpu *v);

/* ---- vpsci.c: SMC and HVC by the SMC Calling Convention ---- */
/* Sets e->call.result and e->quick. */
void vpsci_call(struct vcpu *v, struct hv_exit *e);
/* vCPU 0 starts on, the others off. */
void vpsci_reset(struct vcpu *v);
/* Before an entry: carries out a CPU_ON that waits. false: this vCPU is off. */
bool vpsci_prepare(struct vcpu *v);

/* ---- pvtime.c: stolen time (DEN0057) ---- */
/* The page of all vCPUs' records, beside RAM. CPU 0, with the machine's memory. E_NOMEM. */
err_t pvtime_create(struct vm *vm) MUST_CHECK;
bool pvtime_offers(uint32_t function);
/* Guest-physical address of the vCPU's record, which is kept up to date from now on. */
uint64_t pvtime_record(struct vcpu *v);
void pvtime_prepare(struct vcpu *v);

/* ---- walk.c: stage 1 of the guest ---- */
struct arm_stage1 { uint64_t sctlr, tcr, ttbr0, ttbr1; };
/* Where the guest's own tables lead, whatever rights they give: for an access that the CPU has allowed already. E_GUEST: nowhere (any
 * more), or they lie outside of RAM; E_NOMEM. */
err_t arm_walk(struct gmem *m, const struct arm_stage1 *s1, uint64_t va, struct gpa *out) MUST_CHECK;
err_t arm_translate(struct vcpu *v, uint64_t va, struct gpa *out) MUST_CHECK;

/* ---- emulate.c: accesses that the hardware does not describe ---- */
/* A load or store outside of RAM. The guest goes on, or gets an external abort; write: what that one says. */
void arm_emulate(struct vcpu *v, bool write);

#endif
