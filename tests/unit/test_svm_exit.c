/* SPDX-License-Identifier: Apache-2.0 */
/* SVM's exits decoded from register values (recorded under QEMU's TCG, which has neither next RIP nor instruction bytes, and as APM 2
 * describes a CPU that has), lengths of instructions, and re-injection of events. Host only. */
#include "tap.h"
#include <core/arith.h>
#include "svm_exit_in.h"

static struct hv_exit decode(struct svm_exit_in in, struct svm_decoded *d)
{
	struct hv_exit e;

	svm_decode_in(&in, &e, d);
	return e;
}

static void test_decode(void)
{
	struct svm_decoded d;
	struct hv_exit e = decode((struct svm_exit_in){ .code = SVM_EXIT_CPUID, .rax = 0x1234567840000000, .rcx = ~0ull }, &d);

	ok(e.kind == HV_EXIT_CPUID && e.cpuid.leaf == 0x40000000 && e.cpuid.subleaf == 0xffffffff, "CPUID takes the low halves");
	ok(d.next_rip == 0, "TCG tells no next RIP");

	/* recorded: out %al,(%dx) with DX 0x3f8 at 0x200005 */
	e = decode((struct svm_exit_in){ .code = SVM_EXIT_IOIO, .info1 = 0x03f80010, .info2 = 0x20000b, .rax = 0xffffff54 }, &d);
	ok(e.kind == HV_EXIT_PIO && e.pio.port == 0x3f8 && e.pio.size == 1 && e.pio.write && !e.pio.string, "OUT DX, AL");
	ok(e.pio.value == 0x54 && d.next_rip == 0x20000b, "value cut to the access, next RIP from EXITINFO2");
	e = decode((struct svm_exit_in){ .code = SVM_EXIT_IOIO, .info1 = 0x0cfc0041, .info2 = 0x1234 }, &d);
	ok(e.pio.port == 0xcfc && e.pio.size == 4 && !e.pio.write, "IN EAX, DX");
	e = decode((struct svm_exit_in){ .code = SVM_EXIT_IOIO, .info1 = 0x03f8002c }, &d);
	ok(e.pio.size == 2 && e.pio.string && e.pio.rep && e.pio.write, "REP OUTSW");

	e = decode((struct svm_exit_in){ .code = SVM_EXIT_MSR, .info1 = 1, .rcx = 0xffffffffc0000080, .rax = 0xffffffff00000d01, .rdx = 0x1234500000000 }, &d);
	ok(e.kind == HV_EXIT_WRMSR && e.msr.index == 0xc0000080 && e.msr.value == 0xd01, "WRMSR takes the low halves");
	e = decode((struct svm_exit_in){ .code = SVM_EXIT_MSR, .rcx = 0x1b }, &d);
	ok(e.kind == HV_EXIT_RDMSR && e.msr.index == 0x1b, "RDMSR");

	e = decode((struct svm_exit_in){ .code = SVM_EXIT_NPF, .info1 = 0x100000006, .info2 = 0xfee00080 }, &d);
	ok(e.kind == HV_EXIT_STAGE2 && e.stage2.addr.v == 0xfee00080 && e.stage2.access == GMEM_W && !e.stage2.walk, "nested fault: write");
	e = decode((struct svm_exit_in){ .code = SVM_EXIT_NPF, .info1 = 0x200000004, .info2 = 0x1000, .int_info = GUEST_EVENT_VALID }, &d);
	ok(e.stage2.walk && e.stage2.access == GMEM_R && e.stage2.delivery, "nested fault in a walk, during delivery");
	e = decode((struct svm_exit_in){ .code = SVM_EXIT_NPF, .info1 = 0x100000014, .insn_len = 3, .insn = (const uint8_t *)"\x8b\x03\xc3" }, &d);
	ok(e.stage2.access == GMEM_X && e.stage2.insn_len == 3 && e.stage2.insn[1] == 3, "nested fault on a fetch; decode assist bytes");

	ok(decode((struct svm_exit_in){ .code = 0xffffffffu }, &d).kind == HV_EXIT_INVALID && d.action == SVM_ACT_ENTRY_FAILED, "VMEXIT_INVALID as TCG writes it");
	ok(decode((struct svm_exit_in){ .code = UINT64_MAX }, &d).kind == HV_EXIT_INVALID && d.action == SVM_ACT_ENTRY_FAILED, "VMEXIT_INVALID as a CPU does");
	for (unsigned c = 0; c < 2; c++)
		ok(decode((struct svm_exit_in){ .code = c ? SVM_EXIT_INVD : SVM_EXIT_WBINVD }, &d).kind == HV_EXIT_SYSREG && d.action == SVM_ACT_SKIP, "%s", c ? "INVD" : "WBINVD");
	ok_eq(decode((struct svm_exit_in){ .code = 0x12345 }, &d).kind, HV_EXIT_INVALID, "an unknown code");
	ok_eq(decode((struct svm_exit_in){ .code = SVM_EXIT_TASK_SWITCH }, &d).kind, HV_EXIT_INVALID, "task switch");
	ok_eq(decode((struct svm_exit_in){ .code = SVM_EXIT_SHUTDOWN }, &d).kind, HV_EXIT_SHUTDOWN, "shutdown");
	ok_eq(decode((struct svm_exit_in){ .code = SVM_EXIT_HLT }, &d).kind, HV_EXIT_IDLE, "HLT");
	ok_eq(decode((struct svm_exit_in){ .code = SVM_EXIT_PAUSE }, &d).kind, HV_EXIT_PAUSE, "PAUSE");
	ok_eq(decode((struct svm_exit_in){ .code = SVM_EXIT_VINTR }, &d).kind, HV_EXIT_IRQ_WINDOW, "VINTR");
	for (unsigned c = SVM_EXIT_INTR; c <= SVM_EXIT_INIT; c++)
		ok(decode((struct svm_exit_in){ .code = c }, &d).kind == HV_EXIT_HOST && d.action == SVM_ACT_EXIT, "host event 0x%x", c);
	static const uint16_t undefined[] = { SVM_EXIT_VMRUN, SVM_EXIT_VMLOAD, SVM_EXIT_VMSAVE, SVM_EXIT_STGI, SVM_EXIT_CLGI, SVM_EXIT_SKINIT,
		SVM_EXIT_INVLPGA, SVM_EXIT_MONITOR, SVM_EXIT_MWAIT, SVM_EXIT_MWAIT_COND, SVM_EXIT_RDPRU, SVM_EXIT_INVLPGB,
		SVM_EXIT_INVLPGB_ILLEGAL, SVM_EXIT_MCOMMIT, SVM_EXIT_TLBSYNC, SVM_EXIT_RSM };
	for (unsigned i = 0; i < ARRAY_LEN(undefined); i++)
		ok(decode((struct svm_exit_in){ .code = undefined[i] }, &d).kind == HV_EXIT_UNDEFINED, "0x%x is #UD", undefined[i]);
	e = decode((struct svm_exit_in){ .code = SVM_EXIT_VMMCALL, .rax = 5, .rbx = 1, .rcx = 2, .rdx = 3, .rsi = 4 }, &d);
	ok(e.kind == HV_EXIT_CALL && e.call.nr == 5 && e.call.args[0] == 1 && e.call.args[3] == 4, "VMMCALL");
	e = decode((struct svm_exit_in){ .code = SVM_EXIT_XSETBV, .rax = 7, .rdx = 1 }, &d);
	ok(e.kind == HV_EXIT_XSETBV && e.xsetbv.index == 0 && e.xsetbv.value == 0x100000007, "XSETBV");
	decode((struct svm_exit_in){ .code = SVM_EXIT_EXC + 1 }, &d);
	ok(d.action == SVM_ACT_REFLECT && d.vector == 1 && !d.has_error, "#DB is reflected");
	decode((struct svm_exit_in){ .code = SVM_EXIT_EXC + 17 }, &d);
	ok(d.action == SVM_ACT_REFLECT && d.vector == 17 && d.has_error, "#AC is reflected with an error code");
	decode((struct svm_exit_in){ .code = SVM_EXIT_EXC + 18 }, &d);
	ok_eq(d.action, SVM_ACT_MACHINE_CHECK, "#MC is the host's");
	decode((struct svm_exit_in){ .code = SVM_EXIT_RDPMC }, &d);
	ok(d.action == SVM_ACT_REFLECT && d.vector == 13, "RDPMC is #GP");
}

static void test_lengths(void)
{
	ok_eq(svm_insn_len(SVM_EXIT_CPUID, 0, (const uint8_t *)"\x0f\xa2\x90", 3, true), 2, "CPUID");
	ok(svm_insn_bare_len(SVM_EXIT_CPUID, 0, 0x1234a20f) == 2 && svm_insn_bare_len(SVM_EXIT_VMMCALL, 0, 0x77d9010f) == 3 &&
	   svm_insn_bare_len(SVM_EXIT_HLT, 0, 0x0ff4) == 1 && svm_insn_bare_len(SVM_EXIT_MSR, 1, 0x300f) == 2, "without prefixes");
	ok(!svm_insn_bare_len(SVM_EXIT_CPUID, 0, 0xa20f66) && !svm_insn_bare_len(SVM_EXIT_MSR, 0, 0x300f) && !svm_insn_bare_len(SVM_EXIT_INTR, 0, 0x90),
	   "a prefix, another instruction, none at all");
	ok_eq(svm_insn_len(SVM_EXIT_CPUID, 0, (const uint8_t *)"\x66\x48\x0f\xa2", 4, true), 4, "CPUID with prefixes");
	ok_eq(svm_insn_len(SVM_EXIT_CPUID, 0, (const uint8_t *)"\x48\x0f\xa2", 3, false), 0, "40-4f are instructions outside of 64-bit mode");
	ok_eq(svm_insn_len(SVM_EXIT_PAUSE, 0, (const uint8_t *)"\xf3\x90", 2, true), 2, "PAUSE");
	ok_eq(svm_insn_len(SVM_EXIT_MSR, 0, (const uint8_t *)"\x0f\x32", 2, true), 2, "RDMSR");
	ok_eq(svm_insn_len(SVM_EXIT_MSR, 1, (const uint8_t *)"\x0f\x30", 2, true), 2, "WRMSR");
	ok_eq(svm_insn_len(SVM_EXIT_MSR, 1, (const uint8_t *)"\x0f\x32", 2, true), 0, "another instruction stands there");
	ok_eq(svm_insn_len(SVM_EXIT_VMMCALL, 0, (const uint8_t *)"\x0f\x01", 2, true), 0, "cut short");
	ok_eq(svm_insn_len(SVM_EXIT_INTR, 0, (const uint8_t *)"\x90", 1, true), 0, "no instruction exit");
	uint8_t many[15];
	memset(many, 0x66, sizeof many);
	ok_eq(svm_insn_len(SVM_EXIT_HLT, 0, many, sizeof many, true), 0, "prefixes alone");
}

static void events(const char *name, uint64_t info, uint64_t ctl, uint64_t again, uint8_t undelivered)
{
	const struct svm_undone u = svm_exit_events(info, ctl);

	ok(u.again == again && u.vector == undelivered, "%s", name);
}

static void test_events(void)
{
	const uint64_t exc = GUEST_EVENT_VALID | GUEST_EVENT_EXC << 8;

	events("nothing in flight", 0, 0, 0, 0);
	events("V_IRQ not taken", 0, SVM_V_IRQ | 0x31ull << SVM_V_VECTOR_SHIFT, 0, 0x31);
	events("V_IRQ taken", 0, 0x31ull << SVM_V_VECTOR_SHIFT, 0, 0);
	events("interrupt in delivery", GUEST_EVENT_VALID | 0x41, 0, 0, 0x41);
	events("interrupt in delivery as TCG tells it", exc | 0x41, SVM_V_IRQ | 0x41ull << SVM_V_VECTOR_SHIFT, 0, 0x41);
	events("NMI in delivery", GUEST_EVENT_VALID | GUEST_EVENT_NMI << 8 | 2, 0, GUEST_EVENT_VALID | GUEST_EVENT_NMI << 8 | 2, 0);
	events("#PF with its error code", exc | GUEST_EVENT_ERROR | 14 | 6ull << 32, 0, exc | GUEST_EVENT_ERROR | 14 | 6ull << 32, 0);
	events("INT3 runs again", exc | 3, 0, 0, 0);
	events("INT n runs again", GUEST_EVENT_VALID | GUEST_EVENT_SOFT << 8 | 0x80, 0, 0, 0);
	events("not valid", exc & ~GUEST_EVENT_VALID, 0, 0, 0);

	ok_eq(guest_event_combine(0, exc | 13), exc | 13, "one exception");
	ok_eq(guest_event_combine(exc | 13, exc | 13), exc | 8 | GUEST_EVENT_ERROR, "#GP in #GP is #DF");
	ok_eq(guest_event_combine(exc | 14, exc | 13), exc | 8 | GUEST_EVENT_ERROR, "#GP in #PF is #DF");
	ok_eq(guest_event_combine(exc | 13, exc | 14), exc | 14, "#PF in #GP is #PF");
	ok_eq(guest_event_combine(exc | 14, exc | 14), exc | 8 | GUEST_EVENT_ERROR, "#PF in #PF is #DF");
	ok_eq(guest_event_combine(exc | 8, exc | 13), 0, "#GP in #DF is a shutdown");
	ok_eq(guest_event_combine(exc | 1, exc | 1), exc | 1, "#DB in #DB goes on");
	ok_eq(guest_event_combine(exc | 6, exc | 13), exc | 13, "a benign first one gives way");
}

int main(void)
{
	test_decode();
	test_lengths();
	test_events();
	return tap_done();
}
