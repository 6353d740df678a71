/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's MSRs: policies, #GP rules, and a sweep over every index, on the scripted backend. Host only. */
#include "tap.h"
#include "bare_vm.h"
#include "../../vmm/x86_64/x86.h"
#include <fake/fake_hv.h>

const struct hv_ops *hv_current; /* so that the real backends are not linked */
static struct vcpu *v;
static struct fake_vcpu *f;

static void everything(uint32_t leaf, uint32_t sub, struct cpuid_regs *r)
{
	(void)sub;
	*r = (struct cpuid_regs){ ~0u, ~0u, ~0u, ~0u };
	if (leaf == 0)
		r->eax = 0x20;
	else if (leaf == 0x80000000)
		r->eax = 0x80000028;
}

static uint64_t rd(uint32_t index)
{
	uint64_t value = 0xdeadbeef;

	return msr_read(v, index, &value) == OK ? value : ~0ull;
}

static bool wr(uint32_t index, uint64_t value)
{
	return msr_write(v, index, value) == OK;
}

static void test_efer(void)
{
	f->regs.cr0 = X86_CR0_PE;
	ok(wr(0xc0000080, 0x901) && rd(0xc0000080) == 0x901, "EFER: SCE LME NXE");
	ok(!wr(0xc0000080, 0x901 | X86_EFER_SVME), "SVME is #GP");
	ok(!wr(0xc0000080, 1ull << 1) && !wr(0xc0000080, 1ull << 63) && !wr(0xc0000080, X86_EFER_LMSLE), "reserved bits are #GP");
	ok(wr(0xc0000080, X86_EFER_LMA) && rd(0xc0000080) == 0, "LMA cannot be written");
	ok(wr(0xc0000080, X86_EFER_LME), "LME");
	f->regs.cr0 |= X86_CR0_PG;
	f->regs.efer |= X86_EFER_LMA;
	ok(!wr(0xc0000080, 0), "LME does not change while paging is on");
	ok(wr(0xc0000080, X86_EFER_LME | X86_EFER_NXE) && rd(0xc0000080) == (X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE), "LMA stays");
}

static void test_values(void)
{
	ok(wr(0x277, 0x0007040600070401) && f->regs.pat == 0x0007040600070401, "PAT");
	ok(!wr(0x277, 0x02) && !wr(0x277, 0x0300) && !wr(0x277, 0x0800000000000000), "PAT types 2, 3, 8 are #GP");
	ok(wr(0xc0000082, 0xffff800000000000) && f->regs.lstar == 0xffff800000000000, "LSTAR");
	ok(!wr(0xc0000082, 0x800000000000) && !wr(0xc0000100, 1ull << 63), "addresses that are not canonical are #GP");
	ok(wr(0xc0000081, ~0ull) && rd(0xc0000081) == ~0ull, "STAR takes anything");
	ok(wr(0xc0000103, 5) && rd(0xc0000103) == 5 && !wr(0xc0000103, 1ull << 32), "TSC_AUX has 32 bits");
	ok(rd(0x179) == 0 && !wr(0x179, 0), "MCG_CAP: no banks");
	ok(rd(0xc0010114) == 0x18 && !wr(0xc0010114, 0), "VM_CR: SVM is locked off");
	ok(rd(0xc0011029) == 2, "DE_CFG says what CPUID says of LFENCE");
	ok(rd(0x1a0) == 1 && wr(0x1a0, 3) && rd(0x1a0) == 3, "MISC_ENABLE");
	ok(wr(0xc0010015, 1 << 4) && !wr(0xc0010015, 1 << 0), "HWCR");
	ok(wr(0x1d9, 0) && wr(0x1d9, 1) && rd(0x1d9) == 0 && !wr(0x1d9, 1 << 6), "DEBUGCTL");
	ok((rd(0x1b) & 0xfffff900) == 0xfee00900, "APIC_BASE of the boot processor");
	ok(!wr(0xda0, 0) && msr_read(v, 0xda0, &(uint64_t){ 0 }) == E_GUEST, "no XSS without XSAVES");
	cpuid_init(everything, 1000000000, false, true);
	ok(wr(0xda0, 0) && rd(0xda0) == 0 && !wr(0xda0, 1) && !wr(0xda0, 1 << 8), "with it XSS is 0 and stays so");
	cpuid_init(everything, 1000000000, false, false);
	msr_reset(v);
	ok_eq(rd(0x1a0), 1, "reset");
}

static void test_tsc(void)
{
	uint64_t now = rd(0x10);

	ok_eq(now, hal_counter() + (uint64_t)v->counter_offset, "TSC");
	ok(wr(0x10, now + 1000) && rd(0x10) == now + 1000 && rd(0x3b) == 1000, "a write moves TSC_ADJUST");
	ok(wr(0x3b, 400) && rd(0x10) == now + 400, "and the other way");
	ok(wr(0x10, 0) && rd(0x10) == 0, "to zero");
	ok(wr(0x10, ~0ull) && rd(0x10) == ~0ull, "to the end");
	ok(wr(0x3b, 0) && rd(0x10) == now, "and back");
}

/* Each index of the ranges that have MSRs, read and written with hostile values: nothing but OK and #GP, and no harm. */
static void test_sweep(void)
{
	static const uint32_t ranges[][2] = { { 0, 0x2000 }, { 0x40000000, 0x40000200 }, { 0x4b564d00, 0x4b564e00 }, { 0xc0000000, 0xc0002000 },
					      { 0xc0010000, 0xc0012000 }, { 0xffffff00, 0xffffffff } };
	unsigned readable = 0, writable = 0;
	uint64_t before = bare.counters.unknown_msrs;

	for (unsigned r = 0; r < ARRAY_LEN(ranges); r++) {
		for (uint32_t i = ranges[r][0]; i < ranges[r][1]; i++) {
			uint64_t value;

			readable += msr_read(v, i, &value) == OK;
			writable += msr_write(v, i, 0) == OK;
			writable += msr_write(v, i, ~0ull) == OK;
			writable += msr_write(v, i, 0x8000000000000001) == OK;
			lapic_reset(v);
		}
	}
	ok(readable > 20 && readable < 400, "%u can be read", readable);
	ok(writable > 20 && writable < 600, "%u writes were taken", writable);
	ok(bare.counters.unknown_msrs - before > 10000, "the rest was counted");
	ok(msr_name(0xc0000080) && !msr_name(0x12345), "names");
}

/* However many vCPUs it has, a guest does not push what others did out of the log. */
static void test_log_flood(void)
{
	struct vcpu *w = &bare_vcpus[1];
	uint64_t before, value;

	w->arch = pool_alloc(&bare.pool, sizeof(struct x86_vcpu));
	fake_clock_advance(2 * NS_PER_S);
	before = log_next_seq();
	for (unsigned i = 0; i < 1000; i++) {
		(void)msr_read(v, 0x1234567, &value);
		(void)msr_read(w, 0x1234567, &value);
	}
	ok(log_next_seq() > before && log_next_seq() - before <= 5, "two thousand unknown MSRs on two vCPUs make %u lines",
	   (unsigned)(log_next_seq() - before));
	before = log_next_seq();
	fake_clock_advance(2 * NS_PER_S);
	(void)msr_read(w, 0x1234567, &value);
	ok_eq(log_next_seq() - before, 1, "a second later there is room again");
	pool_free(&bare.pool, w->arch, sizeof(struct x86_vcpu));
}

int main(void)
{
	fake_init(32 * MIB, 1);
	fake_hv_use();
	cpuid_init(everything, 1000000000, false, false);
	if (!ok(bare_init(2), "a VM"))
		return tap_done();
	v = &bare_vcpus[0];
	v->arch = pool_alloc(&bare.pool, sizeof(struct x86_vcpu));
	if (!ok(v->arch && hv_fake.vcpu_init(v) == OK, "a vCPU"))
		return tap_done();
	f = fake_vcpu(v);
	msr_reset(v);
	pvclock_reset(&x86_of(v)->pv, v);
	test_efer();
	test_values();
	test_tsc();
	test_sweep();
	test_log_flood();
	hv_fake.vcpu_fini(v);
	pool_free(&bare.pool, v->arch, sizeof(struct x86_vcpu));
	ok(bare_fini(), "everything came back");
	return tap_done();
}
