/* SPDX-License-Identifier: Apache-2.0 */
/* A vCPU on the VMX backend with a played CPU under it: what an exit shows, and what the VMCS held at the entry. For tests/unit/test_vmx_*. */
#ifndef TESTS_UNIT_VMX_BENCH_H
#define TESTS_UNIT_VMX_BENCH_H
#include "tap.h"
#include "vmx_msrs.h"
#include <core/arith.h>
#include <core/hal.h>
#include <fake/fake.h>
#include <fake/fake_cpu.h>
#include <vmm/stage2.h>
#include "../../vmm/x86_64/x86.h"

static struct vm vm;
static struct vcpu vcpu;
static struct x86_vcpu arch;

#define EXC (GUEST_EVENT_VALID | GUEST_EVENT_EXC << 8)
#define NMI_EVENT GUEST_EVENT_NMI_NOW

static struct { uint32_t reason, event, event_error, idt_event, idt_error, insn_len; uint64_t qualification, physical; bool fails; } play;
/* As they were at the entry. */
static struct { uint64_t event, error, proc, threshold, interruptibility, cr0, cr4, entry, efer, cr2, rip, timer, status, msr_bitmap, tpr, ppr; } seen;

static bool played(uint64_t *gpr, uint64_t *cr2)
{
	(void)gpr;
	seen.event = vmcs_read(VMCS_ENTRY_EVENT);
	seen.error = vmcs_read(VMCS_ENTRY_ERROR_CODE);
	seen.proc = vmcs_read(VMCS_PROC_CONTROLS);
	seen.threshold = vmcs_read(VMCS_TPR_THRESHOLD);
	seen.interruptibility = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);
	seen.cr0 = vmcs_read(VMCS_GUEST_CR0);
	seen.cr4 = vmcs_read(VMCS_GUEST_CR4);
	seen.entry = vmcs_read(VMCS_ENTRY_CONTROLS);
	seen.efer = vmcs_read(VMCS_GUEST_EFER);
	seen.rip = vmcs_read(VMCS_GUEST_RIP);
	seen.timer = vmcs_read(VMCS_GUEST_TIMER);
	seen.status = vmcs_read(VMCS_GUEST_INTERRUPT_STATUS);
	seen.msr_bitmap = vmcs_read(VMCS_MSR_BITMAP);
	seen.tpr = ((const uint32_t *)hal_direct(HPA(vmcs_read(VMCS_VAPIC))))[0x80 / 4];
	seen.ppr = ((const uint32_t *)hal_direct(HPA(vmcs_read(VMCS_VAPIC))))[0xa0 / 4];
	seen.cr2 = *cr2;
	if (play.fails) {
		fake_vmx_put(VMCS_INSN_ERROR, 7);
		return false;
	}
	fake_vmx_put(VMCS_EXIT_REASON, play.reason);
	fake_vmx_put(VMCS_QUALIFICATION, play.qualification);
	fake_vmx_put(VMCS_GUEST_PHYSICAL, play.physical);
	fake_vmx_put(VMCS_EXIT_EVENT, play.event);
	fake_vmx_put(VMCS_EXIT_EVENT_ERROR, play.event_error);
	fake_vmx_put(VMCS_IDT_EVENT, play.idt_event);
	fake_vmx_put(VMCS_IDT_EVENT_ERROR, play.idt_error);
	fake_vmx_put(VMCS_EXIT_INSN_LEN, play.insn_len);
	return true;
}

static struct hv_exit run(uint32_t reason)
{
	struct hv_exit e;

	play.reason = reason;
	hv_vmx.vcpu_run(&vcpu, &e);
	return e;
}

/* On a CPU with these capabilities. NULL: something did not work. */
static struct vmx_vcpu *start(const struct vmx_msrs *msrs)
{
	char reason[HV_REASON_MAX];
	struct arch_regs r;

	fake_vmx.run = played;
	host_features = (struct host_features){ .fp_size = 576 };
	pool_init(&vm.pool, "vm", &pool_root, UINT64_MAX);
	vm.nvcpus = 1;
	vm.vcpus = &vcpu;
	spin_init(&vm.lock);
	vcpu.vm = &vm;
	vcpu.arch = &arch;
	if (vmx_caps_decide(msrs, &vmx_caps, reason) != OK || vmx_maps_init() != OK || lapic_create(&vcpu) != OK)
		return NULL;
	fake_cpu.cr0 = 0x80010033;
	fake_cpu.cr4 = 0x40620;
	cpu_wrmsr(MSR_VMX_BASIC, msrs->basic);
	cpu_wrmsr(MSR_XSS, 0x100);
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		fake_cpu_set(cpu);
		if (hv_vmx.cpu_enable() != OK)
			return NULL;
	}
	fake_cpu_set(0);
	if (gmem_create(&vm.pool, &stage2_ept, 0, &vm.mem) != OK || gmem_add_ram(vm.mem, GPA(0), MIB) != OK)
		return NULL;
	if (hv_vmx.vm_init(&vm) != OK || hv_vmx.vcpu_init(&vcpu) != OK)
		return NULL;
	regs_flat32(&r);
	r.rip = 0x1000;
	r.rflags = X86_RFLAGS_FIXED | X86_RFLAGS_IF;
	hv_vmx.vcpu_set_regs(&vcpu, &r);
	return vmx_of(&vcpu);
}

static void stop(void)
{
	hv_vmx.vcpu_park(&vcpu);
	hv_vmx.vcpu_fini(&vcpu);
	lapic_destroy(&vcpu);
	hv_vmx.vm_fini(&vm);
	gmem_destroy(vm.mem);
	ok_eq(vm.pool.used_pages, 0, "all memory came back");
}

#endif
