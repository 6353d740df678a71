/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's machine, one implementation per architecture (vmm/x86_64/pc.c): what vmm/vm calls and knows nothing more about. */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H
#include <core/err.h>
#include <vmm/hv.h>
#include <vmm/vm.h>

/* Guest RAM slots, interrupt controllers, devices, buses. On error frees what it made. why: VM_REASON_MAX bytes. */
err_t machine_create(struct vm *vm, char *why) MUST_CHECK;
void machine_destroy(struct vm *vm);              /* accepts half-built */
/* Devices and interrupt controllers to power-on state. No vCPU runs. */
void machine_reset(struct vm *vm);
/* Loads kernel, initrd, command line, tables into memory and sets up vCPU 0's registers; others wait for start-up. */
err_t machine_load(struct vm *vm, char *why) MUST_CHECK;
void machine_power_button(struct vm *vm);
size_t machine_console_input(struct vm *vm, const void *buf, size_t n);
void machine_console_resize(struct vm *vm, unsigned cols, unsigned rows);

/* Called by hv_init with the backend that was chosen, before the first guest. */
void arch_hv_init(const struct hv_ops *ops);

/* Per-vCPU architecture state (LAPIC, MSRs); vmm/x86_64/vcpu.c. init is called before hv_ops->vcpu_init, fini after vcpu_fini and
 * accepts half-built. reset also restores the backend's register state. */
err_t arch_vcpu_init(struct vcpu *v) MUST_CHECK;
void arch_vcpu_fini(struct vcpu *v);
void arch_vcpu_reset(struct vcpu *v);
/* Just before entry, own CPU: delivers pending interrupts through hv_ops->vcpu_inject, updates paravirtual time, expires the guest's timer if it
 * was due at now_ns (hal_clock_ns, a moment ago); clears v->idle when the guest wakes. The run loop arms the host's one-shot. Returns false when the
 * vCPU must not run (waiting for SIPI or idle with nothing pending); *wake_ns is then when to look again (UINT64_MAX none). */
bool arch_vcpu_prepare(struct vcpu *v, uint64_t now_ns, uint64_t *wake_ns);
/* Next guest timer event, for the host one-shot; UINT64_MAX none. */
uint64_t arch_vcpu_next_timer(struct vcpu *v);
/* Architecture part of an exit (CPUID, MSR, decode STAGE2 -> MMIO ...). Returns true when *e is done; false leaves a portable
 * exit (MMIO, PIO, IDLE, PAUSE, SHUTDOWN ...) in *e for vmm/vm/exit.c. */
bool arch_vcpu_exit(struct vcpu *v, struct hv_exit *e);

/* Where the guest is, for a crash reason: "rip=0x...". NUL-terminated within n bytes. vCPU not running. */
void arch_vcpu_where(struct vcpu *v, char *buf, size_t n);

#endif
