/* SPDX-License-Identifier: Apache-2.0 */
/* The SVM backend without the hardware: whole runs with a played CPU, and what probing says. Host only. */
#include "tap.h"
#include <core/arith.h>
#include <core/hal.h>
#include <fake/fake.h>
#include <fake/fake_svm.h>
#include "distinct_regs.h"
#include "../../vmm/x86_64/x86.h"
#include <limits.h>
#include <vmm/stage2.h>
#include <vmm/x86_64/cpuid.h>

static struct vm vm;
static struct vcpu vcpu;
static struct x86_vcpu arch;

static struct vmcb seen; /* as it was at VMRUN */
static struct { uint64_t code, info1, info2, int_info, next_rip; uint8_t insn[15], insn_len; bool take_irq; } play;

static void played(struct vmcb *b, uint64_t *gpr)
{
	(void)gpr;
	seen = *b;
	b->c.exit_code = play.code;
	b->c.exit_info1 = play.info1;
	b->c.exit_info2 = play.info2;
	b->c.exit_int_info = play.int_info;
	b->c.next_rip = play.next_rip;
	b->c.insn_len = play.insn_len;
	memcpy(b->c.insn, play.insn, sizeof play.insn);
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
	ok(seen.c.intercept_cr == (SVM_CR8_WRITE_INTERCEPT | SVM_CR4_WRITE_INTERCEPT), "CR8 is watched meanwhile");
	run(SVM_EXIT_INTR, false);
	ok(seen.c.intercept_cr == SVM_CR4_WRITE_INTERCEPT, "and no longer; CR4 always is");
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

/* An NMI that a shadow holds back has its window even when an interrupt is queued as well. */
static void test_nmi_and_irq(struct svm_vcpu *s)
{
	const struct hv_event irq = { .kind = HV_EVENT_INTERRUPT, .vector = 0x61 }, nmi = { .kind = HV_EVENT_NMI, .vector = 2 };
	struct hv_exit e;

	s->vmcb->c.int_state = SVM_INT_SHADOW;
	ok(hv_svm.vcpu_inject(&vcpu, &nmi) == OK && hv_svm.vcpu_inject(&vcpu, &irq) == OK, "an NMI and an interrupt, in a shadow");
	e = run(SVM_EXIT_VINTR, false);
	ok(!(seen.c.event_inj & GUEST_EVENT_VALID) && (seen.c.intercept1 & SVM_I1_VINTR) && (seen.c.int_ctl & SVM_V_IRQ), "wait for its end");
	ok(e.kind == HV_EXIT_IRQ_WINDOW && e.undelivered == 0x61, "where the interrupt comes back");
	s->vmcb->c.int_state = 0;
	run(SVM_EXIT_INTR, false);
	ok_eq(seen.c.event_inj, GUEST_EVENT_VALID | GUEST_EVENT_NMI << 8 | 2, "and the NMI goes first");
	hv_svm.arch->latch_reset(&vcpu, false);
}

/* A host that has everything: what is left is what the table offers. */
static void all_features(uint32_t leaf, uint32_t subleaf, struct cpuid_regs *r)
{
	(void)subleaf;
	*r = (struct cpuid_regs){ ~0u, ~0u, ~0u, ~0u };
	if (leaf == 0)
		r->eax = 0x20;
	else if (leaf == 0x80000000)
		r->eax = 0x80000020;
	else if (leaf == 0x80000008)
		r->eax = 48;
}

static void entry_put(uint64_t at, uint64_t value)
{
	ok(gmem_write(vm.mem, GPA(at), &value, sizeof(value)) == OK, "an entry");
}

/* The guest maps another page where the last instruction was read. */
static void test_remapped(struct svm_vcpu *s)
{
	struct vmcb_save flat = s->vmcb->s;
	struct hv_exit e;

	cpuid_init(all_features, 1000000000, false, false);
	for (unsigned i = 0; i < 3; i++)
		entry_put(0x8000 + 0x1000 * i, (0x9000 + 0x1000 * i) | 7);
	entry_put(0xb000 + 8 * 2, 0x7000 | 7);
	ok(gmem_write(vm.mem, GPA(0x7900), "\x0f\xa2", 2) == OK, "code");
	s->vmcb->s.cr0 |= X86_CR0_PG;
	s->vmcb->s.efer |= X86_EFER_LMA;
	s->vmcb->s.cr3 = 0x8000;
	s->vmcb->s.rip = 0x2900;
	e = run(SVM_EXIT_CPUID, false);
	hv_svm.vcpu_complete(&vcpu, &e);
	ok(s->vmcb->s.rip == 0x2902 && x86_fetch_memo(&vcpu, 0x2000)->gpa == 0x7000, "a page");
	entry_put(0xb000 + 8 * 2, 0x2000 | 7);
	s->vmcb->s.rip = 0x2800;
	e = run(SVM_EXIT_CPUID, false);
	hv_svm.vcpu_complete(&vcpu, &e);
	ok(s->vmcb->s.rip == 0x2802 && x86_fetch_memo(&vcpu, 0x2000)->gpa == 0x2000, "a stale one is noticed and walked anew");
	s->vmcb->s = flat;
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
	ok(x86_fetch_memo(&vcpu, 0x2000)->valid && x86_fetch_memo(&vcpu, 0x2000)->page == 0x2000, "the code page is remembered");
	ok(gmem_write(vm.mem, GPA(0x2800), "\x0f\xa2", 2) == OK && gmem_write(vm.mem, GPA(0x5800), "\x66\x0f\xa2", 3) == OK, "code");
	test_remapped(s);
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
	svm_features.edx = SVM_F_CLEAN;
	s->cr8_watch = true;
	run(SVM_EXIT_INTR, false);
	run(SVM_EXIT_INTR, false);
	ok(seen.c.clean & SVM_CLEAN_TPR, "while nothing happens to it, the CPU may keep it");
	s->vmcb->s.rip = 0x3000;
	s->gpr[REG_RBX] = 7;
	run(SVM_EXIT_CR8_WRITE, false);
	run(SVM_EXIT_INTR, false);
	ok(!(seen.c.clean & SVM_CLEAN_TPR) && (seen.c.int_ctl & 0xf) == 7, "a write that was emulated is not what the CPU has in its cache");
	s->cr8_watch = false;
	svm_features.edx = 0;
	s->vmcb->s.rip = 0x3000;
	s->gpr[REG_RBX] = 16;
	run(SVM_EXIT_CR8_WRITE, false);
	run(SVM_EXIT_INTR, false);
	ok_eq(seen.c.event_inj, GUEST_EVENT_VALID | GUEST_EVENT_ERROR | GUEST_EVENT_EXC << 8 | 13, "a reserved bit is #GP");
}

static void test_cr4(struct svm_vcpu *s)
{
	const uint64_t pae = X86_CR4_PAE, mce = X86_CR4_MCE;
	const struct { uint64_t efer, cr3, old, value; bool ok; const char *name; } rows[] = {
		{ 0, 0, 0, X86_CR4_PAE | X86_CR4_PSE, true, "offered bits" },
		{ 0, 0, 0, X86_CR4_MCE, true, "MCE" },
		{ 0, 0, X86_CR4_MCE, 0, true, "MCE cleared" },
		{ 0, 0, 0, X86_CR4_VMXE, false, "VMXE" },
		{ 0, 0, 0, X86_CR4_LA57, false, "LA57" },
		{ 0, 0, 0, 1ull << 31, false, "a reserved bit" },
		{ X86_EFER_LMA, 0, X86_CR4_PAE, 0, false, "PAE cleared in long mode" },
		{ 0, 0, 0, X86_CR4_PCIDE, false, "PCIDE outside of long mode" },
		{ X86_EFER_LMA, 5, X86_CR4_PAE, X86_CR4_PAE | X86_CR4_PCIDE, false, "PCIDE with a PCID" },
		{ X86_EFER_LMA, 0x1000, X86_CR4_PAE, X86_CR4_PAE | X86_CR4_PCIDE, true, "PCIDE" },
		{ X86_EFER_LMA, 5, X86_CR4_PAE | X86_CR4_PCIDE, X86_CR4_PAE | X86_CR4_PCIDE | mce, true, "PCIDE that is set already" },
	};
	uint64_t efer = s->vmcb->s.efer;
	struct hv_exit e;

	cpuid_init(all_features, 1000000000, false, false);
	ok(gmem_write(vm.mem, GPA(0x3100), "\x0f\x22\xe3", 3) == OK, "mov %%ebx, %%cr4");
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		s->vmcb->s.efer = efer | rows[i].efer;
		s->vmcb->s.cr3 = rows[i].cr3;
		svm_arch_ops.reg_set(&vcpu, X86_CR4, rows[i].old);
		s->vmcb->s.rip = 0x3100;
		s->gpr[REG_RBX] = rows[i].value;
		e = run(SVM_EXIT_CR4_WRITE, false);
		ok(e.kind == HV_EXIT_SYSREG && s->vmcb->s.rip == (rows[i].ok ? 0x3103 : 0x3100) &&
		   svm_arch_ops.reg_get(&vcpu, X86_CR4) == (rows[i].ok ? rows[i].value : rows[i].old), "CR4: %s", rows[i].name);
		run(SVM_EXIT_INTR, false);
		ok(seen.s.cr4 & mce, "MCE is set in hardware");
		ok(rows[i].ok ? !seen.c.event_inj : (uint8_t)seen.c.event_inj == 13, "%s", rows[i].ok ? "no fault" : "#GP");
	}
	s->vmcb->s.efer = efer;
	s->vmcb->s.cr3 = 0;
	svm_arch_ops.reg_set(&vcpu, X86_CR4, pae);
	svm_features.edx = SVM_F_FLUSH_BY_ASID;
	run(SVM_EXIT_INTR, false);
	ok_eq(seen.c.tlb_control, SVM_TLB_FLUSH_ASID, "translations are forgotten");
	run(SVM_EXIT_INTR, false);
	ok_eq(seen.c.tlb_control, SVM_TLB_KEEP, "once");
	svm_features.edx = 0;
	svm_arch_ops.reg_set(&vcpu, X86_CR4, 0);
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
	hv_svm.vcpu_leave(&vcpu);
	hv_svm.arch->latch_reset(&vcpu, true);
	ok_eq(run(SVM_EXIT_INTR, false).kind, HV_EXIT_HOST, "until it is reset");
}

/* ---- the same on a CPU with next RIP, decode assists and clean bits */

/* RIP is where no memory is: a path that reads the instruction would not find it. */
static struct hv_exit run_unreadable(struct svm_vcpu *s, uint64_t code, unsigned len)
{
	struct hv_exit e;

	s->vmcb->s.rip = 0x70000000;
	play.next_rip = len ? 0x70000000 + len : 0;
	e = run(code, false);
	play.next_rip = 0;
	return e;
}

static void test_assisted(struct svm_vcpu *s)
{
	struct hv_exit e;

	svm_features.edx = SVM_F_NRIPS | SVM_F_DECODE_ASSISTS | SVM_F_CLEAN;
	e = run_unreadable(s, SVM_EXIT_CPUID, 5);
	e.cpuid.eax = 77;
	hv_svm.vcpu_complete(&vcpu, &e);
	ok(s->gpr[REG_RAX] == 77 && s->vmcb->s.rip == 0x70000005, "CPUID with prefixes is stepped over by the next RIP");
	e = run_unreadable(s, SVM_EXIT_MSR, 2);
	e.msr.fault = true;
	hv_svm.vcpu_complete(&vcpu, &e);
	ok_eq(s->vmcb->s.rip, 0x70000000, "a refused RDMSR does not step");
	run_unreadable(s, SVM_EXIT_INTR, 0);
	ok_eq(seen.c.event_inj, GUEST_EVENT_VALID | GUEST_EVENT_ERROR | GUEST_EVENT_EXC << 8 | 13, "but faults");
	run_unreadable(s, SVM_EXIT_WBINVD, 2);
	ok_eq(s->vmcb->s.rip, 0x70000002, "WBINVD");
	play.info2 = 0xfee00300;
	play.info1 = SVM_NPF_W;
	memcpy(play.insn, "\x89\x07", play.insn_len = 2);
	e = run_unreadable(s, SVM_EXIT_NPF, 0);
	ok(e.kind == HV_EXIT_STAGE2 && e.stage2.insn_len == 2 && !memcmp(e.stage2.insn, "\x89\x07", 2), "a nested fault brings its instruction");
	play.insn_len = 0;
	play.info2 = 0;
	play.info1 = 1ull << 63 | REG_R9; /* APM 2 15.8.1 */
	s->gpr[REG_R9] = 7;
	e = run_unreadable(s, SVM_EXIT_CR8_WRITE, 4);
	ok(e.kind == HV_EXIT_IRQ_WINDOW && svm_arch_ops.reg_get(&vcpu, X86_CR8) == 7 && s->vmcb->s.rip == 0x70000004, "MOV CR8 with its register");
	s->gpr[REG_R9] = 16;
	run_unreadable(s, SVM_EXIT_CR8_WRITE, 4);
	ok_eq(s->vmcb->s.rip, 0x70000000, "a reserved bit does not step");
	play.info1 = 0;
	run_unreadable(s, SVM_EXIT_INTR, 0);
	ok_eq(seen.c.event_inj, GUEST_EVENT_VALID | GUEST_EVENT_ERROR | GUEST_EVENT_EXC << 8 | 13, "but faults");
}

/* What the CPU may take from its cache at the next entry. */
static uint32_t clean_next(void)
{
	run(SVM_EXIT_INTR, false);
	return seen.c.clean;
}

static void test_clean_bits(struct svm_vcpu *s)
{
	static const struct { enum x86_reg reg; uint32_t bit; } rows[] = {
		{ X86_CR0, SVM_CLEAN_CR }, { X86_CR3, SVM_CLEAN_CR }, { X86_CR4, SVM_CLEAN_CR | SVM_CLEAN_ASID /* and flushes */ }, { X86_EFER, SVM_CLEAN_CR },
		{ X86_CR2, SVM_CLEAN_CR2 }, { X86_PAT, SVM_CLEAN_NP }, { X86_DEBUGCTL, SVM_CLEAN_LBR },
	};
	/* int_ctl is written when there is or was an interrupt for the guest. */
	const uint32_t all = SVM_CLEAN_ALL, event = SVM_CLEAN_ALL & ~SVM_CLEAN_TPR;
	const struct hv_event irq = { .kind = HV_EVENT_INTERRUPT, .vector = 0x51 }, nmi = { .kind = HV_EVENT_NMI, .vector = 2 },
			      pf = { .kind = HV_EVENT_EXCEPTION, .vector = 14, .has_error = true, .fault_address = 0x1234 };
	struct arch_regs r;
	uint64_t cr8;

	svm_features.edx = 0;
	clean_next();
	ok_eq(clean_next(), 0, "a CPU without clean bits is told none");
	svm_features.edx = SVM_F_CLEAN;
	clean_next();
	ok_eq(clean_next(), all, "nothing changed: all is clean");
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		svm_arch_ops.reg_set(&vcpu, rows[i].reg, svm_arch_ops.reg_get(&vcpu, rows[i].reg));
		ok(clean_next() == (all & ~rows[i].bit), "register %u takes its bit and no other", rows[i].reg);
	}
	cr8 = svm_arch_ops.reg_get(&vcpu, X86_CR8);
	svm_arch_ops.reg_set(&vcpu, X86_CR8, 3);
	ok(!(clean_next() & SVM_CLEAN_TPR), "CR8");
	svm_arch_ops.reg_set(&vcpu, X86_CR8, cr8);
	clean_next();
	ok(hv_svm.vcpu_inject(&vcpu, &pf) == OK && clean_next() == (all & ~SVM_CLEAN_CR2), "#PF writes CR2");
	s->vmcb->s.rflags |= X86_RFLAGS_TF;
	svm_skip_to(s, 0x1000);
	s->vmcb->s.rflags &= ~X86_RFLAGS_TF;
	ok_eq(clean_next(), all & ~SVM_CLEAN_DR, "a single step over an instruction writes DR6");
	run(SVM_EXIT_EXC + 1, false);
	ok_eq(clean_next(), all & ~SVM_CLEAN_DR, "a reflected #DB writes DR7");
	run(SVM_EXIT_DR_READ, false);
	ok(s->dr_live && s->vmcb->c.intercept_dr == 0 && s->clean == (SVM_CLEAN_ALL & ~SVM_CLEAN_I), "the intercepts of debug registers go");
	s->dr_live = false; /* the next entry would load them, which the host has no right to */
	s->vmcb->c.intercept_dr = SVM_DR_INTERCEPT_ALL;
	clean_next();
	ok(hv_svm.vcpu_inject(&vcpu, &irq) == OK && clean_next() == event, "V_IRQ lies in int_ctl alone");
	ok(hv_svm.vcpu_inject(&vcpu, &nmi) == OK && clean_next() == (event & ~SVM_CLEAN_I), "an NMI has its IRET watched");
	hv_svm.arch->latch_reset(&vcpu, false);
	clean_next();
	vcpu.counter_offset += 5;
	ok_eq(clean_next(), all & ~SVM_CLEAN_I, "the TSC offset");
	atomic_fetch_add(&((struct svm_vm *)vm.hv)->flushes, 1);
	ok_eq(clean_next(), all & ~SVM_CLEAN_ASID, "a flush by a new ASID");
	hv_svm.vcpu_get_regs(&vcpu, &r);
	hv_svm.vcpu_set_regs(&vcpu, &r);
	ok_eq(clean_next(), 0, "a whole register file");
	ok_eq(clean_next(), all, "all clean again");
	hv_svm.vcpu_leave(&vcpu);
	fake_cpu_set(1);
	ok_eq(clean_next(), 0, "another CPU has nothing in its cache");
	ok_eq(clean_next(), all, "then it has");
	hv_svm.vcpu_leave(&vcpu);
	fake_cpu_set(0);
	ok_eq(clean_next(), 0, "and the first one's is old");
	svm_features.edx = 0;
}

/* APM 2 15.14.4: with a filter each vCPU leaves after many spins; without one only those that may wait for another vCPU. */
static void test_pause_filter(void)
{
	static const struct { uint32_t edx; unsigned vcpus; bool intercept; uint16_t count, threshold; } rows[] = {
		{ 0, 1, false, 0, 0 }, { 0, 2, true, 0, 0 },
		{ SVM_F_PAUSE_FILTER, 1, true, 3000, 0 }, { SVM_F_PAUSE_FILTER | SVM_F_PAUSE_THRESHOLD, 1, true, 3000, 128 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct vcpu v = { .vm = &vm, .arch = &arch };
		const struct vmcb_control *c;

		svm_features.edx = rows[i].edx;
		vm.nvcpus = rows[i].vcpus;
		if (!ok(hv_svm.vcpu_init(&v) == OK, "a vCPU"))
			continue;
		c = &svm_of(&v)->vmcb->c;
		ok(!!(c->intercept1 & SVM_I1_PAUSE) == rows[i].intercept && c->pause_count == rows[i].count && c->pause_threshold == rows[i].threshold,
		   "pause filter, row %u", i);
		hv_svm.vcpu_fini(&v);
	}
	svm_features.edx = 0;
	vm.nvcpus = 1;
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

	distinct_regs(&in);
	hv_svm.vcpu_set_regs(&vcpu, &in);
	memset(&out, 0xff, sizeof out);
	hv_svm.vcpu_get_regs(&vcpu, &out);
	ok(!memcmp(in.gpr, out.gpr, sizeof in.gpr) && in.rip == out.rip && in.rflags == out.rflags, "general registers make the round trip");
	ok(!memcmp(in.seg, out.seg, sizeof in.seg), "segments");
	ok(!memcmp(&in.cr0, &out.cr0, sizeof in - offsetof(struct arch_regs, cr0)), "control, debug and model-specific registers");
	ok(svm_of(&vcpu)->vmcb->s.efer & X86_EFER_SVME, "EFER.SVME is set behind the guest's back");
}

static void test_leaks(void)
{
	enum { MD_CLEAR = 1 << 10, L1D_FLUSH = 1 << 28 };
	static const struct { bool intel; uint32_t edx; bool rtm; uint64_t caps; struct host_leaks want; const char *name; } rows[] = {
		{ false, ~0u, true, 0, { false, false, false, false }, "another vendor's" },
		{ true, MD_CLEAR | L1D_FLUSH, true, 0, { true, true, true, true }, "Skylake with its microcode" },
		{ true, 0, true, 0, { true, true, false, false }, "Skylake without: affected, and nothing to do" },
		{ true, MD_CLEAR | L1D_FLUSH, true, 1 << 0 | 1 << 5, { false, true, false, true }, "Cascade Lake: TAA alone" },
		{ true, MD_CLEAR | L1D_FLUSH, false, 1 << 0 | 1 << 5 | 1 << 8, { false, false, false, false }, "none of them" },
		{ true, MD_CLEAR | L1D_FLUSH, false, 1 << 0 | 1 << 5 | 1 << 17, { false, true, false, true }, "stale MMIO data" },
		{ true, MD_CLEAR | L1D_FLUSH, false, 1 << 0 | 1 << 5 | 1 << 28, { false, true, false, true }, "stale register files" },
		{ true, MD_CLEAR | L1D_FLUSH, false, 1 << 3 | 1 << 5, { false, false, false, false }, "whoever is below flushes already" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct host_leaks l = host_leaks(rows[i].intel, rows[i].edx, rows[i].rtm, rows[i].caps);

		ok(l.l1tf == rows[i].want.l1tf && l.buffers == rows[i].want.buffers && l.l1d_flush == rows[i].want.l1d_flush && l.verw == rows[i].want.verw,
		   "leaks of %s", rows[i].name);
	}
}

/* At each entry, not only at another VM's. */
static void test_leaks_at_entry(void)
{
	cpu_wrmsr(MSR_FLUSH_CMD, 0);
	run(SVM_EXIT_INTR, false);
	ok_eq(cpu_rdmsr(MSR_FLUSH_CMD), 0, "a CPU that does not leak is not made slow");
	host_features.l1d_flush = host_features.verw = true;
	for (unsigned i = 0; i < 2; i++) {
		cpu_wrmsr(MSR_FLUSH_CMD, 0);
		run(SVM_EXIT_INTR, false);
		ok_eq(cpu_rdmsr(MSR_FLUSH_CMD), 1, "one that does flushes its L1 data cache");
	}
	host_features.l1d_flush = host_features.verw = false;
}

static void test_probe(void)
{
	static const struct svm_probe_in good = { .max_leaf = 0x8000000a, .ext_ecx = 4, .asids = 16, .edx = SVM_F_NPT };
	struct { struct svm_probe_in in; err_t err; const char *why; } rows[] = {
		{ good, OK, "" }, { good, E_NOENT, "no AMD SVM" }, { good, E_NOENT, "no AMD SVM" }, { good, E_UNSUPPORTED, "nested paging" },
		{ good, E_UNSUPPORTED, "firmware setup" }, { good, E_UNSUPPORTED, "five-level" }, { good, E_UNSUPPORTED, "identifiers" },
	};

	rows[1].in.max_leaf = 0x80000008;
	rows[2].in.ext_ecx = ~4u;
	rows[3].in.edx = ~SVM_F_NPT;
	rows[4].in.vm_cr = VM_CR_SVMDIS;
	rows[5].in.cr4 = X86_CR4_LA57;
	rows[6].in.asids = 1;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		const char *why = "";

		ok(svm_check(&rows[i].in, &why) == rows[i].err && strstr(why, rows[i].why), "probing, row %u: %s", i, why);
	}
}

int main(void)
{
	struct svm_vcpu *s;

	fake_init(32 * MIB, 2);
	hv_current = &hv_svm;
	test_probe();
	test_leaks();
	s = start();
	if (!ok(s, "a vCPU"))
		return tap_done();
	test_interrupts(s);
	test_nmi(s);
	test_nmi_and_irq(s);
	test_complete(s);
	test_cr8(s);
	test_cr4(s);
	test_exceptions(s);
	test_leaks_at_entry();
	test_assisted(s);
	test_clean_bits(s);
	test_pause_filter();
	test_regs();
	test_asids();
	host_features.fp_size = 576;
	hv_svm.vcpu_fini(&vcpu);
	hv_svm.vm_fini(&vm);
	gmem_destroy(vm.mem);
	ok_eq(vm.pool.used_pages, 0, "all memory came back");
	return tap_done();
}
