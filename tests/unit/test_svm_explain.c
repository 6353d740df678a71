/* SPDX-License-Identifier: Apache-2.0 */
/* Which rule a refused VMCB breaks: legal states are found legal, then one field at a time is spoilt; and what a run whose entry is refused
 * leaves in the exit and in the log. Host only. */
#include "tap.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/log.h>
#include <fake/fake.h>
#include <fake/fake_svm.h>
#include <stdlib.h>
#include <string.h>
#include <vmm/stage2.h>
#include <vmm/x86_64/cpuid.h>
#include "../../vmm/x86_64/x86.h"

static struct vmcb b;
static char why[SVM_WHY_MAX];

static void host(uint32_t leaf, uint32_t subleaf, struct cpuid_regs *r)
{
	(void)subleaf;
	*r = (struct cpuid_regs){ .eax = leaf == 0 ? 0x20 : leaf == 0x80000000 ? 0x80000020 : leaf == 0x80000008 ? 40 : 0 };
}

/* What a 64-bit kernel runs with. */
static void wide(void)
{
	memset(&b, 0, sizeof(b));
	b.s.cr0 = 0x80050033;
	b.s.cr3 = 0x1000;
	b.s.cr4 = 0x3506f0;
	b.s.efer = 0x1d01;
	b.s.dr6 = 0xffff0ff0;
	b.s.dr7 = 0x400;
	b.s.cs = (struct vmcb_seg){ 0x10, SEG_ATTR_CODE64, 0xffffffff, 0 };
	b.c.intercept2 = SVM_I2_VMRUN;
	b.c.asid = 1;
	b.c.np_enable = 1;
	b.c.iopm_pa = 0x4000;
	b.c.msrpm_pa = 0x8000;
	b.c.n_cr3 = 0x2000;
}

/* After reset. */
static void real(void)
{
	wide();
	b.s.cr0 = 0x60000010;
	b.s.cr3 = b.s.cr4 = 0;
	b.s.efer = X86_EFER_SVME;
	b.s.cs = (struct vmcb_seg){ 0xf000, SEG_ATTR_CODE16, 0xffff, 0xffff0000 };
}

static bool legal(void)
{
	strcpy(why, "untouched");
	return !svm_explain_state(&b, why, sizeof(why)) && !strcmp(why, "untouched");
}

static void test_legal(void)
{
	static const uint64_t events[] = { 0, GUEST_EVENT_NMI_NOW, GUEST_EVENT_VALID | 0x41, GUEST_EVENT_VALID | GUEST_EVENT_EXC << 8 | GUEST_EVENT_ERROR | 14,
		GUEST_EVENT_VALID | GUEST_EVENT_SOFT << 8 | 0x80, 7 << 8 /* not valid: not looked at */ };

	real();
	ok(legal(), "real mode is legal");
	wide();
	ok(legal(), "64-bit mode is legal");
	for (unsigned i = 0; i < ARRAY_LEN(events); i++) {
		b.c.event_inj = events[i];
		ok(legal(), "with event 0x%llx", (unsigned long long)events[i]);
	}
}

#define AT(field) offsetof(struct vmcb, field), sizeof(b.field)

static void test_broken(void)
{
	static const struct { size_t offset, size; uint64_t value; const char *says; } rows[] = {
		{ AT(s.efer), 0xd01, "EFER (without SVME) is 0xd01" },
		{ AT(s.cr0), 0xa0050033, "CR0 (NW without CD) is 0xa0050033" },
		{ AT(s.cr0), 0x180050033, "CR0 (upper half) is 0x180050033" },
		{ AT(s.cr3), 1ull << 40, "CR3 (too wide) is 0x10000000000" },
		{ AT(s.cr4), 0x20a0, "CR4 (reserved bits) is 0x20a0" },
		{ AT(s.cr4), 0x10000a0, "CR4 (reserved bits) is 0x10000a0" },
		{ AT(s.dr6), 0x1ffff0ff0, "DR6 (upper half) is 0x1ffff0ff0" },
		{ AT(s.dr7), 0x100000400, "DR7 (upper half) is 0x100000400" },
		{ AT(s.efer), 0x1d03, "EFER (reserved bits) is 0x1d03" },
		{ AT(s.cr4), 0x6d0, "CR4 (long mode without PAE) is 0x6d0" },
		{ AT(s.cr0), 0x80050032, "CR0 (long mode without PE) is 0x80050032" },
		{ AT(s.cs.attr), 0xe9b, "CS (L excludes D), whose attributes is 0xe9b" },
		{ AT(c.intercept2), 2, "the intercept of VMRUN is off: the word is 0x2" },
		{ AT(c.iopm_pa), 1ull << 40, "the I/O permission map's address (too wide) is 0x10000000000" },
		{ AT(c.msrpm_pa), 1ull << 40, "the MSR permission map's address (too wide) is 0x10000000000" },
		{ AT(c.asid), 0, "the ASID is 0x0" },
		{ AT(c.n_cr3), 1ull << 41, "nested CR3 (too wide) is 0x20000000000" },
		{ AT(c.event_inj), 0x80000100, "EVENTINJ (reserved type) is 0x80000100" },
		{ AT(c.event_inj), 0x80000501, "EVENTINJ (reserved type) is 0x80000501" },
		{ AT(c.event_inj), 0x80000302, "EVENTINJ (an exception of no such vector) is 0x80000302" },
		{ AT(c.event_inj), 0x80000320, "EVENTINJ (an exception of no such vector) is 0x80000320" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		wide();
		memcpy((char *)&b + rows[i].offset, &rows[i].value, rows[i].size);
		if (!ok(svm_explain_state(&b, why, sizeof(why)) && !strcmp(why, rows[i].says), "%s", rows[i].says))
			printf("# got: %s\n", why);
	}
}

/* ---- a run */

static struct vm vm = { .name = "broken", .nvcpus = 1 };
static struct vcpu vcpu;
static struct x86_vcpu arch;

static void refuses(struct vmcb *vmcb, uint64_t *gpr)
{
	(void)gpr;
	vmcb->c.exit_code = UINT64_MAX;
}

static bool logged(uint64_t since, const char *text)
{
	char line[LOG_LINE_MAX + 1];

	for (uint64_t i = since; i < log_next_seq(); i++)
		if (log_read(i, line) && strstr(line, text))
			return true;
	return false;
}

static void test_run(void)
{
	const uint64_t since = log_next_seq();
	struct arch_regs r;
	struct hv_exit e;

	fake_svm_run = refuses;
	svm_features = (struct svm_features){ .asids = 16 };
	host_features = (struct host_features){ .fp_size = 576 };
	pool_init(&vm.pool, "vm", &pool_root, UINT64_MAX);
	vcpu.vm = &vm;
	vcpu.arch = &arch;
	if (!ok(svm_maps_init() == OK && gmem_create(&vm.pool, &stage2_npt, 0, &vm.mem) == OK && hv_svm.vm_init(&vm) == OK &&
		hv_svm.vcpu_init(&vcpu) == OK, "a vCPU"))
		return;
	regs_flat64(&r, 0x1000);
	r.dr7 = 0x100000400;
	hv_svm.vcpu_set_regs(&vcpu, &r);
	hv_svm.vcpu_run(&vcpu, &e);
	ok(e.kind == HV_EXIT_INVALID && e.invalid.code == UINT64_MAX && !strcmp(e.invalid.text, "DR7 (upper half) is 0x100000400"), "the exit says why");
	ok(logged(since, "broken: vcpu 0 on CPU 0: DR7 (upper half) is 0x100000400"), "so does the log");
	ok(logged(since, " VMRUN; VMMCALL;") && logged(since, " HLT;"), "with the intercepts by name");
	ok(logged(since, " cs=0x") && logged(since, ": type 11 DPL 0 L G"), "segments in words");
	ok(logged(since, " dr7=0x100000400"), "and the registers");
	r.dr7 = 0x400;
	hv_svm.vcpu_set_regs(&vcpu, &r);
	hv_svm.vcpu_run(&vcpu, &e);
	ok(e.kind == HV_EXIT_INVALID && !strcmp(e.invalid.text, "invalid guest state"), "where no rule is known to be broken, it says that alone");
	hv_svm.vcpu_fini(&vcpu);
	hv_svm.vm_fini(&vm);
	gmem_destroy(vm.mem);
}

int main(void)
{
	fake_init(32 * MIB, 2);
	hv_current = &hv_svm;
	cpuid_init(host, 1000000000, false, false);
	test_legal();
	test_broken();
	test_run();
	return tap_done();
}
