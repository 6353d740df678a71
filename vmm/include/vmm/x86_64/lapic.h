/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's local APICs (SDM 3A 11, APM 2 16): xAPIC page and x2APIC MSRs, timer, IPIs, and message delivery for IOAPIC and MSI.
 * v->irqc points to struct lapic. APIC id == vCPU index. There is no PIC: LINT0/ExtINT never fires.
 * Pending bits (IRR, TMR, NMI/INIT/SIPI) are atomics that any CPU may set, with vm->lock held or not; all else belongs to
 * the vCPU's own CPU (or to whoever holds it parked). Functions marked [own] take vm->lock themselves where an EOI
 * reaches the IOAPIC: never call them with it held. */
#ifndef VMM_X86_64_LAPIC_H
#define VMM_X86_64_LAPIC_H
#include <core/addr.h>
#include <core/err.h>
#include <stdbool.h>
#include <stdint.h>
#include <vmm/irq.h>

struct vm;
struct vcpu;

#define LAPIC_DEFAULT_BASE 0xfee00000ull
#define LAPIC_TIMER_HZ 1000000000ull /* input of the divider, as told to the guest by CPUID */
#define MSR_APIC_BASE 0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC_FIRST 0x800
#define MSR_X2APIC_LAST 0x8ff

/* Allocates v->irqc from the VM's pool in power-on state (vCPU 0 is the BSP, the others wait for SIPI). E_NOMEM. */
err_t lapic_create(struct vcpu *v) MUST_CHECK;
void lapic_destroy(struct vcpu *v); /* accepts one that was never created */
void lapic_reset(struct vcpu *v);   /* power-on state; vCPU parked */

/* ---- the guest's accesses, own CPU [own] ---- */
/* Is gpa in this vCPU's enabled xAPIC page? Then the access is made and true returned; false: not ours. *value in or out.
 * Accesses that are not aligned 32-bit ones read as 0 and write nothing (SDM 3A 11.4.1). */
bool lapic_mmio(struct vcpu *v, struct gpa a, unsigned size, bool write, uint64_t *value);
/* MSR_APIC_BASE, MSR_TSC_DEADLINE, MSR_X2APIC_*. E_GUEST: #GP. */
err_t lapic_msr_read(struct vcpu *v, uint32_t index, uint64_t *value) MUST_CHECK;
err_t lapic_msr_write(struct vcpu *v, uint32_t index, uint64_t value) MUST_CHECK;
/* Has a write of this register (its number in SDM 3A table 11-1, offset / 16) changed nothing that entries look at? An EOI with nothing waiting
 * for it. */
bool lapic_write_is_quick(struct vcpu *v, unsigned reg);
uint64_t lapic_base_msr(const struct vcpu *v);
/* CPUID.1:EDX.APIC shows the global enable bit. */
bool lapic_enabled(const struct vcpu *v);
/* TPR as CR8 sees it (0..15). A lowered TPR may make lapic_pending return something. */
uint8_t lapic_cr8(const struct vcpu *v);
void lapic_set_cr8(struct vcpu *v, uint8_t cr8);

/* ---- for arch_vcpu_prepare, own CPU ---- */
/* Highest pending vector that the processor priority lets through, or -1. It stays pending until lapic_ack. */
int lapic_pending(struct vcpu *v);
/* Highest pending vector whatever the priority, or -1: when it differs from lapic_pending, a lowered CR8 must be noticed. */
int lapic_highest_irr(struct vcpu *v);
/* The CPU took it: IRR -> ISR. */
void lapic_ack(struct vcpu *v, uint8_t vector);
/* The reverse, for an interrupt that was taken from the LAPIC but never reached the guest: ISR -> IRR. */
void lapic_unack(struct vcpu *v, uint8_t vector);
/* INIT, SIPI or NMI has come, or the vCPU waits for a SIPI: without that the next four have nothing to tell. */
bool lapic_signalled(const struct vcpu *v);
bool lapic_take_nmi(struct vcpu *v);
/* INIT has come (never true on the BSP, whose INIT is a VM reset): LAPIC is in INIT state and waits for SIPI; the caller
 * puts the registers into theirs. */
bool lapic_take_init(struct vcpu *v);
/* A SIPI has come while waiting for it: start at vector << 12 in real mode. */
bool lapic_take_sipi(struct vcpu *v, uint8_t *vector);
bool lapic_waits_for_sipi(const struct vcpu *v);
/* Anything for prepare to do: a deliverable vector, NMI, INIT or SIPI. */
bool lapic_has_work(struct vcpu *v);
/* Host time of the timer's next interrupt, UINT64_MAX none. Depends on v->counter_offset for TSC-deadline mode. */
uint64_t lapic_timer_deadline_ns(struct vcpu *v);
/* Raises the timer interrupt when it is due at host time now_ns and re-arms a periodic one. */
void lapic_timer_expire(struct vcpu *v, uint64_t now_ns);
/* v->counter_offset changed by a guest's TSC write: nothing to tell, deadlines are kept in guest TSC. */

/* ---- lapic_page.c: for CPUs that deliver interrupts by themselves, own CPU ---- */
/* The APIC in the form that such hardware works on while the guest runs: a page with the registers where the xAPIC has them (SDM 3C 30.1,
 * APM 2 15.29.3). Outside of a run the struct behind v->irqc is the truth, and IRR in the page is empty. */
struct lapic_run {
	uint8_t requested, in_service; /* highest vectors in IRR and ISR, 0 none */
	uint64_t eoi_exits[4];         /* vectors whose EOI the monitor must hear of */
};
/* Before a run: pending vectors move into the page, the rest is copied. */
void lapic_page_load(struct vcpu *v, void *page, struct lapic_run *out);
/* After it, also after one that failed: the reverse. run: as it was loaded. Ends what was delivered and finished behind the CPU's back. */
void lapic_page_store(struct vcpu *v, void *page, const struct lapic_run *run);
/* The guest ended vector by an EOI that the CPU has carried out: tells the IOAPIC. */
void lapic_eoi_done(struct vcpu *v, uint8_t vector);
/* Enabled, in x2APIC mode and software-enabled: then TPR, EOI and SELF IPI can be left to the CPU. */
bool lapic_x2_live(const struct vcpu *v);
/* vCPU parked: pending vectors are kept in these words from now on (a posted-interrupt descriptor), NULL: in the struct again. */
void lapic_irr_move(struct vcpu *v, void *words);

/* ---- senders: any CPU, vm->lock held or not ---- */
void lapic_post_nmi(struct vcpu *v);
/* Sets a vector's IRR bit (and TMR when level) and kicks. Dropped when the APIC is disabled. */
void lapic_post(struct vcpu *v, uint8_t vector, bool level);
/* A message-signalled interrupt, also IOAPIC entries in that form (SDM 3A 11.11). Hostile values are dropped and
 * counted in counters.spurious_msis. */
void lapic_deliver_msi(struct vm *vm, uint64_t address, uint32_t data);
/* The same for devices: a sink whose ctx is the VM. */
struct msi_sink lapic_msi_sink(struct vm *vm);

/* ---- state that can travel ---- */
#define LAPIC_STATE_VERSION 1
#define LAPIC_LVTS 6 /* timer, thermal, performance, LINT0, LINT1, error */
struct lapic_state {
	uint32_t version;
	uint32_t tpr, ldr, dfr, svr, esr_latched, esr_pending; /* ldr, dfr: xAPIC form; x2APIC derives its LDR */
	uint32_t icr_low, icr_high;
	uint32_t lvt[LAPIC_LVTS];
	uint32_t timer_divide, timer_initial;
	uint32_t isr[8], irr[8], tmr[8];
	uint32_t signals;                /* NMI, INIT, SIPI pending, see lapic.c */
	uint32_t wait_sipi, reserved;
	uint64_t base_msr;
	uint64_t timer_start_ns;         /* guest time when the count was written or last wrapped */
	uint64_t timer_deadline_ns;      /* guest time, UINT64_MAX not armed; one-shot and periodic */
	uint64_t tsc_deadline;           /* guest TSC, 0 not armed */
};
/* vCPU parked. */
void lapic_save(const struct vcpu *v, struct lapic_state *out);
err_t lapic_load(struct vcpu *v, const struct lapic_state *in) MUST_CHECK; /* E_CORRUPT: unchanged */

#endif
