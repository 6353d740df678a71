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

/* What probing looks at: CPUID 8000_0000 EAX, 8000_0001 ECX, 8000_000A EBX and EDX (0 without the leaf), VM_CR, CR4. */
struct svm_probe_in { uint32_t max_leaf, ext_ecx, asids, edx; uint64_t vm_cr, cr4; };
#define SVM_EXT_ECX (1u << 2)
/* Can this CPU do it? Pure. E_NOENT: it has no SVM; E_UNSUPPORTED; why says so. */
err_t svm_check(const struct svm_probe_in *in, const char **why) MUST_CHECK;

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
	int64_t counter_delta;   /* hal_counter() - TSC here */
	bool enabled;
};

struct svm_vm {
	uint64_t id;             /* never used again */
	_Atomic uint32_t flushes;
};

/* What an exit's values say; svm_exit.c. */
enum svm_action {
	SVM_ACT_EXIT,            /* *out is complete */
	SVM_ACT_REFLECT,         /* an intercepted exception goes back into the guest: reflect */
	SVM_ACT_SKIP,            /* without effect here: over it */
	SVM_ACT_DR,              /* load the debug registers, then again */
	SVM_ACT_IRET,            /* NMIs are open again */
	SVM_ACT_CR_WRITE,        /* emulate, then *out (IRQ_WINDOW, SYSREG) */
	SVM_ACT_MACHINE_CHECK,   /* the host's */
	SVM_ACT_ENTRY_FAILED,    /* *out is complete; worth a dump */
};
struct svm_decoded { enum svm_action action; uint8_t vector; bool has_error; uint64_t next_rip; /* 0: not told by this exit's values */ };

#define SVM_WHY_MAX 80
struct svm_vcpu {
	struct vmcb *vmcb;
	struct hpa vmcb_pa;
	uint64_t gpr[REG_GPRS];  /* RAX and RSP are copied from and to the VMCB around a run */
	/* translations */
	uint64_t asid_generation;
	struct svm_cpu *cpu;     /* where it ran last; NULL nowhere */
	uint32_t flushes_seen;
	uint32_t clean;          /* clean bits for the next entry */
	/* state that the VMCB does not hold */
	struct guest_fp fp;
	uint64_t xcr0, dr[4], tsc_aux;
	bool mce;                /* CR4.MCE as the guest set it; in the VMCB it is always set, or a machine check would shut the CPU down */
	/* What an entry has to look at; all of it at once, since mostly there is none. */
	union {
		struct {
			bool flush;       /* forget this vCPU's translations before the next entry */
			bool unsettled;   /* its CPU does not hold what an entry needs of it beside the VMCB */
			bool asking;      /* an event is queued, or the VMCB asks for one, a window or a flush, or may */
			bool dr_live;     /* DR0-DR3 are the guest's while it runs, and not intercepted */
			bool nmi_pending; /* given to us, not yet to the guest */
			bool nmi_masked;  /* until the handler's IRET has run, ... */
			bool cr8_watch, shutdown;
		};
		uint64_t extra;
	};
	uint64_t nmi_iret_rip;   /* ... which stands here; UINT64_MAX none */
	/* events */
	uint64_t event;          /* EVENTINJ for the next entry */
	uint8_t irq;             /* vector for V_IRQ at the next entry, 0 none */
	/* the exit that is being handled */
	bool completed;
	struct svm_decoded decoded;
	char why[SVM_WHY_MAX];   /* what was wrong with the guest's state */
};
_Static_assert(offsetof(struct svm_vcpu, shutdown) - offsetof(struct svm_vcpu, extra) == 7, "extra covers them");
static inline struct svm_vcpu *svm_of(struct vcpu *v) { return v->hv; }
static inline bool svm_long_mode(const struct vmcb *b) { return (b->s.efer & X86_EFER_LMA) && (b->s.cs.attr & SEG_ATTR_L); }

/* ---- svm_exit.c: pure */
/* gpr: as at the exit, RAX included. *out is written as far as its kind has a meaning for it. */
void svm_exit_decode(const struct vmcb_control *c, const uint64_t *gpr, struct hv_exit *out, struct svm_decoded *d);
/* What interrupted delivery leaves: the event to inject again (0 none) and the external vector to put back (0 none). */
struct svm_undone { uint64_t again; uint8_t vector; };
struct svm_undone svm_exit_events(uint64_t int_info, uint64_t int_ctl);

/* ---- svm_inject.c */
err_t svm_inject(struct vcpu *v, const struct hv_event *ev) MUST_CHECK;
/* Writes what is queued into the VMCB just before entry. */
void svm_inject_commit(struct svm_vcpu *s);
void svm_inject_exception(struct svm_vcpu *s, uint8_t vector, bool has_error, uint32_t error);

/* ---- svm_regs.c */
void svm_get_regs(struct vcpu *v, struct arch_regs *r);
void svm_set_regs(struct vcpu *v, const struct arch_regs *r);
extern const struct hv_arch_ops svm_arch_ops;
void svm_set_cr4(struct svm_vcpu *s, uint64_t value);

/* ---- svm_complete.c */
void svm_complete(struct vcpu *v, const struct hv_exit *e);
/* Emulates the MOV to CR4 or CR8 at RIP that was intercepted. */
void svm_cr_write(struct vcpu *v, uint64_t info1);

/* ---- svm_insn.c */
/* Over the instruction of this exit, or to another one. */
void svm_step_over(struct vcpu *v);
void svm_skip_to(struct svm_vcpu *s, uint64_t rip);
/* Where the CPU says that the next instruction is; 0: it does not. */
static inline uint64_t svm_next_rip(const struct svm_vcpu *s)
{
	return s->decoded.next_rip ? s->decoded.next_rip : svm_has(SVM_F_NRIPS) ? s->vmcb->c.next_rip : 0;
}
/* Length of the instruction of an intercept that has no prefix, from its first bytes (the first lowest); 0 when it is not there. */
unsigned svm_insn_bare_len(uint64_t code, uint64_t info1, uint32_t first);
/* Length of the instruction of an intercept from its bytes: prefixes and the opcode that must be there; 0 when it is not. */
unsigned svm_insn_len(uint64_t code, uint64_t info1, const uint8_t *bytes, unsigned n, bool long_mode);

/* ---- svm_asid.c */
/* Gives the vCPU an ASID of this CPU and decides what the TLB forgets. */
void svm_asid_assign(struct svm_cpu *c, struct svm_vcpu *s, uint32_t flushes);

/* ---- svm_maps.c: permission maps, shared by all VMs: constant after probe */
err_t svm_maps_init(void) MUST_CHECK;
struct hpa svm_maps_iopm(void);
struct hpa svm_maps_msrpm(void);

/* ---- svm_explain.c: pure */
/* The first rule of APM 2 15.5.1 that a guest's state breaks, in words. false: none that is known; *why is untouched. */
bool svm_explain_state(const struct vmcb *b, char *why, size_t n);

/* ---- svm_dump.c: the VMCB into the log */
void svm_dump(const struct vcpu *v, const char *why);

/* ---- svm_enter.S */
/* VMSAVE of the host, which each exit's VMLOAD takes back. */
void svm_save_host(uint64_t host_pa);
/* Loads GPRs, VMRUN, stores GPRs; host interrupts disabled, GIF set before and after. */
void svm_enter(uint64_t vmcb_pa, uint64_t *gpr, uint64_t host_pa);

#endif
