/* SPDX-License-Identifier: Apache-2.0 */
/* What the vmx*.c files share. Nothing else includes it. Own CPU of the vCPU, or vCPU parked. */
#ifndef VMM_X86_64_VMX_H
#define VMM_X86_64_VMX_H
#include <core/hal.h>
#include <stdatomic.h>
#include <vmm/hv.h>
#include <vmm/vm.h>
#include <vmm/x86_64/regs.h>
#include "guest_event.h"
#include "guest_fp.h"
#include "host_cpu.h"
#include "vmx_vmcs.h"

/* ---- vmx_caps.c: what this CPU can do, and which controls follow from it */
struct vmx_msrs { /* as read; SDM 3D appendix A */
	uint64_t basic, pin, proc, exit, entry, misc, cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1, proc2, ept_vpid;
	bool rdtscp, invpcid; /* by CPUID: shown to guests, so the controls must let them have it */
};
struct vmx_caps {
	uint32_t pin, proc, proc2, exit, entry; /* the values for the VMCS */
	uint32_t revision;
	uint64_t cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
	bool ept_ad, invept_one, vpid, invvpid_one, pause; /* pause: PAUSE exiting can be asked for */
};
extern struct vmx_caps vmx_caps; /* written by probe, constant afterwards */
void vmx_caps_read(struct vmx_msrs *m);
/* Pure: E_UNSUPPORTED with the reason (HV_REASON_MAX bytes) when something that guests need is missing. */
err_t vmx_caps_decide(const struct vmx_msrs *m, struct vmx_caps *out, char *reason) MUST_CHECK;
/* A control by its word and bit: is it in use? */
static inline bool vmx_has2(uint32_t bit) { return vmx_caps.proc2 & bit; }
static inline bool vmx_has_tpr_shadow(void) { return vmx_caps.proc & VMX_PROC_TPR_SHADOW; }

struct vmx_vcpu;

/* One per CPU; own CPU. */
struct vmx_cpu {
	struct hpa region;         /* VMXON */
	struct vmx_vcpu *current;  /* whose VMCS is loaded; NULL none */
	struct vmx_vcpu *msrs;     /* whose system-call MSRs are in the CPU; NULL nobody's */
	uint64_t vpid_generation;  /* from 1 */
	uint32_t next_vpid;
	bool enabled;
};
extern struct vmx_cpu vmx_cpus[HAL_MAX_CPUS];
static inline struct vmx_cpu *vmx_cpu(void) { return &vmx_cpus[hal_cpu_id()]; }

struct vmx_vm {
	uint64_t id;               /* never used again */
	_Atomic uint32_t flushes;  /* asked for; starts at 1 */
	uint32_t flushed[HAL_MAX_CPUS]; /* each CPU its own: what has been done there; 0: this VM never ran there */
};

struct vmx_vcpu {
	/* GPRs, RIP, RFLAGS, CR2, CR8, XCR0, DR0-3, DR6 and system-call MSRs always (those MSRs may be newer in the CPU: vmx_cpu.msrs).
	 * The rest only while the vCPU is parked: when it is live, that is in the VMCS. */
	struct arch_regs regs;
	bool live;                 /* the VMCS is the state, and active on the vCPU's CPU */
	bool launched;
	struct hpa vmcs, vapic;    /* vapic: the page whose TPR the guest's CR8 is */
	struct guest_fp fp;
	uint64_t spec_ctrl;
	/* what travels with a parked VMCS beside arch_regs */
	uint32_t interruptibility;
	uint64_t pending_debug, pdpte[4];
	/* translations */
	uint64_t vpid_generation;
	uint16_t vpid;
	bool flush;                /* forget linear translations before the next entry */
	/* controls as they are in the VMCS */
	uint32_t proc, tpr_threshold;
	uint64_t tsc_offset;
	bool dr_live;              /* DR0-DR3 and DR6 are the guest's while it runs, and not intercepted */
	/* events */
	uint64_t event;            /* for the next entry: see guest_event.h */
	uint8_t event_insn_len;    /* for INT1 */
	uint8_t irq;               /* external vector for the next entry, 0 none, ... */
	bool irq_sent;             /* ... and whether that entry really carried it */
	bool nmi_pending;          /* given to us, not yet to the guest */
	bool cr8_watch, shutdown;
	/* the exit that is being handled */
	uint32_t exit_reason;
	uint64_t qualification, next_rip;
	bool completed;
};
static inline struct vmx_vcpu *vmx_of(struct vcpu *v) { return v->hv; }

/* ---- vmx_exit.c: pure */
struct vmx_exit_in {
	uint32_t reason, event, event_error, idt_event, idt_error, insn_len;
	uint64_t qualification, physical; /* physical: of EPT exits */
	uint64_t rip;
	const uint64_t *gpr;
};
enum vmx_action {
	VMX_ACT_EXIT,            /* *out is complete */
	VMX_ACT_REFLECT,         /* an intercepted exception goes back into the guest */
	VMX_ACT_SKIP,            /* without effect here: over it */
	VMX_ACT_DR,              /* load the debug registers, then again */
	VMX_ACT_CR,              /* emulate the access to a control register */
	VMX_ACT_NMI,             /* the host's NMI: run its handler */
	VMX_ACT_MACHINE_CHECK,   /* the host's */
	VMX_ACT_ENTRY_FAILED,    /* *out is complete; worth a dump */
};
struct vmx_decoded { enum vmx_action action; uint8_t vector; bool has_error; bool nmi_unblocked; uint64_t debug_bits; };
void vmx_exit_decode(const struct vmx_exit_in *in, struct hv_exit *out, struct vmx_decoded *d);
/* What interrupted delivery leaves: the event to inject again (0 none) and the external vector to put back (0 none). */
void vmx_exit_events(uint32_t idt_event, uint32_t idt_error, uint64_t *again, uint8_t *undelivered);

/* ---- vmx_inject.c */
err_t vmx_inject(struct vcpu *v, const struct hv_event *ev) MUST_CHECK;
/* Writes what is queued into the VMCS just before entry. */
void vmx_inject_commit(struct vmx_vcpu *s);
void vmx_inject_exception(struct vmx_vcpu *s, uint8_t vector, bool has_error, uint32_t error);

/* ---- vmx_regs.c */
void vmx_get_regs(struct vcpu *v, struct arch_regs *r);
void vmx_set_regs(struct vcpu *v, const struct arch_regs *r);
extern const struct hv_arch_ops vmx_arch_ops;
void vmx_skip_to(struct vmx_vcpu *s, uint64_t rip);
/* Between the struct and the loaded VMCS, the parts that live there: for vmx_vcpu.c. */
void vmx_regs_load(struct vmx_vcpu *s);
void vmx_regs_store(struct vmx_vcpu *s);
/* What the guest sees; the VMCS is loaded. Writes of CR0 and CR4 leave flush to the caller. */
#define VMX_CR0_HOST (~(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | X86_CR0_WP | X86_CR0_AM | X86_CR0_PG))
uint64_t vmx_read_cr0(void);
uint64_t vmx_read_cr4(void);
void vmx_write_cr0(uint64_t v);
void vmx_write_cr4(uint64_t v);
void vmx_write_efer(struct vmx_vcpu *s, uint64_t v);

/* ---- vmx_cr.c: accesses to control registers that hardware leaves to us */
void vmx_cr_access(struct vcpu *v);
/* Loads the four PAE directory entries from guest memory when paging needs them (SDM 3A 4.4.1). false: #GP. */
bool vmx_pdptes_load(struct vcpu *v);
/* The bits of CR4 that a guest may set. */
uint64_t vmx_cr4_legal(void);

/* ---- vmx_complete.c */
void vmx_complete(struct vcpu *v, const struct hv_exit *e);

/* ---- vmx_vcpu.c: a VMCS becomes live on its vCPU's CPU, and is parked there */
void vmx_go_live(struct vcpu *v);
void vmx_park(struct vcpu *v);
/* Makes a live vCPU's VMCS the loaded one. */
void vmx_use(struct vmx_vcpu *s);
/* Primary controls on or off. */
void vmx_set_proc(struct vmx_vcpu *s, uint32_t bits, bool on);

/* ---- vmx_state.c: what VMX does not switch (system-call MSRs, DR6), and which translations are forgotten */
/* The MSRs stay in the CPU until another guest wants them, or their values are asked for. */
void vmx_msrs_load(struct vmx_vcpu *s);
void vmx_msrs_store(struct vmx_vcpu *s);
void vmx_dr_load(struct vmx_vcpu *s);
void vmx_dr_save(struct vmx_vcpu *s);
err_t vmx_translations_init(struct vmx_cpu *c) MUST_CHECK; /* on a CPU that is being switched on */
void vmx_translations(struct vmx_cpu *c, struct vcpu *v);
uint64_t vmx_eptp(const struct vm *vm);

/* ---- vmx_maps.c: bitmaps, shared by all VMs: constant after probe */
err_t vmx_maps_init(void) MUST_CHECK;
struct hpa vmx_maps_io(void);
struct hpa vmx_maps_msr(void);

/* ---- vmx_dump.c: the loaded VMCS into the log */
void vmx_dump(const struct vcpu *v, const char *why);

/* ---- vmx_enter.S */
int vmx_enter(uint64_t *gpr, uint64_t *cr2, bool launched);
extern const char vmx_exit_point[];
bool vmx_on(const uint64_t *physical) MUST_CHECK;
bool vmx_off(void);
bool vmx_clear(const uint64_t *physical) MUST_CHECK;
bool vmx_load(const uint64_t *physical) MUST_CHECK;
bool vmcs_write(uint32_t field, uint64_t v);
uint64_t vmcs_read(uint32_t field);
bool vmx_invept(uint64_t type, const uint64_t descriptor[2]) MUST_CHECK;
bool vmx_invvpid(uint64_t type, const uint64_t descriptor[2]) MUST_CHECK;
void vmx_host_nmi(void);

#endif
