/* SPDX-License-Identifier: Apache-2.0 */
/* The VMX backend without the hardware: exits decoded from register values as SDM 3C 28.2 describes them, event re-injection, the choice
 * of controls from capability MSRs (recorded on Bochs' CPU models), and whole runs with a played CPU. Host only. */
#include "tap.h"
#include <core/arith.h>
#include <core/hal.h>
#include <fake/fake.h>
#include <fake/fake_cpu.h>
#include <fake/fake_vmx.h>
#include "../../vmm/x86_64/complete.h"
#include "../../vmm/x86_64/x86.h"
#include <vmm/stage2.h>

static struct vm vm;
static struct vcpu vcpu;
static struct x86_vcpu arch;

#define EXC (GUEST_EVENT_VALID | GUEST_EVENT_EXC << 8)
#define NMI_EVENT GUEST_EVENT_NMI_NOW

/* ---- exits */

static struct hv_exit decode(struct vmx_exit_in in, struct vmx_decoded *d)
{
	static const uint64_t zero[REG_GPRS];
	struct hv_exit e;

	if (!in.gpr)
		in.gpr = zero;
	vmx_exit_decode(&in, &e, d);
	return e;
}

static void test_operands(void)
{
	uint64_t gpr[REG_GPRS] = { [REG_RAX] = 0x1234567840000000, [REG_RCX] = ~0ull };
	struct vmx_decoded d;
	struct hv_exit e = decode((struct vmx_exit_in){ .reason = VMX_EXIT_CPUID, .gpr = gpr }, &d);

	ok(e.kind == HV_EXIT_CPUID && e.cpuid.leaf == 0x40000000 && e.cpuid.subleaf == 0xffffffff, "CPUID takes the low halves");
	gpr[REG_RAX] = 0xffffff54;
	/* out %al,(%dx) with DX 0x3f8 */
	e = decode((struct vmx_exit_in){ .reason = VMX_EXIT_IO, .qualification = 0x3f80000, .gpr = gpr }, &d);
	ok(e.kind == HV_EXIT_PIO && e.pio.port == 0x3f8 && e.pio.size == 1 && e.pio.write && !e.pio.string && e.pio.value == 0x54, "OUT DX, AL");
	e = decode((struct vmx_exit_in){ .reason = VMX_EXIT_IO, .qualification = 0xcfc000b }, &d);
	ok(e.pio.port == 0xcfc && e.pio.size == 4 && !e.pio.write, "IN EAX, DX");
	e = decode((struct vmx_exit_in){ .reason = VMX_EXIT_IO, .qualification = 0x3f80031 }, &d);
	ok(e.pio.size == 2 && e.pio.string && e.pio.rep && e.pio.write, "REP OUTSW");
	gpr[REG_RCX] = 0xffffffffc0000080, gpr[REG_RAX] = 0xffffffff00000d01, gpr[REG_RDX] = 0x1234500000000;
	e = decode((struct vmx_exit_in){ .reason = VMX_EXIT_WRMSR, .gpr = gpr }, &d);
	ok(e.kind == HV_EXIT_WRMSR && e.msr.index == 0xc0000080 && e.msr.value == 0xd01, "WRMSR takes the low halves");
	e = decode((struct vmx_exit_in){ .reason = VMX_EXIT_RDMSR, .gpr = gpr }, &d);
	ok(e.kind == HV_EXIT_RDMSR && e.msr.index == 0xc0000080, "RDMSR");
	gpr[REG_RCX] = 0, gpr[REG_RAX] = 7, gpr[REG_RDX] = 1;
	e = decode((struct vmx_exit_in){ .reason = VMX_EXIT_XSETBV, .gpr = gpr }, &d);
	ok(e.kind == HV_EXIT_XSETBV && e.xsetbv.index == 0 && e.xsetbv.value == 0x100000007, "XSETBV");
	gpr[REG_RAX] = 5, gpr[REG_RBX] = 1, gpr[REG_RCX] = 2, gpr[REG_RDX] = 3, gpr[REG_RSI] = 4;
	e = decode((struct vmx_exit_in){ .reason = VMX_EXIT_VMCALL, .gpr = gpr }, &d);
	ok(e.kind == HV_EXIT_CALL && e.call.nr == 5 && e.call.args[0] == 1 && e.call.args[3] == 4, "VMCALL");
}

static void test_ept_exits(void)
{
	struct vmx_decoded d;
	/* a write to the LAPIC's page, linear address valid and translated */
	struct hv_exit e = decode((struct vmx_exit_in){ .reason = VMX_EXIT_EPT_VIOLATION, .qualification = 0x182, .physical = 0xfee00080 }, &d);

	ok(e.kind == HV_EXIT_STAGE2 && e.stage2.addr.v == 0xfee00080 && e.stage2.access == GMEM_W && !e.stage2.walk, "EPT violation: write");
	e = decode((struct vmx_exit_in){ .reason = VMX_EXIT_EPT_VIOLATION, .qualification = 0x83, .idt_event = GUEST_EVENT_VALID | 0x20 }, &d);
	ok(e.stage2.walk && e.stage2.access == GMEM_W && e.stage2.delivery, "in a walk (with A/D bits that is a write), during delivery");
	e = decode((struct vmx_exit_in){ .reason = VMX_EXIT_EPT_VIOLATION, .qualification = 0x184 }, &d);
	ok(e.stage2.access == GMEM_X && e.stage2.insn_len == 0, "on a fetch");
	e = decode((struct vmx_exit_in){ .reason = VMX_EXIT_EPT_VIOLATION, .qualification = 1 }, &d);
	ok(e.stage2.access == GMEM_R && !e.stage2.walk, "without a linear address");
	decode((struct vmx_exit_in){ .reason = VMX_EXIT_EPT_VIOLATION, .qualification = 0x1181 }, &d);
	ok(d.nmi_unblocked, "in an IRET that opened NMIs");
	decode((struct vmx_exit_in){ .reason = VMX_EXIT_EPT_VIOLATION, .qualification = 0x1181, .idt_event = GUEST_EVENT_VALID }, &d);
	ok(!d.nmi_unblocked, "not when an event was in delivery: then the bit means nothing");
	e = decode((struct vmx_exit_in){ .reason = VMX_EXIT_EPT_MISCONFIG, .physical = 0x5000 }, &d);
	ok(e.kind == HV_EXIT_INVALID && e.invalid.code == 0x5000 && d.action == VMX_ACT_ENTRY_FAILED, "misconfiguration: the VM ends, with a dump");
}

static void test_exceptions_decoded(void)
{
	struct vmx_decoded d;
	struct hv_exit e = decode((struct vmx_exit_in){ .event = EXC | 1, .qualification = 0x4001 }, &d);

	ok(e.kind == HV_EXIT_SYSREG && d.action == VMX_ACT_REFLECT && d.vector == 1 && !d.has_error && d.debug_bits == 0x4001, "#DB is reflected");
	decode((struct vmx_exit_in){ .event = EXC | GUEST_EVENT_ERROR | 17 }, &d);
	ok(d.action == VMX_ACT_REFLECT && d.vector == 17 && d.has_error, "#AC is reflected with its error code");
	decode((struct vmx_exit_in){ .event = EXC | 18 }, &d);
	ok_eq(d.action, VMX_ACT_MACHINE_CHECK, "#MC is the host's");
	e = decode((struct vmx_exit_in){ .event = NMI_EVENT }, &d);
	ok(e.kind == HV_EXIT_HOST && d.action == VMX_ACT_NMI, "an NMI is the host's");
	e = decode((struct vmx_exit_in){ .reason = VMX_REASON_ENTRY_FAILED | VMX_EXIT_GUEST_STATE, .qualification = 4 }, &d);
	ok(e.kind == HV_EXIT_INVALID && e.invalid.code == 4 && d.action == VMX_ACT_ENTRY_FAILED, "invalid guest state");
	e = decode((struct vmx_exit_in){ .reason = VMX_REASON_ENTRY_FAILED | VMX_EXIT_MSR_LOADING, .qualification = 2 }, &d);
	ok(e.kind == HV_EXIT_INVALID && d.action == VMX_ACT_ENTRY_FAILED, "MSR loading");
	decode((struct vmx_exit_in){ .reason = VMX_REASON_ENTRY_FAILED | VMX_EXIT_ENTRY_MCE }, &d);
	ok_eq(d.action, VMX_ACT_MACHINE_CHECK, "machine check during entry");
	decode((struct vmx_exit_in){ .reason = VMX_EXIT_RDPMC }, &d);
	ok(d.action == VMX_ACT_REFLECT && d.vector == 13 && d.has_error, "RDPMC is #GP");
}

static void test_plain(void)
{
	static const struct { uint8_t reason; uint8_t kind, action; const char *name; } rows[] = {
		{ VMX_EXIT_INTERRUPT, HV_EXIT_HOST, VMX_ACT_EXIT, "external interrupt" },
		{ VMX_EXIT_INIT, HV_EXIT_HOST, VMX_ACT_EXIT, "INIT" }, { VMX_EXIT_SIPI, HV_EXIT_HOST, VMX_ACT_EXIT, "SIPI" },
		{ VMX_EXIT_TRIPLE_FAULT, HV_EXIT_SHUTDOWN, VMX_ACT_EXIT, "triple fault" },
		{ VMX_EXIT_IRQ_WINDOW, HV_EXIT_IRQ_WINDOW, VMX_ACT_EXIT, "interrupt window" },
		{ VMX_EXIT_NMI_WINDOW, HV_EXIT_IRQ_WINDOW, VMX_ACT_EXIT, "NMI window" },
		{ VMX_EXIT_TPR, HV_EXIT_IRQ_WINDOW, VMX_ACT_EXIT, "TPR below threshold" },
		{ VMX_EXIT_HLT, HV_EXIT_IDLE, VMX_ACT_EXIT, "HLT" }, { VMX_EXIT_PAUSE, HV_EXIT_PAUSE, VMX_ACT_EXIT, "PAUSE" },
		{ VMX_EXIT_CR, HV_EXIT_SYSREG, VMX_ACT_CR, "control register" }, { VMX_EXIT_DR, HV_EXIT_SYSREG, VMX_ACT_DR, "debug register" },
		{ VMX_EXIT_INVD, HV_EXIT_SYSREG, VMX_ACT_SKIP, "INVD" }, { VMX_EXIT_WBINVD, HV_EXIT_SYSREG, VMX_ACT_SKIP, "WBINVD" },
		{ VMX_EXIT_TASK_SWITCH, HV_EXIT_INVALID, VMX_ACT_EXIT, "task switch" },
		{ VMX_EXIT_TIMER, HV_EXIT_INVALID, VMX_ACT_EXIT, "the preemption timer, which nobody asked for" },
		{ 200, HV_EXIT_INVALID, VMX_ACT_EXIT, "an unknown reason" },
	};
	static const uint8_t undefined[] = { VMX_EXIT_GETSEC, VMX_EXIT_RSM, 19, 20, 21, 22, 23, 24, 25, 26, VMX_EXIT_VMXON, VMX_EXIT_MWAIT,
		VMX_EXIT_MONITOR, VMX_EXIT_INVEPT, VMX_EXIT_INVVPID, VMX_EXIT_VMFUNC, VMX_EXIT_ENCLS, VMX_EXIT_XSAVES, VMX_EXIT_XRSTORS,
		VMX_EXIT_UMWAIT, VMX_EXIT_TPAUSE };
	struct vmx_decoded d;

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct hv_exit e = decode((struct vmx_exit_in){ .reason = rows[i].reason }, &d);

		ok(e.kind == rows[i].kind && d.action == rows[i].action, "%s", rows[i].name);
	}
	for (unsigned i = 0; i < ARRAY_LEN(undefined); i++)
		ok(decode((struct vmx_exit_in){ .reason = undefined[i] }, &d).kind == HV_EXIT_UNDEFINED, "reason %u is #UD", undefined[i]);
}

static void events(const char *name, uint32_t info, uint32_t error, uint64_t again, uint8_t undelivered)
{
	uint64_t a = 1;
	uint8_t u = 1;

	vmx_exit_events(info, error, &a, &u);
	ok(a == again && u == undelivered, "%s", name);
}

static void test_events(void)
{
	const uint32_t exc = (uint32_t)EXC;

	events("nothing in flight", 0, 7, 0, 0);
	events("interrupt in delivery", (uint32_t)GUEST_EVENT_VALID | 0x41, 0, 0, 0x41);
	events("NMI in delivery", (uint32_t)NMI_EVENT, 0, NMI_EVENT, 0);
	events("#PF with its error code", exc | 0x800 | 14, 6, EXC | GUEST_EVENT_ERROR | 14 | 6ull << 32, 0);
	events("#UD without one", exc | 6, 6, EXC | 6, 0);
	events("INT n runs again", (uint32_t)GUEST_EVENT_VALID | 4 << 8 | 0x80, 0, 0, 0);
	events("INT1 runs again", (uint32_t)GUEST_EVENT_VALID | 5 << 8 | 1, 0, 0, 0);
	events("INT3 runs again", (uint32_t)GUEST_EVENT_VALID | 6 << 8 | 3, 0, 0, 0);
	events("not valid", exc & 0x7fffffff, 0, 0, 0);
}

/* ---- capability MSRs */

/* Recorded on Bochs' models: one that has all that is wanted, one without unrestricted guest, one without EPT. */
static const struct vmx_msrs skylake = {
	.basic = 0xd810000000002b, .pin = 0xff00000016, .proc = 0xfff9fffe04006172, .exit = 0x407fffff00036dfb, .entry = 0xffff000011fb,
	.misc = 0x600401e0, .cr0_fixed0 = 0x80000021, .cr0_fixed1 = 0xffffffff, .cr4_fixed0 = 0x2000, .cr4_fixed1 = 0x3727ff,
	.proc2 = 0x2577fff00000000, .ept_vpid = 0xf0106734141, .rdtscp = true, .invpcid = true,
};
static const struct vmx_msrs lynnfield = {
	.basic = 0xd810000000002b, .pin = 0x7f00000016, .proc = 0xfff9fffe04006172, .exit = 0x407fffff00036dfb, .entry = 0xffff000011fb,
	.misc = 0x401e0, .cr0_fixed0 = 0x80000021, .cr0_fixed1 = 0xffffffff, .cr4_fixed0 = 0x2000, .cr4_fixed1 = 0x67ff,
	.proc2 = 0x7f00000000, .ept_vpid = 0xf0106114141, .rdtscp = true,
};
static const struct vmx_msrs penryn = {
	.basic = 0xd810000000002b, .pin = 0x3f00000016, .proc = 0xf7f9fffe04006172, .exit = 0x4003ffff00036dfb, .entry = 0x3fff000011fb,
	.misc = 0x401e0, .cr0_fixed0 = 0x80000021, .cr0_fixed1 = 0xffffffff, .cr4_fixed0 = 0x2000, .cr4_fixed1 = 0x427ff, .proc2 = 0x4100000000,
};

static void refused(struct vmx_msrs m, const char *part)
{
	struct vmx_caps c;
	char reason[HV_REASON_MAX] = "";

	ok(vmx_caps_decide(&m, &c, reason) == E_UNSUPPORTED && strstr(reason, part), "refused: %s", reason);
}

static void test_caps(void)
{
	struct vmx_msrs m = skylake;
	struct vmx_caps c;
	char reason[HV_REASON_MAX] = "";

	if (!ok(vmx_caps_decide(&m, &c, reason) == OK, "all there"))
		tap_note("%s", reason);
	ok(c.vpid && c.ept_ad && c.invept_one && c.invvpid_one && c.revision == 0x2b, "VPID, A/D bits, exact flushes");
	ok((c.proc & VMX_PROC_TPR_SHADOW) && !(c.proc & (VMX_PROC_CR8_LOAD | VMX_PROC_CR8_STORE)), "TPR shadow, no CR8 exits");
	ok(!(c.entry & VMX_ENTRY_GUEST_64), "64-bit mode follows EFER");
	ok((c.pin & 0x16) == 0x16 && (c.proc & 0x04006172) == 0x04006172, "bits that must be 1 are");
	ok(!(c.proc2 & (1u << 9)) && !(c.proc2 & (1u << 20)), "nothing unasked: no virtual-interrupt delivery, no XSAVES");

	refused(lynnfield, "unrestricted guest");
	refused(penryn, "extended page tables");
	m.proc2 &= ~((uint64_t)VMX_PROC2_EPT << 32);
	refused(m, "extended page tables");
	m = skylake;
	m.proc &= ~((uint64_t)VMX_PROC_SECONDARY << 32);
	m.proc2 = 0;
	refused(m, "extended page tables");
	m = skylake;
	m.proc2 &= ~((uint64_t)VMX_PROC2_UNRESTRICTED << 32);
	refused(m, "unrestricted guest");
	m = skylake;
	m.proc2 &= ~((uint64_t)VMX_PROC2_INVPCID << 32);
	refused(m, "INVPCID");
	m.invpcid = false;
	ok(vmx_caps_decide(&m, &c, reason) == OK && !(c.proc2 & VMX_PROC2_INVPCID), "which is not needed when guests are not shown it");
	m = skylake;
	m.ept_vpid &= ~VMX_EPT_INVEPT;
	refused(m, "INVEPT");
	m = skylake;
	m.basic |= VMX_BASIC_ADDRESS_32;
	refused(m, "4 GiB");
	m = skylake;
	m.misc &= ~VMX_MISC_STORES_LMA;
	refused(m, "EFER.LMA");
	m = skylake;
	m.ept_vpid &= ~VMX_VPID_INVVPID_ALL;
	ok(vmx_caps_decide(&m, &c, reason) == OK && !c.vpid && !(c.proc2 & VMX_PROC2_VPID), "no VPID without its flush");
	m = skylake;
	m.proc &= ~((uint64_t)VMX_PROC_TPR_SHADOW << 32);
	ok(vmx_caps_decide(&m, &c, reason) == OK && (c.proc & VMX_PROC_CR8_LOAD) && (c.proc & VMX_PROC_CR8_STORE), "CR8 exits without TPR shadow");
}

/* ---- runs with a played CPU */

static struct { uint32_t reason, event, event_error, idt_event, idt_error, insn_len; uint64_t qualification, physical; bool fails; } play;
/* As they were at the entry. */
static struct { uint64_t event, error, proc, threshold, interruptibility, cr0, cr4, entry, efer, cr2, rip; } seen;

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

static struct vmx_vcpu *start(void)
{
	char reason[HV_REASON_MAX];
	struct arch_regs r;

	fake_vmx.run = played;
	host_features = (struct host_features){ .fp_size = 576 };
	pool_init(&vm.pool, "vm", &pool_root, UINT64_MAX);
	vm.nvcpus = 1;
	vcpu.vm = &vm;
	vcpu.arch = &arch;
	if (vmx_caps_decide(&skylake, &vmx_caps, reason) != OK || vmx_maps_init() != OK)
		return NULL;
	fake_cpu.cr0 = 0x80010033;
	fake_cpu.cr4 = 0x40620;
	cpu_wrmsr(MSR_VMX_BASIC, skylake.basic);
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

static void test_enabled(void)
{
	ok_eq(cpu_rdmsr(MSR_FEATURE_CONTROL), 5, "VMX is enabled and locked");
	ok(cpu_cr4() & X86_CR4_VMXE, "CR4.VMXE");
	ok(cpu_cr0() & X86_CR0_NE, "CR0.NE, which VMX fixes");
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
	hv_vmx.arch->latch_reset(&vcpu, true);
	ok_eq(run(VMX_EXIT_INTERRUPT).kind, HV_EXIT_HOST, "until it is reset");
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
	uint8_t *p = (uint8_t *)&in;

	memset(&in, 0, sizeof in);
	for (unsigned i = 0; i < offsetof(struct arch_regs, seg); i++)
		p[i] = (uint8_t)(i * 7 + 1);
	in.version = ARCH_REGS_VERSION;
	for (unsigned i = 0; i < SEG_COUNT; i++)
		in.seg[i] = (struct x86_seg){ .selector = (uint16_t)(i * 8), .attr = (uint16_t)(0x93 + i), .limit = i * 1000, .base = i * 0x1111ull };
	in.seg[SEG_GDTR].selector = in.seg[SEG_IDTR].selector = in.seg[SEG_GDTR].attr = in.seg[SEG_IDTR].attr = 0;
	in.seg[SEG_FS].attr = 0x10; /* null, with the DPL that tells the CPL in SS */
	in.rflags = 0x246;
	in.cr0 = 0x80050033, in.cr2 = 2, in.cr3 = 3, in.cr4 = 0x20, in.cr8 = 8, in.efer = 0xd01, in.xcr0 = 7;
	in.dr[0] = 10, in.dr[1] = 11, in.dr[2] = 12, in.dr[3] = 13, in.dr6 = 16, in.dr7 = 0x400;
	in.star = 20, in.lstar = 21, in.cstar = 22, in.sfmask = 23, in.kernel_gs_base = 24;
	in.sysenter_cs = 30, in.sysenter_esp = 31, in.sysenter_eip = 32, in.pat = 33, in.tsc_aux = 34, in.debugctl = 0;
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
	struct vmx_vcpu *s;

	fake_init(32 * MIB, 2);
	hv_current = &hv_vmx;
	cpuid_init(NULL, 1000000000, false);
	test_operands();
	test_ept_exits();
	test_exceptions_decoded();
	test_plain();
	test_events();
	test_caps();
	s = start();
	if (!ok(s, "a vCPU"))
		return tap_done();
	test_enabled();
	run(VMX_EXIT_INTERRUPT);
	test_interrupts(s);
	test_nmi(s);
	test_complete(s);
	test_reflect(s);
	test_control_registers(s);
	test_pdptes();
	test_cr8(s);
	test_translations(s);
	test_regs(s, false);
	test_regs(s, true);
	test_refused_entry();
	hv_vmx.vcpu_fini(&vcpu);
	hv_vmx.vm_fini(&vm);
	gmem_destroy(vm.mem);
	ok_eq(vm.pool.used_pages, 0, "all memory came back");
	return tap_done();
}
