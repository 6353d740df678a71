/* SPDX-License-Identifier: Apache-2.0 */
/* Whole runs of the VMX backend with a played CPU: events on their way in and back, completion, debug exceptions, machine checks, control
 * registers, which translations are forgotten, registers. Host only. */
#include "distinct_regs.h"
#include "vmx_bench.h"

static void test_enabled(void)
{
	ok_eq(cpu_rdmsr(MSR_FEATURE_CONTROL), 5, "VMX is enabled and locked");
	ok(cpu_cr4() & X86_CR4_VMXE, "CR4.VMXE");
	ok(cpu_cr0() & X86_CR0_NE, "CR0.NE, which VMX fixes");
	ok_eq(cpu_rdmsr(MSR_XSS), 0, "what the firmware left in IA32_XSS is gone");
}

static void test_interrupts(struct vmx_vcpu *s)
{
	const struct hv_event irq = { .kind = HV_EVENT_INTERRUPT, .vector = 0x51 };
	struct hv_exit e;

	ok(hv_vmx.vcpu_inject(&vcpu, &irq) == OK && hv_vmx.vcpu_inject(&vcpu, &irq) == E_AGAIN, "one interrupt is queued");
	e = run(VMX_EXIT_INTERRUPT);
	ok_eq(seen.event, GUEST_EVENT_VALID | 0x51, "it goes with the entry");
	ok(e.kind == HV_EXIT_HOST && e.undelivered == 0, "and was taken");
	run(VMX_EXIT_INTERRUPT);
	ok(!(seen.event & GUEST_EVENT_VALID), "it is not there a second time");
	play.idt_event = (uint32_t)GUEST_EVENT_VALID | 0x51;
	ok(hv_vmx.vcpu_inject(&vcpu, &irq) == OK, "another");
	e = run(VMX_EXIT_EPT_VIOLATION);
	play.idt_event = 0;
	ok_eq(e.undelivered, 0x51, "comes back when its delivery was interrupted");

	s->regs.rflags &= ~X86_RFLAGS_IF;
	vmcs_write(VMCS_GUEST_RFLAGS, s->regs.rflags);
	ok(hv_vmx.vcpu_inject(&vcpu, &irq) == OK, "with IF clear it is queued as well");
	e = run(VMX_EXIT_INTERRUPT);
	ok(!(seen.event & GUEST_EVENT_VALID) && (seen.proc & VMX_PROC_INTERRUPT_WINDOW), "but asks for a window");
	ok_eq(e.undelivered, 0x51, "and comes back");
	e = run(VMX_EXIT_IRQ_WINDOW);
	ok(!(seen.proc & VMX_PROC_INTERRUPT_WINDOW) && e.kind == HV_EXIT_IRQ_WINDOW, "the window closes");
	s->regs.rflags |= X86_RFLAGS_IF;
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, VMX_BLOCKED_BY_STI);
	ok(hv_vmx.vcpu_inject(&vcpu, &irq) == OK, "in a shadow");
	run(VMX_EXIT_INTERRUPT);
	ok(!(seen.event & GUEST_EVENT_VALID) && (seen.proc & VMX_PROC_INTERRUPT_WINDOW), "it waits, too");
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
}

static void test_nmi(struct vmx_vcpu *s)
{
	const struct hv_event nmi = { .kind = HV_EVENT_NMI, .vector = 2 };

	(void)s;
	ok(hv_vmx.vcpu_inject(&vcpu, &nmi) == OK, "an NMI");
	run(VMX_EXIT_INTERRUPT);
	ok_eq(seen.event, NMI_EVENT, "goes with the entry");
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, VMX_BLOCKED_BY_NMI); /* as the CPU does */
	ok(hv_vmx.vcpu_inject(&vcpu, &nmi) == OK, "a second one is latched");
	run(VMX_EXIT_INTERRUPT);
	ok(!(seen.event & GUEST_EVENT_VALID) && (seen.proc & VMX_PROC_NMI_WINDOW), "until the first has returned");
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
	run(VMX_EXIT_NMI_WINDOW);
	ok(seen.event == NMI_EVENT && !(seen.proc & VMX_PROC_NMI_WINDOW), "then it comes");
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, VMX_BLOCKED_BY_NMI);
	play.idt_event = (uint32_t)NMI_EVENT;
	run(VMX_EXIT_EPT_VIOLATION);
	play.idt_event = 0;
	run(VMX_EXIT_INTERRUPT);
	ok(seen.event == NMI_EVENT && !(seen.interruptibility & VMX_BLOCKED_BY_NMI), "its delivery is repeated, with NMIs open for it");
	play.event = (uint32_t)NMI_EVENT;
	run(VMX_EXIT_EXCEPTION);
	play.event = 0;
	ok_eq(fake_vmx.nmis, 1, "the host's NMI reaches its handler");
	hv_vmx.arch->latch_reset(&vcpu, false);
}

static void test_complete(struct vmx_vcpu *s)
{
	struct hv_exit e;

	s->regs.rip = 0x2000;
	s->regs.gpr[REG_RBX] = ~0ull;
	play.insn_len = 3;
	e = run(VMX_EXIT_CPUID);
	e.cpuid.eax = 1, e.cpuid.ebx = 2, e.cpuid.ecx = 3, e.cpuid.edx = 4;
	hv_vmx.vcpu_complete(&vcpu, &e);
	ok(s->regs.gpr[REG_RAX] == 1 && s->regs.gpr[REG_RBX] == 2 && s->regs.gpr[REG_RCX] == 3 && s->regs.gpr[REG_RDX] == 4, "CPUID's registers");
	ok_eq(s->regs.rip, 0x2003, "over the instruction");
	hv_vmx.vcpu_complete(&vcpu, &e);
	ok_eq(s->regs.rip, 0x2003, "an exit completes once");
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, VMX_BLOCKED_BY_STI);
	play.insn_len = 2;
	e = run(VMX_EXIT_PAUSE);
	hv_vmx.vcpu_complete(&vcpu, &e);
	ok(s->regs.rip == 0x2005 && vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) == 0, "a step ends a shadow");
	e = run(VMX_EXIT_RDMSR);
	e.msr.fault = true;
	hv_vmx.vcpu_complete(&vcpu, &e);
	ok_eq(s->regs.rip, 0x2005, "a refused RDMSR does not step");
	run(VMX_EXIT_INTERRUPT);
	ok(seen.event == (EXC | GUEST_EVENT_ERROR | 13) && seen.error == 0, "but faults");
	e = run(VMX_EXIT_VMXON);
	hv_vmx.vcpu_complete(&vcpu, &e);
	run(VMX_EXIT_INTERRUPT);
	ok_eq(seen.event, EXC | 6, "VMX instructions are #UD");
	s->regs.rflags |= X86_RFLAGS_TF;
	e = run(VMX_EXIT_PAUSE);
	hv_vmx.vcpu_complete(&vcpu, &e);
	run(VMX_EXIT_INTERRUPT);
	ok(seen.event == (EXC | 1) && (s->regs.dr6 & (1ull << 14)), "a single step traps after an emulated instruction");
	s->regs.rflags &= ~X86_RFLAGS_TF;
	s->regs.rip = 0xffffffff;
	play.insn_len = 2;
	e = run(VMX_EXIT_PAUSE);
	hv_vmx.vcpu_complete(&vcpu, &e);
	ok_eq(s->regs.rip, 1, "RIP wraps at 32 bits outside of 64-bit mode");
}

static void test_reflect(struct vmx_vcpu *s)
{
	struct hv_exit e;

	play.event = (uint32_t)EXC | 1;
	play.qualification = 1;
	s->regs.dr6 = 0xffff0ff0;
	run(VMX_EXIT_EXCEPTION);
	play.event = 0;
	play.qualification = 0;
	run(VMX_EXIT_INTERRUPT);
	ok(seen.event == (EXC | 1) && s->regs.dr6 == 0xffff0ff1, "#DB with its cause in DR6");
	play.event = (uint32_t)EXC | 1;
	play.qualification = 1u << 14 | 2;
	run(VMX_EXIT_EXCEPTION);
	play.event = 0;
	play.qualification = 0;
	run(VMX_EXIT_INTERRUPT);
	ok_eq(s->regs.dr6, 0xffff4ff2, "the next one replaces which breakpoints, and gathers the rest");
	play.event = (uint32_t)GUEST_EVENT_VALID | 5 << 8 | 1;
	play.insn_len = 1;
	run(VMX_EXIT_EXCEPTION);
	play.event = 0;
	run(VMX_EXIT_INTERRUPT);
	ok(seen.event == (GUEST_EVENT_VALID | 5 << 8 | 1) && vmcs_read(VMCS_ENTRY_INSN_LEN) == 1, "INT1 goes back as what it was");
	play.idt_event = (uint32_t)EXC | 0x800 | 8;
	run(VMX_EXIT_EPT_VIOLATION);
	play.idt_event = 0;
	vmx_inject_exception(s, 13, true, 0);
	e = run(VMX_EXIT_INTERRUPT);
	ok_eq(e.kind, HV_EXIT_SHUTDOWN, "a fault in the delivery of #DF ends the guest");
	hv_vmx.vcpu_leave(&vcpu);
	hv_vmx.arch->latch_reset(&vcpu, true);
	ok_eq(run(VMX_EXIT_INTERRUPT).kind, HV_EXIT_HOST, "until it is reset");
}

/* A debug exception in a shadow, with RFLAGS.TF: what a program in the guest can do at any time (STI or POP SS, then a trap). */
static void debug_in_shadow(struct vmx_vcpu *s, uint64_t shadow, uint32_t event, const char *name)
{
	struct hv_exit e;

	s->regs.rflags |= X86_RFLAGS_TF;
	run(VMX_EXIT_INTERRUPT);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, shadow); /* as that exit saves it, its trap having been taken from the pending ones */
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, VMX_PENDING_STEP);
	play.event = event;
	play.insn_len = 1;
	run(VMX_EXIT_EXCEPTION);
	play.event = 0;
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
	e = run(VMX_EXIT_INTERRUPT);
	ok(e.kind == HV_EXIT_HOST && seen.event == event && seen.interruptibility == 0, "%s is delivered, and the shadow is over", name);
	s->regs.rflags &= ~X86_RFLAGS_TF;
	run(VMX_EXIT_INTERRUPT);
}

static void test_shadows(struct vmx_vcpu *s)
{
	const uint32_t int1 = (uint32_t)(GUEST_EVENT_VALID | GUEST_EVENT_INT1 << 8 | 1);

	debug_in_shadow(s, VMX_BLOCKED_BY_STI, (uint32_t)EXC | 1, "#DB after STI");
	debug_in_shadow(s, VMX_BLOCKED_BY_SS, (uint32_t)EXC | 1, "#DB after MOV SS");
	debug_in_shadow(s, VMX_BLOCKED_BY_SS, int1, "INT1 after MOV SS");
}

static void test_machine_checks(void)
{
	play.event = (uint32_t)EXC | 18;
	run(VMX_EXIT_EXCEPTION);
	play.event = 0;
	ok_eq(fake_cpu.machine_checks, 1, "a machine check in the guest reaches the host's handler");
	fake_vmx.refuse = VMX_EXIT_ENTRY_MCE;
	run(0);
	fake_vmx.refuse = 0;
	ok_eq(fake_cpu.machine_checks, 2, "one during entry, too");
}

/* An entry that fails after its instruction has succeeded. */
static void test_failed_entry(struct vmx_vcpu *s)
{
	const struct hv_event irq = { .kind = HV_EVENT_INTERRUPT, .vector = 0x51 };
	struct hv_exit e;
	unsigned launches;

	hv_vmx.vcpu_park(&vcpu);
	launches = fake_vmx.launches;
	play.idt_event = (uint32_t)EXC | 13;
	s->regs.rflags |= X86_RFLAGS_IF;
	fake_vmx.refuse = VMX_EXIT_GUEST_STATE;
	vmx_inject_exception(s, 6, false, 0);
	ok(hv_vmx.vcpu_inject(&vcpu, &irq) == OK, "an interrupt, and");
	e = run(0);
	ok(e.kind == HV_EXIT_INVALID && e.undelivered == 0x51, "an entry that fails gives it back");
	ok(!s->launched && s->event == (EXC | 6), "has launched nothing, and delivered nothing");
	fake_vmx.refuse = 0;
	play.idt_event = 0;
	e = run(VMX_EXIT_INTERRUPT);
	ok(e.kind == HV_EXIT_HOST && seen.event == (EXC | 6) && fake_vmx.launches == launches + 2, "the next one is VMLAUNCH again");
}

static void test_host_limits(void)
{
	unsigned loads = fake_cpu.table_loads;

	run(VMX_EXIT_PAUSE);
	ok_eq(fake_cpu.table_loads, loads, "exits that the monitor handles leave the descriptor tables' limits");
	run(VMX_EXIT_INTERRUPT);
	ok_eq(fake_cpu.table_loads, loads + 1, "they are put right before the CPU goes to others");
	hv_vmx.vcpu_park(&vcpu);
	ok_eq(fake_cpu.table_loads, loads + 2, "and when the vCPU leaves");
	run(VMX_EXIT_INTERRUPT);
}

static void write_cr(struct vmx_vcpu *s, unsigned number, uint64_t value)
{
	s->regs.gpr[REG_RBX] = value;
	play.qualification = number | REG_RBX << 8;
	play.insn_len = 3;
	s->regs.rip = 0x2000;
	run(VMX_EXIT_CR);
	play.qualification = 0;
}

static void test_control_registers(struct vmx_vcpu *s)
{
	const struct hv_arch_ops *a = hv_vmx.arch;

	a->reg_set(&vcpu, X86_CR0, X86_CR0_PE | X86_CR0_ET | X86_CR0_CD);
	ok(a->reg_get(&vcpu, X86_CR0) == (X86_CR0_PE | X86_CR0_ET | X86_CR0_CD), "the guest reads its own CR0");
	run(VMX_EXIT_INTERRUPT);
	ok((seen.cr0 & X86_CR0_NE) && !(seen.cr0 & X86_CR0_CD), "NE is set and caches stay on behind its back");
	a->reg_set(&vcpu, X86_CR4, X86_CR4_PAE);
	run(VMX_EXIT_INTERRUPT);
	ok(a->reg_get(&vcpu, X86_CR4) == X86_CR4_PAE && (seen.cr4 & X86_CR4_VMXE) && (seen.cr4 & X86_CR4_MCE), "CR4 likewise");
	a->reg_set(&vcpu, X86_EFER, X86_EFER_LME);
	write_cr(s, 0, X86_CR0_PG | X86_CR0_PE | X86_CR0_NE);
	ok(s->regs.rip == 0x2003 && (a->reg_get(&vcpu, X86_EFER) & X86_EFER_LMA), "CR0.PG with EFER.LME is long mode");
	run(VMX_EXIT_INTERRUPT);
	ok((seen.entry & VMX_ENTRY_GUEST_64) && (seen.efer & X86_EFER_LMA), "and the entry control follows");
	write_cr(s, 4, 0);
	ok(s->regs.rip == 0x2000, "PAE cannot go in long mode");
	run(VMX_EXIT_INTERRUPT);
	ok_eq(seen.event, EXC | GUEST_EVENT_ERROR | 13, "#GP");
	write_cr(s, 4, X86_CR4_PAE | X86_CR4_VMXE);
	run(VMX_EXIT_INTERRUPT);
	ok_eq(seen.event, EXC | GUEST_EVENT_ERROR | 13, "VMXE is reserved to the guest");
	write_cr(s, 0, X86_CR0_PE);
	ok(s->regs.rip == 0x2003 && !(a->reg_get(&vcpu, X86_EFER) & X86_EFER_LMA), "and back");
	write_cr(s, 0, X86_CR0_PG);
	run(VMX_EXIT_INTERRUPT);
	ok_eq(seen.event, EXC | GUEST_EVENT_ERROR | 13, "PG without PE is #GP");
	a->reg_set(&vcpu, X86_CR0, X86_CR0_PE | X86_CR0_ET);
}

static void test_pdptes(void)
{
	const struct hv_arch_ops *a = hv_vmx.arch;
	const uint64_t e[4] = { 0x5001, 0, 0x6001, 0x7001 }, bad[4] = { 0x5003 };

	a->reg_set(&vcpu, X86_EFER, 0);
	a->reg_set(&vcpu, X86_CR4, X86_CR4_PAE);
	a->reg_set(&vcpu, X86_CR3, 0x3020);
	a->reg_set(&vcpu, X86_CR0, X86_CR0_PE | X86_CR0_PG);
	ok(gmem_write(vm.mem, GPA(0x3020), e, sizeof e) == OK && vmx_pdptes_load(&vcpu), "PAE: four directory entries");
	ok(vmcs_read(VMCS_GUEST_PDPTE0) == 0x5001 && vmcs_read(VMCS_GUEST_PDPTE0 + 6) == 0x7001, "are loaded");
	ok(gmem_write(vm.mem, GPA(0x3020), bad, sizeof bad) == OK && !vmx_pdptes_load(&vcpu), "reserved bits are refused");
	a->reg_set(&vcpu, X86_CR3, 0x3000000);
	ok(!vmx_pdptes_load(&vcpu), "and what is not RAM");
	a->reg_set(&vcpu, X86_CR0, X86_CR0_PE | X86_CR0_ET);
}

static void test_cr8(struct vmx_vcpu *s)
{
	hv_vmx.arch->reg_set(&vcpu, X86_CR8, 5);
	hv_vmx.arch->reg_set(&vcpu, X86_CR8_WATCH, 1);
	run(VMX_EXIT_TPR);
	ok(seen.threshold == 5 && *(uint32_t *)((char *)hal_direct(s->vapic) + 0x80) == 0x50, "a watched priority is the threshold");
	hv_vmx.arch->reg_set(&vcpu, X86_CR8_WATCH, 0);
	run(VMX_EXIT_INTERRUPT);
	ok_eq(seen.threshold, 0, "and no longer");
	vmx_caps.proc &= ~VMX_PROC_TPR_SHADOW;
	write_cr(s, 8, 9);
	ok(hv_vmx.arch->reg_get(&vcpu, X86_CR8) == 9 && s->regs.rip == 0x2003, "CR8 without TPR shadow");
	write_cr(s, 8, 16);
	run(VMX_EXIT_INTERRUPT);
	ok_eq(seen.event, EXC | GUEST_EVENT_ERROR | 13, "a reserved bit is #GP");
	vmx_caps.proc |= VMX_PROC_TPR_SHADOW;
}

static void test_timer(void)
{
	const uint64_t now = hal_clock_ns();
	unsigned rate = vmx_caps.timer_rate;

	ok_eq(vmx_timer_count(1000, 1000, 0), 0, "a deadline that has come: out at once");
	ok_eq(vmx_timer_count(999, 1000, 5), 0, "and one that is over");
	ok_eq(vmx_timer_count(1001, 1000, 0), 2, "a tick is two counts, of which the first is a part");
	ok_eq(vmx_timer_count(1000 + 31, 1000, 5), 1, "less than a count");
	ok_eq(vmx_timer_count(1000 + 3200, 1000, 5), 101, "a hundred of them");
	ok_eq(vmx_timer_count(0x200000000, 0, 0), UINT32_MAX, "what does not fit is early");
	ok_eq(vmx_timer_count(UINT64_MAX, 0, 31), UINT32_MAX, "even at the slowest rate");
	ok_eq(vmx_timer_count(0x1ffffffffull, 0, 1), UINT32_MAX, "just too much");
	ok_eq(vmx_timer_count(0x1fffffffdull, 0, 1), UINT32_MAX, "just fits");

	ok(hv_vmx.vcpu_deadline(&vcpu, now + 1000), "a deadline");
	run(VMX_EXIT_TIMER);
	ok_eq(seen.timer, 2001, "in counts, at two a nanosecond");
	fake_clock_advance(400);
	ok(hv_vmx.vcpu_deadline(&vcpu, now + 1000), "the same again");
	run(VMX_EXIT_TIMER);
	ok_eq(seen.timer, 1201, "has come nearer");
	vmx_caps.timer_rate = 4;
	run(VMX_EXIT_TIMER);
	ok_eq(seen.timer, 76, "at a sixteenth of the rate");
	vmx_caps.timer_rate = (uint8_t)rate;
	fake_clock_advance(600);
	run(VMX_EXIT_TIMER);
	ok_eq(seen.timer, 0, "until it is there");
	ok(hv_vmx.vcpu_deadline(&vcpu, UINT64_MAX), "none");
	run(VMX_EXIT_INTERRUPT);
	ok_eq(seen.timer, UINT32_MAX, "is as late as can be");
	vmcs_write(VMCS_GUEST_TIMER, 7);
	run(VMX_EXIT_INTERRUPT);
	ok_eq(seen.timer, 7, "and is written once");
	vmx_caps.pin &= ~VMX_PIN_TIMER;
	ok(!hv_vmx.vcpu_deadline(&vcpu, now), "without the timer it is the host's");
	vmx_caps.pin |= VMX_PIN_TIMER;
}

static void test_translations(struct vmx_vcpu *s)
{
	unsigned ept = fake_vmx.invepts, linear = fake_vmx.invvpids;
	uint16_t vpid = s->vpid;

	run(VMX_EXIT_INTERRUPT);
	run(VMX_EXIT_INTERRUPT);
	ok(fake_vmx.invepts == ept && fake_vmx.invvpids == linear && vpid, "entries flush nothing");
	hv_vmx.tlb_flush(&vm, GPA(0), 0);
	run(VMX_EXIT_INTERRUPT);
	run(VMX_EXIT_INTERRUPT);
	ok(fake_vmx.invepts == ept + 1 && fake_vmx.invept_type == VMX_INV_ONE && fake_vmx.invept_eptp == vmx_eptp(&vm), "one INVEPT for a change");
	hv_vmx.arch->reg_set(&vcpu, X86_CR3, 0x4000);
	run(VMX_EXIT_INTERRUPT);
	ok(fake_vmx.invvpids == linear + 1 && fake_vmx.invvpid_type == VMX_INV_ONE && fake_vmx.invvpid_vpid == vpid, "one INVVPID for a new CR3");
	hv_vmx.vcpu_park(&vcpu);
	ok(!s->live, "parked");
	fake_cpu_set(1);
	run(VMX_EXIT_INTERRUPT);
	ok(s->live && fake_vmx.invepts == ept + 2, "the other CPU forgets what it may know of these tables");
	vmx_cpus[1].next_vpid = 0x10000;
	hv_vmx.vcpu_park(&vcpu);
	run(VMX_EXIT_INTERRUPT);
	ok(s->vpid == 1 && vmx_cpus[1].vpid_generation == 2 && fake_vmx.invvpid_type == VMX_INV_ALL, "VPIDs start again with a full flush");
	hv_vmx.vcpu_park(&vcpu);
	fake_cpu_set(0);
}

static void test_regs(struct vmx_vcpu *s, bool live)
{
	struct arch_regs in, out;

	distinct_regs(&in);
	in.seg[SEG_GDTR].selector = in.seg[SEG_IDTR].selector = in.seg[SEG_GDTR].attr = in.seg[SEG_IDTR].attr = 0;
	in.seg[SEG_FS].attr = 0x10; /* null, with the DPL that tells the CPL in SS */
	in.dr7 = 0x400;
	if (live)
		run(VMX_EXIT_INTERRUPT);
	hv_vmx.vcpu_set_regs(&vcpu, &in);
	ok_eq(s->live, live, live ? "live" : "parked");
	memset(&out, 0xff, sizeof out);
	hv_vmx.vcpu_get_regs(&vcpu, &out);
	ok(!memcmp(in.gpr, out.gpr, sizeof in.gpr) && in.rip == out.rip && in.rflags == out.rflags, "general registers make the round trip");
	ok(!memcmp(in.seg, out.seg, sizeof in.seg), "segments");
	ok(!memcmp(&in.cr0, &out.cr0, sizeof in - offsetof(struct arch_regs, cr0)), "control, debug and model-specific registers");
	for (unsigned i = 0; i < X86_CR8_WATCH; i++) {
		struct { uint8_t reg; uint64_t value; } want[] = { { X86_CR0, in.cr0 }, { X86_CR3, 3 }, { X86_CR4, 0x20 }, { X86_EFER, 0xd01 },
			{ X86_LSTAR, 21 }, { X86_KERNEL_GS_BASE, 24 }, { X86_PAT, 33 }, { X86_FS_BASE, 4 * 0x1111 }, { X86_CR8, 8 }, { X86_RIP, in.rip } };

		if (i < ARRAY_LEN(want))
			ok_eq(hv_vmx.arch->reg_get(&vcpu, want[i].reg), (int64_t)want[i].value, "one by one");
	}
	if (live)
		hv_vmx.vcpu_park(&vcpu);
	hv_vmx.vcpu_get_regs(&vcpu, &out);
	ok(!memcmp(&in.cr0, &out.cr0, sizeof in - offsetof(struct arch_regs, cr0)), "the same once parked");
}

static void test_refused_entry(void)
{
	struct arch_regs r;
	struct hv_exit e;

	regs_flat32(&r);
	hv_vmx.vcpu_set_regs(&vcpu, &r);
	play.fails = true;
	e = run(0);
	ok(e.kind == HV_EXIT_INVALID && e.invalid.code == 7 && e.invalid.text, "a refused entry is told with its instruction error");
	play.fails = false;
	hv_vmx.vcpu_park(&vcpu);
}

int main(void)
{
	struct vmx_msrs plain = skylake;
	struct vmx_vcpu *s;

	fake_init(32 * MIB, 2);
	hv_current = &hv_vmx;
	cpuid_init(NULL, 1000000000, false, false);
	/* Interrupts one by one through windows, as CPUs without virtual-interrupt delivery need it; test_vmx_apic.c has the others. */
	plain.proc2 &= ~((uint64_t)VMX_PROC2_INTERRUPTS << 32);
	s = start(&plain);
	if (!ok(s, "a vCPU"))
		return tap_done();
	test_enabled();
	run(VMX_EXIT_INTERRUPT);
	test_interrupts(s);
	test_nmi(s);
	test_complete(s);
	test_reflect(s);
	test_shadows(s);
	test_machine_checks();
	test_failed_entry(s);
	test_host_limits();
	test_control_registers(s);
	test_pdptes();
	test_cr8(s);
	test_timer();
	test_translations(s);
	test_regs(s, false);
	test_regs(s, true);
	test_refused_entry();
	stop();
	return tap_done();
}
