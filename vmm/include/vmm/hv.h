/* SPDX-License-Identifier: Apache-2.0 */
/* The virtualisation seam: a dozen functions over one hardware implementation, chosen at run time by probing. No VMCS field,
 * VMCB or ESR value goes above it; the guest can cause no error return, only an exit kind. Own CPU of the vCPU unless said otherwise. */
#ifndef VMM_HV_H
#define VMM_HV_H
#include <core/addr.h>
#include <core/err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vmm/gmem.h>

struct vm;
struct vcpu;
struct arch_regs;     /* vmm/<arch>/regs.h */
struct hv_arch_ops;   /* the same */
struct stage2_format;

enum hv_exit_kind {
	HV_EXIT_HOST,      /* a host interrupt or the slice's end; nothing to emulate */
	HV_EXIT_STAGE2,    /* access to a guest-physical address without (sufficient) mapping */
	HV_EXIT_MMIO,      /* a decoded device access; made from STAGE2 by the architecture's decoder, or by hardware syndrome */
	HV_EXIT_PIO,       /* port input/output, also string forms one element at a time */
	HV_EXIT_IDLE,      /* HLT | WFI */
	HV_EXIT_PAUSE,     /* spin hint | WFE */
	HV_EXIT_CALL,      /* hypercall */
	HV_EXIT_CPUID, HV_EXIT_RDMSR, HV_EXIT_WRMSR, HV_EXIT_XSETBV, /* x86 */
	HV_EXIT_SYSREG,    /* ARM: MSR, MRS, system instruction; on x86 a control or debug register or an exception: the backend has dealt with it */
	HV_EXIT_IRQ_WINDOW,/* the guest can take an interrupt now, as asked by vcpu_inject */
	HV_EXIT_TIMER,     /* the time that vcpu_deadline was told has come, or a timer of the guest that is the CPU's own */
	HV_EXIT_SHUTDOWN,  /* triple fault */
	HV_EXIT_UNDEFINED, /* an instruction that is not offered: the guest gets #UD | UNDEF */
	HV_EXIT_INVALID,   /* entry refused: invalid guest state; text says why */
	HV_EXIT_KINDS
};
struct hv_exit {
	enum hv_exit_kind kind;
	/* An external interrupt that was queued for this entry but did not reach the guest: its vector, else 0. The architecture's
	 * exit code puts it back into the interrupt controller, so that the best one is chosen anew. */
	uint8_t undelivered;
	uint8_t cr8; /* x86: the task priority that the guest left with */
	/* Set by the architecture's exit code: nothing that arch_vcpu_prepare looks at has changed, so the guest may go on at once. */
	bool quick;
	union {
		struct { struct gpa addr; unsigned access; /* GMEM_* */ bool walk; /* met by the guest's own page-table walk */
			 bool delivery; /* met while an event was being delivered */ uint8_t insn[15], insn_len; /* 0: not fetched by hardware */ } stage2;
		struct { struct gpa addr; uint8_t size; bool write, sign_extend; uint64_t value; /* in when write, out when completed */
			 uint8_t reg, reg_size, insn_len; bool high_byte; uint8_t op; /* the architecture decoder's own */ } mmio;
		struct { uint16_t port; uint8_t size; bool write, string, rep; uint64_t value;
			 uint8_t addr_bytes, seg, insn_len; /* string forms; architecture's own */ } pio;
		struct { uint64_t nr, args[4], result; } call;
		struct { uint32_t leaf, subleaf, eax, ebx, ecx, edx; } cpuid;
		struct { uint32_t index; uint64_t value; bool fault; /* set by the handler: inject #GP instead */ } msr;
		struct { uint32_t index; uint64_t value; bool fault; } xsetbv;
		struct { uint32_t encoding; uint8_t rt; bool write; uint64_t value; bool fault; /* set by the handler: undefined instead */ } sysreg;
		struct { const char *text; uint64_t code; } invalid;
	};
};

enum hv_event_kind { HV_EVENT_INTERRUPT, HV_EVENT_NMI, HV_EVENT_EXCEPTION };
struct hv_event { enum hv_event_kind kind; uint8_t vector; bool has_error; uint32_t error; uint64_t fault_address; };

#define HV_REASON_MAX 96
struct hv_ops {
	const char *name; /* "svm" */
	/* Can this machine do it? On CPU 0. reason (HV_REASON_MAX bytes) says why not, for the operator. E_NOENT: it has no such thing at all;
	 * E_UNSUPPORTED: it has, and still cannot. */
	err_t (*probe)(char *reason);
	/* Switches it on/off on the calling CPU; enable is called once per CPU before any vCPU runs there. */
	err_t (*cpu_enable)(void);
	void (*cpu_disable)(void);
	const struct stage2_format *(*stage2_format)(void);
	/* Per-VM state (I/O and MSR bitmaps ...): hangs on vm->hv. */
	err_t (*vm_init)(struct vm *vm);
	void (*vm_fini)(struct vm *vm);
	/* Any CPU: before its next entry, each vCPU of vm forgets guest translations of [a, a+len); len 0: all. */
	void (*tlb_flush)(struct vm *vm, struct gpa a, uint64_t len);
	err_t (*vcpu_init)(struct vcpu *v);  /* architectural reset state; hangs on v->hv */
	void (*vcpu_fini)(struct vcpu *v);
	/* The vCPU leaves its CPU: afterwards its state is in memory, and any CPU may get and set it or run it next. NULL: it always is. */
	void (*vcpu_park)(struct vcpu *v);
	/* Optional. Own CPU, at the end of a slice: what runs left in the CPU's registers for the next one goes to memory. */
	void (*vcpu_leave)(struct vcpu *v);
	/* Enters the guest and returns with the reason it came back. Host interrupts stay pending for the loop's window. */
	void (*vcpu_run)(struct vcpu *v, struct hv_exit *out);
	/* Optional. Own CPU, after a run, unless the next follows at once (hv_exit.quick): what was left with the CPU for that, as if the guest ran
	 * on, comes back to where everybody looks. Nothing when it is there. */
	void (*vcpu_settle)(struct vcpu *v);
	/* Optional. The next run ends at ns (hal_clock_ns; UINT64_MAX: whenever) at the latest, with HV_EXIT_TIMER. false: this CPU cannot,
	 * and the caller arms the host's one-shot. */
	bool (*vcpu_deadline)(struct vcpu *v, uint64_t ns);
	/* Finishes an emulated exit: writes results to registers and steps over the instruction (or injects the fault that it asks for). */
	void (*vcpu_complete)(struct vcpu *v, const struct hv_exit *e);
	/* Queues an event for the next entry. E_AGAIN: cannot now; an IRQ_WINDOW exit comes when it can. */
	err_t (*vcpu_inject)(struct vcpu *v, const struct hv_event *ev);
	/* Optional. Any CPU but the vCPU's own, which is in a run or just around one: it takes the interrupts that are pending in its controller,
	 * still in this run or before the next. false: it has to leave the guest for that. */
	bool (*vcpu_post)(struct vcpu *v);
	/* Whole register file; vCPU not running. */
	void (*vcpu_get_regs)(struct vcpu *v, struct arch_regs *r);
	void (*vcpu_set_regs)(struct vcpu *v, const struct arch_regs *r);
	/* What the architecture's own exit code needs beside: vmm/x86_64/regs.h. */
	const struct hv_arch_ops *arch;
};
extern const struct hv_ops hv_svm, hv_vmx, hv_el2;
/* Candidates in order, NULL-terminated; const table in vmm/<arch>/backends.c. */
extern const struct hv_ops *const hv_backends[];

/* Probes the candidates and enables the first that works on all CPUs (CPU 0, after all loops run).
 * Afterwards hv_current is it, or NULL with hv_reason() saying why guests cannot run. */
void hv_init(void);
extern const struct hv_ops *hv_current;
/* Before reset or power-off, CPU 0, all guests stopped: switches it off on all CPUs, since a CPU in VMX operation takes no INIT (SDM 3C
 * 23.8) and firmware may look for the other CPUs by it. No vCPU enters its guest any more. */
void hv_fini(void);
const char *hv_reason(void);

#endif
