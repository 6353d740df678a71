/* SPDX-License-Identifier: Apache-2.0 */
/* What the svm*.c files share. Nothing else includes it. Own CPU of the vCPU, or vCPU parked. */
#ifndef VMM_X86_64_SVM_H
#define VMM_X86_64_SVM_H
#include <core/hal.h>
#include <core/spinlock.h>
#include <stdatomic.h>
#include <vmm/hv.h>
#include <vmm/vm.h>
#include <vmm/x86_64/regs.h>
#include "guest_event.h"
#include "guest_fp.h"
#include "host_cpu.h"
#include "svm_vmcb.h"

#define MSR_VM_CR 0xc0010114u
#define MSR_VM_HSAVE_PA 0xc0010117u
#define VM_CR_SVMDIS (1ull << 4)

/* What CPUID says, the same on all CPUs; written by probe. */
struct svm_features {
	uint32_t edx;            /* SVM_F_* */
	uint32_t asids;          /* number of, 0 belongs to the host */
};
extern struct svm_features svm_features;
static inline bool svm_has(uint32_t bit) { return svm_features.edx & bit; }

/* One per CPU; own CPU. */
struct svm_cpu {
	struct hpa hsave, host;  /* VM_HSAVE_PA; the host's VMSAVE state */
	uint64_t generation;     /* of ASIDs, from 1 */
	uint32_t next_asid;
	bool enabled;
};

struct svm_vm {
	uint64_t id;             /* never used again */
	_Atomic uint32_t flushes;
};

struct svm_vcpu {
	struct vmcb *vmcb;
	struct hpa vmcb_pa;
	uint64_t gpr[REG_GPRS];  /* RAX and RSP are copied from and to the VMCB around a run */
	/* translations */
	uint64_t asid_generation;
	unsigned cpu;            /* where it ran last; UINT_MAX nowhere */
	uint32_t flushes_seen;
	uint32_t clean;          /* clean bits for the next entry */
	/* state that the VMCB does not hold */
	struct guest_fp fp;
	uint64_t xcr0, dr[4], tsc_aux;
	bool dr_live;            /* DR0-DR3 are the guest's while it runs, and not intercepted */
	/* events */
	uint64_t event;          /* EVENTINJ for the next entry */
	uint8_t irq;             /* vector for V_IRQ at the next entry, 0 none */
	bool nmi_pending;        /* given to us, not yet to the guest */
	bool nmi_masked;         /* until the handler's IRET has run, ... */
	uint64_t nmi_iret_rip;   /* ... which stands here; UINT64_MAX none */
	bool cr8_watch, shutdown;
	/* the exit that is being handled */
	uint64_t exit_code, exit_rip;
	uint64_t next_rip;       /* 0: not known */
	bool completed;
};
static inline struct svm_vcpu *svm_of(struct vcpu *v) { return v->hv; }

/* ---- svm_exit.c: pure */
struct svm_exit_in {
	uint64_t code, info1, info2, int_info;
	uint64_t rax, rbx, rcx, rdx, rsi, rip;
	uint64_t next_rip;       /* by NRIPS; 0 without */
	uint8_t insn_len;        /* by decode assists; 0 without */
	const uint8_t *insn;
};
enum svm_action {
	SVM_ACT_EXIT,            /* *out is complete */
	SVM_ACT_REFLECT,         /* an intercepted exception goes back into the guest: reflect */
	SVM_ACT_DR,              /* load the debug registers, then again */
	SVM_ACT_IRET,            /* NMIs are open again */
	SVM_ACT_CR8_WRITE,       /* emulate, then *out (IRQ_WINDOW) */
	SVM_ACT_MACHINE_CHECK,   /* the host's */
};
struct svm_decoded { enum svm_action action; uint8_t vector; bool has_error; uint64_t next_rip; /* 0: not known */ };
void svm_exit_decode(const struct svm_exit_in *in, struct hv_exit *out, struct svm_decoded *d);
/* Length of the instruction of an intercept from its bytes: prefixes and the opcode that must be there; 0 when it is not. */
unsigned svm_exit_insn_len(uint64_t code, uint64_t info1, const uint8_t *bytes, unsigned n, bool long_mode);
/* What interrupted delivery leaves: the event to inject again (0 none) and the external vector to put back (0 none). */
void svm_exit_events(uint64_t int_info, uint64_t int_ctl, uint64_t *again, uint8_t *undelivered);

/* ---- svm_inject.c */
err_t svm_inject(struct vcpu *v, const struct hv_event *ev) MUST_CHECK;
/* Writes what is queued into the VMCB just before entry. */
void svm_inject_commit(struct svm_vcpu *s);
void svm_inject_exception(struct svm_vcpu *s, uint8_t vector, bool has_error, uint32_t error);

/* ---- svm_regs.c */
void svm_get_regs(struct vcpu *v, struct arch_regs *r);
void svm_set_regs(struct vcpu *v, const struct arch_regs *r);
extern const struct hv_arch_ops svm_arch_ops;
void svm_skip_to(struct svm_vcpu *s, uint64_t rip);

/* ---- svm_complete.c */
void svm_complete(struct vcpu *v, const struct hv_exit *e);
/* Emulates MOV to CR8 at RIP. */
void svm_cr8_write(struct vcpu *v, uint64_t info1);

/* ---- svm_asid.c */
/* Gives the vCPU an ASID of this CPU and decides what the TLB forgets. */
void svm_asid_assign(struct svm_cpu *c, struct svm_vcpu *s, uint32_t flushes);

/* ---- svm_maps.c: permission maps, shared by all VMs: constant after probe */
err_t svm_maps_init(void) MUST_CHECK;
struct hpa svm_maps_iopm(void);
struct hpa svm_maps_msrpm(void);

/* ---- svm_enter.S: loads GPRs, VMRUN, stores GPRs; host interrupts disabled, GIF set before and after. */
void svm_enter(uint64_t vmcb_pa, uint64_t *gpr, uint64_t host_pa);

#endif
