/* SPDX-License-Identifier: Apache-2.0 */
/* What the vmx*.c files share. Nothing else includes it. Own CPU of the vCPU, or vCPU parked. */
#ifndef VMM_X86_64_VMX_H
#define VMM_X86_64_VMX_H
#include <core/hal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <vmm/hv.h>
#include <vmm/vm.h>
#include <vmm/x86_64/lapic.h>
#include <vmm/x86_64/regs.h>
#include "guest_event.h"
#include "guest_fp.h"
#include "host_cpu.h"
#include "vmx_vmcs.h"

/* ---- vmx_caps.c: what this CPU can do, and which controls follow from it */
struct vmx_msrs { /* as read; SDM 3D appendix A */
	uint64_t basic, pin, proc, exit, entry, misc, cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1, proc2, ept_vpid;
	uint32_t signature;   /* CPUID.1:EAX, for errata */
	bool rdtscp, invpcid; /* by CPUID: shown to guests, so the controls must let them have it */
	bool xsaves;          /* by CPUID: shown to guests where there is a control */
};
struct vmx_caps {
	uint32_t pin, proc, proc2, exit, entry; /* the values for the VMCS */
	uint32_t revision;
	uint64_t cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
	uint8_t timer_rate; /* the preemption timer counts each time that this bit of the TSC changes */
	bool ept_ad, invept_one, vpid, invvpid_one, pause; /* pause: PAUSE exiting can be asked for */
};
enum vmx_word { VMX_WORD_PIN, VMX_WORD_PROC, VMX_WORD_PROC2, VMX_WORD_EXIT, VMX_WORD_ENTRY, VMX_WORDS };
/* For people; NULL: a bit that is not used, or must be 1. */
const char *vmx_control_name(enum vmx_word word, uint32_t bit);
extern struct vmx_caps vmx_caps; /* written by probe, constant afterwards */
void vmx_caps_read(struct vmx_msrs *m);
/* Pure: E_UNSUPPORTED with the reason (HV_REASON_MAX bytes) when something that guests need is missing. */
err_t vmx_caps_decide(const struct vmx_msrs *m, struct vmx_caps *out, char *reason) MUST_CHECK;
/* A control by its word and bit: is it in use? */
static inline bool vmx_has2(uint32_t bit) { return vmx_caps.proc2 & bit; }
static inline bool vmx_has_interrupts(void) { return vmx_has2(VMX_PROC2_INTERRUPTS); }
static inline bool vmx_has_timer(void) { return vmx_caps.pin & VMX_PIN_TIMER; }
static inline bool vmx_has_tpr_shadow(void) { return vmx_caps.proc & VMX_PROC_TPR_SHADOW; }

#define VMX_WHY_MAX 80
struct vmx_vcpu;

/* One per CPU; own CPU. */
struct vmx_cpu {
	struct hpa region;         /* VMXON */
	struct vmx_vcpu *current;  /* whose VMCS is loaded; NULL none */
	struct vmx_vcpu *msrs;     /* whose system-call MSRs are in the CPU; NULL nobody's */
	struct vmx_vcpu *settled;  /* who ran here last, while nothing has changed of what this CPU holds of it; NULL nobody */
	int64_t counter_delta;     /* hal_counter() - TSC here */
	uint64_t vpid_generation;  /* from 1 */
	uint32_t next_vpid;
	struct host_tables tables; /* GDT and IDT as they were before the first exit, with their limits */
	bool enabled;
};
extern struct vmx_cpu vmx_cpus[HAL_MAX_CPUS];
static inline struct vmx_cpu *vmx_cpu(void) { return &vmx_cpus[hal_cpu_id()]; }

struct vmx_vm {
	uint64_t id;               /* never used again */
	_Atomic uint32_t flushes;  /* asked for; starts at 1 */
	uint32_t flushed[HAL_MAX_CPUS]; /* each CPU its own: what has been done there; 0: this VM never ran there */
};

/* What vmx_enter.S writes and reads, beside struct arch_regs; it knows the offsets. host_rsp, rsp, rflags: as they are in the VMCS. */
struct vmx_frame { uint64_t host_rsp, rsp, rflags, reason, insn_len, interruptibility /* as the exit left it */; };
_Static_assert(offsetof(struct vmx_frame, rflags) == 16 && sizeof(struct vmx_frame) == 48, "vmx_enter.S");
_Static_assert(offsetof(struct arch_regs, rip) == offsetof(struct arch_regs, gpr) + 128 &&
	       offsetof(struct arch_regs, rflags) == offsetof(struct arch_regs, gpr) + 136, "vmx_enter.S");

/* What an exit's values say; vmx_exit.c. */
struct vmx_exit_in { /* as they are in the VMCS, 0 where this exit does not need them */
	uint32_t reason, event, event_error, idt_event, idt_error, insn_len;
	uint64_t qualification, physical; /* physical: of EPT exits */
	const uint64_t *gpr;
};
enum vmx_action {
	VMX_ACT_EXIT,            /* *out is complete */
	VMX_ACT_REFLECT,         /* an intercepted exception goes back into the guest */
	VMX_ACT_SKIP,            /* without effect here: over it */
	VMX_ACT_DR,              /* load the debug registers, then again */
	VMX_ACT_CR,              /* emulate the access to a control register */
	VMX_ACT_INTERRUPT,       /* the host's, acknowledged already: run its handler */
	VMX_ACT_EOI,             /* the CPU has carried out an EOI that the IOAPIC waits for */
	VMX_ACT_APIC_WRITE,      /* the CPU has stored a register of the APIC, and left the effect to us */
	VMX_ACT_NMI,             /* the host's NMI: run its handler */
	VMX_ACT_MACHINE_CHECK,   /* the host's: run its handler, which reads the banks */
	VMX_ACT_ENTRY_FAILED,    /* *out is complete; worth a dump */
};
struct vmx_decoded { enum vmx_action action; uint8_t vector; bool has_error; bool nmi_unblocked; uint64_t debug_bits; };

struct vmx_vcpu {
	/* GPRs, RIP, RFLAGS, CR2, CR8, XCR0, DR0-3, DR6 and system-call MSRs always (those MSRs may be newer in the CPU: vmx_cpu.msrs).
	 * The rest only while the vCPU is parked: when it is live, that is in the VMCS. */
	struct arch_regs regs;
	bool live;                 /* the VMCS is the state, and active on the vCPU's CPU */
	bool launched;
	bool loaded;               /* it is the CPU's current VMCS: vmx_cpu.current */
	struct vmx_frame frame;
	struct hpa vmcs, vapic;    /* vapic: the page whose TPR the guest's CR8 is, or its whole APIC */
	struct hpa posted;         /* page of the posted-interrupt descriptor, whose requests are the LAPIC's IRR; 0 none */
	struct lapic_run apic;     /* as it was loaded; EOI exits as they are in the VMCS */
	/* Why the next entry is more than going on. */
	union {
		struct {
			bool unsettled;   /* another ran here since, or something has changed of what this CPU holds of it */
			bool flush;       /* forget linear translations before the next entry */
			bool apic_home;   /* the APIC's state is in the LAPIC model; else in vapic and the VMCS */
			bool dr_live;     /* DR0-DR3 and DR6 are the guest's while it runs, and not intercepted */
			bool loud;        /* an event is queued, or the VMCS asks for one or a window */
			bool nmi_pending; /* given to us, not yet to the guest */
			bool cr8_watch, shutdown;
		};
		uint64_t extra;
	};
	struct vmx_cpu *cpu;       /* where it is settled, and ... */
	const uint32_t *flushed;   /* ... what has been flushed there: see vmx_vm */
	bool x2apic;               /* the VMCS has the MSR bitmap of that mode */
	struct guest_fp fp;
	uint64_t spec_ctrl;
	/* what travels with a parked VMCS beside arch_regs */
	uint32_t interruptibility;
	uint64_t pending_debug, pdpte[4];
	/* translations */
	uint64_t vpid_generation;
	uint16_t vpid;
	/* controls as they are in the VMCS */
	uint32_t proc, tpr_threshold;
	uint64_t tsc_offset, cr0_shadow, cr4_shadow, cr4_mask;
	uint64_t deadline_ns, deadline_tick; /* of the next entry, by hal_clock_ns and by hal_counter; UINT64_MAX none */
	bool timed;                /* there is one, or the timer has yet to hear that there is none */
	/* events */
	uint64_t event;            /* for the next entry: see guest_event.h */
	uint8_t event_insn_len;    /* for INT1 */
	uint8_t irq;               /* external vector for the next entry, 0 none, ... */
	bool irq_sent;             /* ... and whether that entry really carried it */
	/* the exit that is being handled */
	struct vmx_exit_in in;
	struct vmx_decoded decoded;
	char why[VMX_WHY_MAX];     /* what was wrong with the guest's state */
	bool completed;
};
static inline struct vmx_vcpu *vmx_of(struct vcpu *v) { return v->hv; }
/* Behind the instruction that made the exit. */
static inline uint64_t vmx_next_rip(const struct vmx_vcpu *s) { return s->regs.rip + s->frame.insn_len; }

/* ---- hw_vmcs.c: the loaded VMCS. true when done; the value, 0 when there is no such field. */
bool vmcs_write(uint32_t field, uint64_t v);
uint64_t vmcs_read(uint32_t field);

/* ---- vmx_exit.c: pure */
/* What an exit needs beside what vmx_enter reads. */
enum {
	VMX_NEEDS_QUALIFICATION = 1 << 0, VMX_NEEDS_PHYSICAL = 1 << 1,
	VMX_NEEDS_EVENT = 1 << 2,
	VMX_NEEDS_IDT = 1 << 3,   /* an event may have been in delivery (SDM 3C 28.2.4) */
	VMX_NEEDS_LAPIC = 1 << 4, /* the LAPIC model has to be the truth, since its handler may look at it; ... */
	VMX_NEEDS_MSR = 1 << 5,   /* ... for an MSR of the x2APIC's */
};
/* What a reason means: one row each. Without one (asked is false) it was not asked for. */
struct vmx_exit_row {
	bool asked;
	uint8_t kind /* enum hv_exit_kind */, action /* enum vmx_action */, needs;
	void (*operands)(const struct vmx_exit_in *in, struct hv_exit *out, struct vmx_decoded *d);
};
extern const struct vmx_exit_row vmx_exit_rows[VMX_EXIT_REASONS];
/* Also of a reason that says that the entry failed. */
static inline unsigned vmx_exit_needs(uint32_t reason)
{
	return reason < VMX_EXIT_REASONS ? vmx_exit_rows[reason].needs : VMX_NEEDS_QUALIFICATION | VMX_NEEDS_LAPIC;
}
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
/* Over an instruction that exited. The VMCS is loaded, as it is from an exit to the end of its handling. */
void vmx_skip_to(struct vmx_vcpu *s, uint64_t rip);
/* An instruction, or the delivery of an event, ends blocking by STI and by MOV SS. The VMCS is loaded. */
void vmx_end_shadow(void);
/* Between the struct and the loaded VMCS, the parts that live there: for vmx_vcpu.c. */
void vmx_regs_load(struct vmx_vcpu *s);
void vmx_regs_store(struct vmx_vcpu *s);
/* What the guest sees; the VMCS is loaded. Writes of CR0 and CR4 leave flush to the caller. */
#define VMX_CR0_HOST (~(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | X86_CR0_WP | X86_CR0_AM | X86_CR0_PG))
uint64_t vmx_read_cr0(const struct vmx_vcpu *s);
uint64_t vmx_read_cr4(const struct vmx_vcpu *s);
void vmx_write_cr0(struct vmx_vcpu *s, uint64_t v);
void vmx_write_cr4(struct vmx_vcpu *s, uint64_t v);
void vmx_write_efer(struct vmx_vcpu *s, uint64_t v);

/* ---- vmx_cr.c: accesses to control registers that hardware leaves to us */
void vmx_cr_access(struct vcpu *v, uint64_t qualification);
/* Loads the four PAE directory entries from guest memory when paging needs them (SDM 3A 4.4.1). false: #GP. */
bool vmx_pdptes_load(struct vcpu *v);
/* The bits of CR4 that a guest may set. */
uint64_t vmx_cr4_legal(void);

/* ---- vmx_complete.c */
void vmx_complete(struct vcpu *v, const struct hv_exit *e);

/* ---- vmx_vcpu.c: a VMCS becomes live on its vCPU's CPU, and is parked there */
void vmx_go_live(struct vcpu *v);
void vmx_park(struct vcpu *v);
/* Exits leave the limits of GDT and IDT at FFFFh (SDM 3C 28.5.2): puts the right ones back, before the CPU is left to others. */
void vmx_host_limits(void);
void vmx_load_other(struct vmx_vcpu *s);
/* Makes a live vCPU's VMCS the loaded one. */
static inline void vmx_use(struct vmx_vcpu *s)
{
	if (!s->loaded)
		vmx_load_other(s);
}
/* Something has changed that this CPU keeps of the vCPU that ran last, beside its VMCS. */
static inline void vmx_unsettle(struct vmx_cpu *c)
{
	if (c->settled)
		c->settled->unsettled = true;
	c->settled = NULL;
}
/* Primary controls on or off. */
void vmx_set_proc(struct vmx_vcpu *s, uint32_t bits, bool on);

/* ---- vmx_state.c: what VMX does not switch (system-call MSRs, DR6), and which translations are forgotten */
/* The MSRs stay in the CPU until another guest wants them, or their values are asked for. */
void vmx_msrs_load(struct vmx_vcpu *s);
void vmx_msrs_store(struct vmx_vcpu *s);
void vmx_dr_load(struct vmx_vcpu *s);
void vmx_dr_save(struct vmx_vcpu *s);
/* A debug exception is about to be delivered: which breakpoints it met replaces what stood there, the other causes gather (SDM 3B 18.2.3). */
static inline void vmx_dr6_met(struct vmx_vcpu *s, uint64_t bits)
{
	s->regs.dr6 = (s->regs.dr6 & ~VMX_PENDING_POINTS) | bits;
}
err_t vmx_translations_init(struct vmx_cpu *c) MUST_CHECK; /* on a CPU that is being switched on */
void vmx_translations(struct vmx_cpu *c, struct vcpu *v);
uint64_t vmx_eptp(const struct vm *vm);

/* ---- vmx_timer.c: the preemption timer, where there is one */
/* Pure: what to count down from tick now to tick deadline, when bit rate of the counter drives the timer. One more than whole counts: never
 * early for what is left of the first. Too long is out early, and in again; over is out before the first instruction. */
static inline uint32_t vmx_timer_count(uint64_t deadline, uint64_t now, unsigned rate)
{
	uint64_t count = deadline > now ? ((deadline - now) >> rate) + 1 : 0;

	return count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
}
bool vmx_deadline(struct vcpu *v, uint64_t ns);
static inline void vmx_timer_write(struct vmx_vcpu *s)
{
	s->timed = s->deadline_tick != UINT64_MAX;
	vmcs_write(VMCS_GUEST_TIMER, vmx_timer_count(s->deadline_tick, hal_counter(), vmx_caps.timer_rate));
}

/* ---- vmx_apic.c: virtual-interrupt delivery and posted interrupts, where the CPU has them */
err_t vmx_apic_init(struct vcpu *v) MUST_CHECK;
void vmx_apic_fini(struct vcpu *v);
void vmx_apic_controls(struct vmx_vcpu *s); /* into a VMCS that has just become live */
void vmx_apic_enter(struct vcpu *v); /* the state moves out of the LAPIC model */
void vmx_apic_leave(struct vcpu *v); /* and back; nothing when it is there, as it always is where the CPU delivers nothing */
void vmx_apic_written(struct vcpu *v, unsigned offset);
bool vmx_post(struct vcpu *v);

/* ---- vmx_maps.c: bitmaps, shared by all VMs: constant after probe */
err_t vmx_maps_init(void) MUST_CHECK;
struct hpa vmx_maps_io(void);
/* x2apic: with the registers that the CPU virtualises. */
struct hpa vmx_maps_msr(bool x2apic);

/* ---- vmx_explain.c: pure */
/* The first rule of SDM 3C 27.3.1 that a guest's state breaks, in words. read: of a VMCS field. false: none that is known; *why is untouched. */
bool vmx_explain_state(uint64_t (*read)(uint32_t field), char *why, size_t n);
/* Access rights of a segment (SDM 3C table 25-2) in words. */
void vmx_explain_rights(uint32_t rights, char *buf, size_t n);

/* ---- vmx_dump.c: the loaded VMCS into the log */
void vmx_dump(const struct vcpu *v, const char *why);

/* ---- vmx_enter.S */
int vmx_enter(uint64_t *gpr, uint64_t *cr2, bool launched, struct vmx_frame *frame);
extern const char vmx_exit_point[];
bool vmx_on(const uint64_t *physical) MUST_CHECK;
bool vmx_off(void);
bool vmx_clear(const uint64_t *physical) MUST_CHECK;
bool vmx_load(const uint64_t *physical) MUST_CHECK;
bool vmx_invept(uint64_t type, const uint64_t descriptor[2]) MUST_CHECK;
bool vmx_invvpid(uint64_t type, const uint64_t descriptor[2]) MUST_CHECK;
void vmx_host_nmi(void);

#endif
