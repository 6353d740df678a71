/* SPDX-License-Identifier: Apache-2.0 */
/* The SVM backend without the hardware: exits decoded from register values (recorded under QEMU's TCG, which has neither next RIP nor
 * instruction bytes, and as APM 2 describes a CPU that has), event re-injection, and whole runs with a played CPU. Host only. */
#include "tap.h"
#include <core/arith.h>
#include <core/hal.h>
#include <fake/fake.h>
#include <fake/fake_svm.h>
#include "../../vmm/x86_64/x86.h"
#include <limits.h>
#include <vmm/stage2.h>

static struct vm vm;
static struct vcpu vcpu;
static struct x86_vcpu arch;

static struct hv_exit decode(struct svm_exit_in in, struct svm_decoded *d)
{
	struct hv_exit e;

	svm_exit_decode(&in, &e, d);
	return e;
}

static void test_decode(void)
{
	struct svm_decoded d;
	struct hv_exit e = decode((struct svm_exit_in){ .code = SVM_EXIT_CPUID, .rax = 0x1234567840000000, .rcx = ~0ull, .rip = 0x1000 }, &d);

	ok(e.kind == HV_EXIT_CPUID && e.cpuid.leaf == 0x40000000 && e.cpuid.subleaf == 0xffffffff, "CPUID takes the low halves");
	ok(d.next_rip == 0, "TCG tells no next RIP");
	decode((struct svm_exit_in){ .code = SVM_EXIT_CPUID, .rip = 0x1000, .next_rip = 0x1002 }, &d);
	ok_eq(d.next_rip, 0x1002, "NRIPS does");

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

	ok_eq(decode((struct svm_exit_in){ .code = 0xffffffffu }, &d).kind, HV_EXIT_INVALID, "VMEXIT_INVALID as TCG writes it");
	ok_eq(decode((struct svm_exit_in){ .code = UINT64_MAX }, &d).kind, HV_EXIT_INVALID, "VMEXIT_INVALID as a CPU does");
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
	ok_eq(svm_exit_insn_len(SVM_EXIT_CPUID, 0, (const uint8_t *)"\x0f\xa2\x90", 3, true), 2, "CPUID");
	ok_eq(svm_exit_insn_len(SVM_EXIT_CPUID, 0, (const uint8_t *)"\x66\x48\x0f\xa2", 4, true), 4, "CPUID with prefixes");
	ok_eq(svm_exit_insn_len(SVM_EXIT_CPUID, 0, (const uint8_t *)"\x48\x0f\xa2", 3, false), 0, "40-4f are instructions outside of 64-bit mode");
	ok_eq(svm_exit_insn_len(SVM_EXIT_PAUSE, 0, (const uint8_t *)"\xf3\x90", 2, true), 2, "PAUSE");
	ok_eq(svm_exit_insn_len(SVM_EXIT_MSR, 0, (const uint8_t *)"\x0f\x32", 2, true), 2, "RDMSR");
	ok_eq(svm_exit_insn_len(SVM_EXIT_MSR, 1, (const uint8_t *)"\x0f\x30", 2, true), 2, "WRMSR");
	ok_eq(svm_exit_insn_len(SVM_EXIT_MSR, 1, (const uint8_t *)"\x0f\x32", 2, true), 0, "another instruction stands there");
	ok_eq(svm_exit_insn_len(SVM_EXIT_VMMCALL, 0, (const uint8_t *)"\x0f\x01", 2, true), 0, "cut short");
	ok_eq(svm_exit_insn_len(SVM_EXIT_INTR, 0, (const uint8_t *)"\x90", 1, true), 0, "no instruction exit");
	uint8_t many[15];
	memset(many, 0x66, sizeof many);
	ok_eq(svm_exit_insn_len(SVM_EXIT_HLT, 0, many, sizeof many, true), 0, "prefixes alone");
}

static void events(const char *name, uint64_t info, uint64_t ctl, uint64_t again, uint8_t undelivered)
{
	uint64_t a = 1;
	uint8_t u = 1;

	svm_exit_events(info, ctl, &a, &u);
	ok(a == again && u == undelivered, "%s", name);
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

/* ---- runs with a played CPU ---- */

static struct vmcb seen; /* as it was at VMRUN */
static struct { uint64_t code, info1, info2, int_info; bool take_irq; } play;

static void played(struct vmcb *b, uint64_t *gpr)
{
	(void)gpr;
	seen = *b;
	b->c.exit_code = play.code;
	b->c.exit_info1 = play.info1;
	b->c.exit_info2 = play.info2;
	b->c.exit_int_info = play.int_info;
	if (play.take_irq)
		b->c.int_ctl &= ~SVM_V_IRQ;
}

static struct svm_vcpu *start(void)
{
	struct arch_regs r;

	fake_svm_run = played;
	svm_features = (struct svm_features){ .asids = 16 };
	host_features = (struct host_features){ .fp_size = 576 };
	pool_init(&vm.pool, "vm", &pool_root, UINT64_MAX);
	vm.nvcpus = 1;
	vcpu.vm = &vm;
	vcpu.arch = &arch;
	if (svm_maps_init() != OK || gmem_create(&vm.pool, &stage2_npt, 0, &vm.mem) != OK || gmem_add_ram(vm.mem, GPA(0), MIB) != OK)
		return NULL;
	if (hv_svm.vm_init(&vm) != OK || hv_svm.vcpu_init(&vcpu) != OK)
		return NULL;
	regs_flat32(&r);
	r.rip = 0x1000;
	r.rflags = X86_RFLAGS_FIXED | X86_RFLAGS_IF;
	hv_svm.vcpu_set_regs(&vcpu, &r);
	return svm_of(&vcpu);
}

static struct hv_exit run(uint64_t code, bool take_irq)
{
	struct hv_exit e;

	play.code = code;
	play.take_irq = take_irq;
	hv_svm.vcpu_run(&vcpu, &e);
	return e;
}

static void test_interrupts(struct svm_vcpu *s)
{
	const struct hv_event irq = { .kind = HV_EVENT_INTERRUPT, .vector = 0x51 };
	struct hv_exit e;

	ok(hv_svm.vcpu_inject(&vcpu, &irq) == OK, "an interrupt is queued");
	e = run(SVM_EXIT_INTR, true);
	ok((seen.c.int_ctl & SVM_V_IRQ) && (seen.c.int_ctl & SVM_V_IGN_TPR) && seen.c.int_ctl >> SVM_V_VECTOR_SHIFT == 0x51, "V_IRQ with its vector");
	ok(!(seen.c.event_inj & GUEST_EVENT_VALID), "and not by EVENTINJ");
	ok((seen.c.int_ctl & SVM_V_INTR_MASKING) && (seen.c.intercept1 & SVM_I1_INTR), "the host keeps its interrupts");
	ok_eq(e.undelivered, 0, "it was taken");
	run(SVM_EXIT_INTR, false);
	ok(!(seen.c.int_ctl & SVM_V_IRQ), "and is not there a second time");

	s->vmcb->s.rflags &= ~X86_RFLAGS_IF;
	ok(hv_svm.vcpu_inject(&vcpu, &irq) == OK, "with IF clear it is queued as well");
	e = run(SVM_EXIT_INTR, false);
	ok_eq(e.undelivered, 0x51, "and comes back when it was not taken");
	ok(seen.c.intercept_cr == SVM_CR8_WRITE_INTERCEPT, "CR8 is watched meanwhile");
	run(SVM_EXIT_INTR, false);
	ok(seen.c.intercept_cr == 0, "and no longer");
	s->vmcb->s.rflags |= X86_RFLAGS_IF;
}

static void test_nmi(struct svm_vcpu *s)
{
	const struct hv_event nmi = { .kind = HV_EVENT_NMI, .vector = 2 };

	ok(hv_svm.vcpu_inject(&vcpu, &nmi) == OK, "an NMI");
	run(SVM_EXIT_INTR, false);
	ok_eq(seen.c.event_inj, GUEST_EVENT_VALID | GUEST_EVENT_NMI << 8 | 2, "goes by EVENTINJ");
	ok(seen.c.intercept1 & SVM_I1_IRET, "its IRET is watched");
	ok(hv_svm.vcpu_inject(&vcpu, &nmi) == OK, "a second one is latched");
	run(SVM_EXIT_IRET, false);
	ok(!(seen.c.event_inj & GUEST_EVENT_VALID), "while the first is being handled");
	run(SVM_EXIT_VINTR, false);
	ok(!(seen.c.event_inj & GUEST_EVENT_VALID) && (seen.c.intercept1 & SVM_I1_VINTR), "and until the IRET has run");
	s->vmcb->s.rip += 0x10;
	run(SVM_EXIT_INTR, false);
	ok_eq(seen.c.event_inj, GUEST_EVENT_VALID | GUEST_EVENT_NMI << 8 | 2, "then it comes");
	hv_svm.arch->latch_reset(&vcpu, false);
}

static void test_complete(struct svm_vcpu *s)
{
	struct hv_exit e;

	ok(gmem_write(vm.mem, GPA(0x2000), "\x66\x0f\xa2\xf3\x90\x0f\x32", 7) == OK, "code");
	s->vmcb->s.rip = 0x2000;
	e = run(SVM_EXIT_CPUID, false);
	e.cpuid.eax = 1, e.cpuid.ebx = 2, e.cpuid.ecx = 3, e.cpuid.edx = 4;
	s->gpr[REG_RBX] = ~0ull;
	hv_svm.vcpu_complete(&vcpu, &e);
	ok(s->gpr[REG_RAX] == 1 && s->gpr[REG_RBX] == 2 && s->gpr[REG_RCX] == 3 && s->gpr[REG_RDX] == 4, "CPUID's registers");
	ok_eq(s->vmcb->s.rip, 0x2003, "its prefix is counted");
	hv_svm.vcpu_complete(&vcpu, &e);
	ok_eq(s->vmcb->s.rip, 0x2003, "an exit completes once");
	ok(arch.fetch_known && arch.fetch_page == 0x2000, "the code page is remembered");
	ok(gmem_write(vm.mem, GPA(0x2800), "\x0f\xa2", 2) == OK && gmem_write(vm.mem, GPA(0x5800), "\x66\x0f\xa2", 3) == OK, "code");
	arch.fetch_gpa = 0x7000; /* as if the guest had mapped another page */
	s->vmcb->s.rip = 0x2800;
	e = run(SVM_EXIT_CPUID, false);
	hv_svm.vcpu_complete(&vcpu, &e);
	ok(s->vmcb->s.rip == 0x2802 && arch.fetch_gpa == 0x2000, "a stale page is noticed and walked anew");
	s->vmcb->s.rip = 0x2003;
	s->vmcb->c.int_state = SVM_INT_SHADOW;
	e = run(SVM_EXIT_PAUSE, false);
	hv_svm.vcpu_complete(&vcpu, &e);
	ok(s->vmcb->s.rip == 0x2005 && s->vmcb->c.int_state == 0, "PAUSE ends a shadow");
	e = run(SVM_EXIT_MSR, false);
	e.msr.fault = true;
	hv_svm.vcpu_complete(&vcpu, &e);
	ok_eq(s->vmcb->s.rip, 0x2005, "a refused RDMSR does not step");
	run(SVM_EXIT_INTR, false);
	ok_eq(seen.c.event_inj, GUEST_EVENT_VALID | GUEST_EVENT_ERROR | GUEST_EVENT_EXC << 8 | 13, "but faults");
	e = run(SVM_EXIT_VMRUN, false);
	hv_svm.vcpu_complete(&vcpu, &e);
	run(SVM_EXIT_INTR, false);
	ok_eq(seen.c.event_inj, GUEST_EVENT_VALID | GUEST_EVENT_EXC << 8 | 6, "VMRUN gets #UD");
	play.info1 = 0x00700001 | 1u << 4;
	play.info2 = 0x2010;
	e = run(SVM_EXIT_IOIO, false);
	s->gpr[REG_RAX] = 0x1122334455667788;
	e.pio.value = 0xffaa;
	hv_svm.vcpu_complete(&vcpu, &e);
	ok(s->gpr[REG_RAX] == 0x11223344556677aa && s->vmcb->s.rip == 0x2010, "IN AL leaves the rest of RAX");
	play.info1 = play.info2 = 0;
	s->vmcb->s.rflags |= X86_RFLAGS_TF;
	s->vmcb->s.rip = 0x2000;
	e = run(SVM_EXIT_CPUID, false);
	hv_svm.vcpu_complete(&vcpu, &e);
	run(SVM_EXIT_INTR, false);
	ok_eq(seen.c.event_inj, GUEST_EVENT_VALID | GUEST_EVENT_EXC << 8 | 1, "a single step over an emulated instruction traps");
	s->vmcb->s.rflags &= ~X86_RFLAGS_TF;
}

static void test_cr8(struct svm_vcpu *s)
{
	struct hv_exit e;

	ok(gmem_write(vm.mem, GPA(0x3000), "\xf0\x0f\x22\xc3", 4) == OK, "lock mov %%ebx, %%cr0 is mov %%ebx, %%cr8");
	s->vmcb->s.rip = 0x3000;
	s->gpr[REG_RBX] = 5;
	e = run(SVM_EXIT_CR8_WRITE, false);
	ok(e.kind == HV_EXIT_IRQ_WINDOW && svm_arch_ops.reg_get(&vcpu, X86_CR8) == 5, "CR8 is written, and told");
	ok_eq(s->vmcb->s.rip, 0x3004, "stepped over");
	s->vmcb->s.rip = 0x3000;
	s->gpr[REG_RBX] = 16;
	run(SVM_EXIT_CR8_WRITE, false);
	run(SVM_EXIT_INTR, false);
	ok_eq(seen.c.event_inj, GUEST_EVENT_VALID | GUEST_EVENT_ERROR | GUEST_EVENT_EXC << 8 | 13, "a reserved bit is #GP");
}

static void test_exceptions(struct svm_vcpu *s)
{
	struct hv_exit e;

	play.int_info = GUEST_EVENT_VALID | GUEST_EVENT_EXC << 8 | GUEST_EVENT_ERROR | 13;
	run(SVM_EXIT_NPF, false);
	play.int_info = 0;
	run(SVM_EXIT_INTR, false);
	ok_eq(seen.c.event_inj, GUEST_EVENT_VALID | GUEST_EVENT_EXC << 8 | GUEST_EVENT_ERROR | 13, "an interrupted delivery is repeated");
	run(SVM_EXIT_INTR, false);
	ok_eq(seen.c.event_inj, 0, "once");
	play.int_info = GUEST_EVENT_VALID | GUEST_EVENT_EXC << 8 | GUEST_EVENT_ERROR | 8;
	run(SVM_EXIT_NPF, false);
	play.int_info = 0;
	svm_inject_exception(s, 13, true, 0);
	e = run(SVM_EXIT_INTR, false);
	ok_eq(e.kind, HV_EXIT_SHUTDOWN, "a fault in the delivery of #DF ends the guest");
	hv_svm.arch->latch_reset(&vcpu, true);
	ok_eq(run(SVM_EXIT_INTR, false).kind, HV_EXIT_HOST, "until it is reset");
}

static void test_asids(void)
{
	static struct vmcb b1, b2;
	struct svm_cpu c = { .generation = 1, .next_asid = 3 };
	struct svm_vcpu a = { .vmcb = &b1 }, b = { .vmcb = &b2 };

	svm_features = (struct svm_features){ .asids = 3 };
	svm_asid_assign(&c, &a, 0);
	ok(b1.c.asid == 1 && b1.c.tlb_control == SVM_TLB_FLUSH_ALL && c.generation == 2, "a generation starts with a flush");
	svm_asid_assign(&c, &b, 0);
	ok(b2.c.asid == 2 && b2.c.tlb_control == SVM_TLB_KEEP, "the next one needs none");
	svm_asid_assign(&c, &a, 0);
	ok(b1.c.asid == 1 && b1.c.tlb_control == SVM_TLB_KEEP, "it is kept");
	svm_asid_assign(&c, &a, 1);
	ok(c.generation == 3 && b1.c.asid == 1 && b1.c.tlb_control == SVM_TLB_FLUSH_ALL, "a flush without flush-by-ASID takes a new one");
	svm_asid_assign(&c, &b, 0);
	ok(b2.c.asid == 2 && b.asid_generation == 3, "an old generation asks again");
	svm_features.edx = SVM_F_FLUSH_BY_ASID;
	svm_asid_assign(&c, &b, 1);
	ok(b2.c.asid == 2 && b2.c.tlb_control == SVM_TLB_FLUSH_ASID && c.generation == 3, "flush by ASID");
	b.asid_generation = 0; /* moved to another CPU */
	svm_asid_assign(&c, &b, 1);
	ok(c.generation == 4 && b2.c.tlb_control == SVM_TLB_FLUSH_ALL, "more vCPUs than ASIDs");
}

static void test_regs(void)
{
	struct arch_regs in, out;
	uint8_t *p = (uint8_t *)&in;

	memset(&in, 0, sizeof in);
	for (unsigned i = 0; i < offsetof(struct arch_regs, seg); i++)
		p[i] = (uint8_t)(i * 7 + 1);
	in.version = ARCH_REGS_VERSION;
	for (unsigned i = 0; i < SEG_COUNT; i++)
		in.seg[i] = (struct x86_seg){ .selector = (uint16_t)(i * 8), .attr = (uint16_t)(0x93 + i), .limit = i * 1000, .base = i * 0x1111ull };
	in.rflags = 0x246;
	in.cr0 = 0x80050033, in.cr2 = 2, in.cr3 = 3, in.cr4 = 0x20, in.cr8 = 8, in.efer = 0xd01, in.xcr0 = 7;
	in.dr[0] = 10, in.dr[1] = 11, in.dr[2] = 12, in.dr[3] = 13, in.dr6 = 16, in.dr7 = 17;
	in.star = 20, in.lstar = 21, in.cstar = 22, in.sfmask = 23, in.kernel_gs_base = 24;
	in.sysenter_cs = 30, in.sysenter_esp = 31, in.sysenter_eip = 32, in.pat = 33, in.tsc_aux = 34, in.debugctl = 0;
	hv_svm.vcpu_set_regs(&vcpu, &in);
	memset(&out, 0xff, sizeof out);
	hv_svm.vcpu_get_regs(&vcpu, &out);
	ok(!memcmp(in.gpr, out.gpr, sizeof in.gpr) && in.rip == out.rip && in.rflags == out.rflags, "general registers make the round trip");
	ok(!memcmp(in.seg, out.seg, sizeof in.seg), "segments");
	ok(!memcmp(&in.cr0, &out.cr0, sizeof in - offsetof(struct arch_regs, cr0)), "control, debug and model-specific registers");
	ok(svm_of(&vcpu)->vmcb->s.efer & X86_EFER_SVME, "EFER.SVME is set behind the guest's back");
}

int main(void)
{
	struct svm_vcpu *s;

	fake_init(32 * MIB, 1);
	hv_current = &hv_svm;
	test_decode();
	test_lengths();
	test_events();
	s = start();
	if (!ok(s, "a vCPU"))
		return tap_done();
	test_interrupts(s);
	test_nmi(s);
	test_complete(s);
	test_cr8(s);
	test_exceptions(s);
	test_regs();
	test_asids();
	host_features.fp_size = 576;
	hv_svm.vcpu_fini(&vcpu);
	hv_svm.vm_fini(&vm);
	gmem_destroy(vm.mem);
	ok_eq(vm.pool.used_pages, 0, "all memory came back");
	return tap_done();
}
