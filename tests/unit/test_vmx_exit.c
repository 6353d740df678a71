/* SPDX-License-Identifier: Apache-2.0 */
/* The VMX backend's decoder: exits from register values as SDM 3C 28.2 describes them, and event re-injection. Host only. */
#include <string.h>
#include "tap.h"
#include <core/arith.h>
#include <fake/fake_vmx.h>
#include <vmm/stage2.h>
#include "../../vmm/x86_64/x86.h"

#define EXC (GUEST_EVENT_VALID | GUEST_EVENT_EXC << 8)
#define NMI_EVENT GUEST_EVENT_NMI_NOW

/* ---- exits */

static struct hv_exit decode(struct vmx_exit_in in, struct vmx_decoded *d)
{
	static const uint64_t zero[REG_GPRS];
	struct hv_exit e;

	if (!in.gpr)
		in.gpr = zero;
	memset(&e, 1, sizeof(e)); /* of an older exit */
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
		{ VMX_EXIT_TIMER, HV_EXIT_TIMER, VMX_ACT_EXIT, "the preemption timer: in again, and no turn of the loop" },
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

int main(void)
{
	test_operands();
	test_ept_exits();
	test_exceptions_decoded();
	test_plain();
	test_events();
	return tap_done();
}
