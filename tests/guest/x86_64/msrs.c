/* SPDX-License-Identifier: Apache-2.0 */
/* Every MSR number of the usual ranges, read and written: each either works or is #GP, and the guest goes on. Then some whose
 * answers are known. */
#include "lib/guest.h"

struct range { uint32_t first, last; };
static const struct range ranges[] = {
	{0, 0x1fff}, {0x40000000, 0x400000ff}, {0x4b564d00, 0x4b564dff}, {0x80000000, 0x8000001f}, {0xc0000000, 0xc0001fff},
	{0xc0010000, 0xc0011fff}, {0xfffffff0, 0xfffffffe},
};
/* Writing these as one likes ends this guest, which is another test (hostile.c). */
static const struct range spared[] = {{0x1b, 0x1b}, {0x800, 0x8ff}, {0xc0000080, 0xc0000080}};

static bool is_spared(uint32_t msr)
{
	for (unsigned i = 0; i < sizeof(spared) / sizeof(spared[0]); i++)
		if (msr >= spared[i].first && msr <= spared[i].last)
			return true;
	return false;
}

static void sweep(const struct range *r)
{
	static const uint64_t values[] = {0, ~0ull, 0x8000000000000000, 0x5a5a5a5a5a5a5a5a};
	unsigned readable = 0, writable = 0, odd = 0;

	for (uint32_t msr = r->first; msr <= r->last; msr++) {
		uint64_t old = 0;
		int fault = rdmsr_catch(msr, &old);

		readable += fault == VEC_NONE;
		odd += fault != VEC_NONE && fault != VEC_GP;
		if (is_spared(msr))
			continue;
		for (unsigned i = 0; i < (fault == VEC_NONE ? 4 : 1); i++) {
			int w = wrmsr_catch(msr, values[i]);

			writable += i == 0 && w == VEC_NONE;
			odd += w != VEC_NONE && w != VEC_GP;
		}
		if (fault == VEC_NONE)
			(void)wrmsr_catch(msr, old);
	}
	ok(odd == 0, "MSRs %x to %x: %u can be read, %u written, the others are #GP", r->first, r->last, readable, writable);
}

static void check_known(void)
{
	static const uint32_t missing[] = {0x3a, 0x48b, 0xfe, 0x200, 0x26f, 0x2ff, 0x480, 0x4b564d02, 0x4b564d04, 0xc0010030, 0xc0010117, 0xc001011b, 0x40000000, 0x1fff};
	uint64_t v = 0;

	if (!on_caisson) {
		skip("not in Caisson", "known MSRs");
		return;
	}
	for (unsigned i = 0; i < sizeof(missing) / sizeof(missing[0]); i++)
		ok_eq(rdmsr_catch(missing[i], &v), VEC_GP, "MSR %x is #GP", missing[i]);
	ok(cpuid(0xd, 1).eax & 1 << 3 ? rdmsr_catch(0xda0, &v) == VEC_NONE && v == 0 && wrmsr_catch(0xda0, 0) == VEC_NONE && wrmsr_catch(0xda0, 1 << 8) == VEC_GP
	   : rdmsr_catch(0xda0, &v) == VEC_GP, "XSS is 0 and stays so, or #GP where XSAVES is not offered");
	ok(rdmsr_catch(0x1b, &v) == VEC_NONE && v == (0xfee00000 | 1 << 11 | 1 << 8), "APIC_BASE of the first CPU");
	ok(rdmsr_catch(0x277, &v) == VEC_NONE && v == 0x0007040600070406, "PAT after reset");
	ok(rdmsr_catch(0xc0010114, &v) == VEC_NONE && (v & 1 << 4), "VM_CR says that SVM is off");
	ok_eq(wrmsr_catch(0x277, 0x0207040600070406), VEC_GP, "PAT with a reserved type is #GP");
	ok_eq(wrmsr_catch(0xc0000080, 1ull << 12 | 0xd00), VEC_GP, "EFER.SVME is #GP");
	ok_eq(wrmsr_catch(0xc0000082, 0x800000000000), VEC_GP, "LSTAR that is not canonical is #GP");
	ok_eq(wrmsr_catch(0x1b, 0xfee00000 | 1 << 11 | 1 << 8 | 1ull << 60), VEC_GP, "APIC_BASE beyond the address width is #GP");
	ok_eq(wrmsr_catch(0x830, 0), VEC_GP, "x2APIC registers are #GP in xAPIC mode");
	wrmsr(0xc0000102, 0x123456789000);
	ok_eq(rdmsr(0xc0000102), 0x123456789000, "KERNEL_GS_BASE keeps its value");
	wrmsr(0xc0000100, 0x7fff12345000);
	ok_eq(rdmsr(0xc0000100), 0x7fff12345000, "FS_BASE keeps its value");
}

/* The APIC's page may be moved and the APIC switched off; what lies there then is memory or nobody. */
static void check_apic_base(void)
{
	if (!on_caisson)
		return;
	wrmsr(0x1b, 0xfee10000 | 1 << 11);
	ok(read32(0xfee10000 + APIC_VERSION) != 0xffffffff && read32(0xfee00000 + APIC_VERSION) == 0xffffffff, "the APIC's page can be moved");
	wrmsr(0x1b, ram[nram - 1].base + 0x200000 + (1 << 11));
	(void)read32(0xfee00000);
	wrmsr(0x1b, 0xfee00000);
	ok_eq(read32(0xfee00000 + APIC_VERSION), 0xffffffff, "switched off, nobody is there");
	wrmsr(0x1b, 0xfee00000 | 1 << 11);
	apic_enable();
	ok(read32(0xfee00000 + APIC_VERSION) != 0xffffffff, "and it comes back");
}

void guest_main(void)
{
	check_known();
	for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		sweep(&ranges[i]);
	check_apic_base();
	ok(cpuid(0, 0).eax != 0 && rdtsc() != 0, "the guest is alive");
}
