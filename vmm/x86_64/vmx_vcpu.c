/* SPDX-License-Identifier: Apache-2.0 */
/* A VMCS becomes live on its vCPU's CPU before the first run there, and is parked when the vCPU leaves (SDM 3C 25.1, 25.11): parked, all
 * state is in memory and any CPU may look at it. Own CPU. */
#include "vmx.h"
#include <core/panic.h>

#define PLE_GAP 128     /* TSC ticks between two PAUSEs that belong to one spin, and ... */
#define PLE_WINDOW 4096 /* ... ticks of a spin before an exit */
#define SPURIOUS_PF 0u
#define DR7_FIXED 0x400ull

static void unload(struct vmx_cpu *c)
{
	if (c->current)
		c->current->loaded = false;
	c->current = NULL;
	vmx_unsettle(c);
}

void vmx_load_other(struct vmx_vcpu *s)
{
	struct vmx_cpu *c = vmx_cpu();

	if (!vmx_load(&s->vmcs.v))
		panic("VMPTRLD failed");
	unload(c);
	c->current = s;
	s->loaded = true;
}

void vmx_set_proc(struct vmx_vcpu *s, uint32_t bits, bool on)
{
	uint32_t now = on ? s->proc | bits : s->proc & ~bits;

	if (now == s->proc)
		return;
	s->proc = now;
	vmcs_write(VMCS_PROC_CONTROLS, now);
}

static void load_controls(struct vcpu *v, struct vmx_vcpu *s)
{
	const bool loops = vmx_has2(VMX_PROC2_PAUSE_LOOP);

	s->proc = vmx_caps.proc;
	if (!loops && v->vm->nvcpus > 1 && vmx_caps.pause)
		s->proc |= VMX_PROC_PAUSE; /* the other vCPU, for which this one waits, may want this CPU */
	vmcs_write(VMCS_PIN_CONTROLS, vmx_caps.pin);
	vmcs_write(VMCS_PROC_CONTROLS, s->proc);
	vmcs_write(VMCS_PROC2_CONTROLS, vmx_caps.proc2);
	vmcs_write(VMCS_EXIT_CONTROLS, vmx_caps.exit);
	vmcs_write(VMCS_ENTRY_CONTROLS, vmx_caps.entry);
	vmcs_write(VMCS_EXCEPTIONS, 1u << 1 | 1u << 17 | 1u << 18); /* #DB and #AC can keep a CPU busy in delivery for ever; #MC is ours */
	vmcs_write(VMCS_PF_MASK, SPURIOUS_PF);
	vmcs_write(VMCS_PF_MATCH, SPURIOUS_PF);
	vmcs_write(VMCS_CR3_TARGETS, 0);
	vmcs_write(VMCS_EXIT_MSR_STORES, 0);
	vmcs_write(VMCS_EXIT_MSR_LOADS, 0);
	vmcs_write(VMCS_ENTRY_MSR_LOADS, 0);
	vmcs_write(VMCS_ENTRY_EVENT, 0);
	vmcs_write(VMCS_TSC_OFFSET, s->tsc_offset);
	vmcs_write(VMCS_IO_BITMAP_A, vmx_maps_io().v);
	vmcs_write(VMCS_IO_BITMAP_B, vmx_maps_io().v);
	vmcs_write(VMCS_MSR_BITMAP, vmx_maps_msr(false).v);
	vmcs_write(VMCS_EPTP, vmx_eptp(v->vm));
	vmcs_write(VMCS_LINK, UINT64_MAX);
	vmcs_write(VMCS_CR0_MASK, VMX_CR0_HOST);
	s->cr4_mask = ~vmx_cr4_legal() | X86_CR4_MCE;
	vmcs_write(VMCS_CR4_MASK, s->cr4_mask);
	if (vmx_has_tpr_shadow()) {
		vmcs_write(VMCS_VAPIC, s->vapic.v);
		vmcs_write(VMCS_TPR_THRESHOLD, 0);
		s->tpr_threshold = 0;
	}
	vmx_apic_controls(s);
	if (loops) {
		vmcs_write(VMCS_PLE_GAP, PLE_GAP);
		vmcs_write(VMCS_PLE_WINDOW, PLE_WINDOW);
	}
	if (vmx_has2(VMX_PROC2_XSAVES))
		vmcs_write(VMCS_XSS_BITMAP, UINT64_MAX);
	if (vmx_has2(VMX_PROC2_ENCLS))
		vmcs_write(VMCS_ENCLS_BITMAP, UINT64_MAX);
}

/* What each exit loads. RSP is written by vmx_enter. */
static void load_host(void)
{
	const struct host_tables h = vmx_cpu()->tables;

	vmcs_write(VMCS_HOST_CR0, cpu_cr0() | X86_CR0_TS); /* guest_fp.h: the guest's are loaded */
	vmcs_write(VMCS_HOST_CR3, cpu_cr3());
	vmcs_write(VMCS_HOST_CR4, cpu_cr4());
	vmcs_write(VMCS_HOST_EFER, cpu_rdmsr(MSR_EFER));
	vmcs_write(VMCS_HOST_PAT, cpu_rdmsr(MSR_PAT));
	vmcs_write(VMCS_HOST_CS_SEL, h.cs);
	vmcs_write(VMCS_HOST_SS_SEL, h.ss);
	vmcs_write(VMCS_HOST_DS_SEL, 0); /* null selectors: in 64-bit mode only FS and GS have a base, and that is loaded */
	vmcs_write(VMCS_HOST_ES_SEL, 0);
	vmcs_write(VMCS_HOST_FS_SEL, 0);
	vmcs_write(VMCS_HOST_GS_SEL, 0);
	vmcs_write(VMCS_HOST_TR_SEL, h.tr);
	vmcs_write(VMCS_HOST_FS_BASE, cpu_rdmsr(MSR_FS_BASE));
	vmcs_write(VMCS_HOST_GS_BASE, cpu_rdmsr(MSR_GS_BASE));
	vmcs_write(VMCS_HOST_TR_BASE, host_cpu_tss(&h));
	vmcs_write(VMCS_HOST_GDTR_BASE, h.gdt.base);
	vmcs_write(VMCS_HOST_IDTR_BASE, h.idt.base);
	vmcs_write(VMCS_HOST_SYSENTER_CS, 0);
	vmcs_write(VMCS_HOST_SYSENTER_ESP, 0);
	vmcs_write(VMCS_HOST_SYSENTER_EIP, 0);
	vmcs_write(VMCS_HOST_RIP, (uint64_t)(uintptr_t)vmx_exit_point);
}

void vmx_host_limits(void)
{
	cpu_load_tables(&vmx_cpu()->tables);
}

void vmx_go_live(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_of(v);

	if (!vmx_clear(&s->vmcs.v))
		panic("VMCLEAR failed");
	s->launched = false;
	s->live = true;
	s->vpid = 0; /* of another CPU */
	s->dr_live = false;
	s->loud = true; /* what was queued while parked */
	s->timed = vmx_has_timer(); /* the field is to be written once */
	s->frame.host_rsp = 0; /* of another CPU */
	vmx_use(s);
	load_controls(v, s);
	load_host();
	vmcs_write(VMCS_GUEST_ACTIVITY, 0);
	vmcs_write(VMCS_GUEST_RSP, s->frame.rsp = s->regs.gpr[REG_RSP]);
	vmcs_write(VMCS_GUEST_RFLAGS, s->frame.rflags = s->regs.rflags);
	vmx_regs_load(s);
	if (s->regs.dr7 & 0xff)
		s->dr_live = true;
	vmx_set_proc(s, VMX_PROC_MOV_DR, !s->dr_live);
}

void vmx_park(struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_of(v);
	struct vmx_cpu *c = vmx_cpu();

	if (!s || !s->live)
		return;
	vmx_use(s);
	vmx_apic_leave(v);
	vmx_regs_store(s);
	if (!vmx_clear(&s->vmcs.v))
		panic("VMCLEAR failed");
	unload(c); /* VMCLEAR of the loaded one leaves none */
	s->live = false;
	vmx_host_limits();
}
