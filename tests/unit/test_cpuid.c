/* SPDX-License-Identifier: Apache-2.0 */
/* The CPUID that guests see, from a host that claims everything and from small ones: what must never be offered, what must agree with
 * what, and the vCPU's own numbers. Host only. */
#include "tap.h"
#include <core/arith.h>
#include <vmm/x86_64/cpuid.h>

#define HZ 2596135000ull

static uint32_t max_basic, max_ext;
static bool no_xsave, no_avx512, no_topoext, intel;

/* All ones, but for what has structure. */
static void greedy_host(uint32_t leaf, uint32_t sub, struct cpuid_regs *r)
{
	*r = (struct cpuid_regs){ ~0u, ~0u, ~0u, ~0u };
	if (leaf == 0)
		*r = (struct cpuid_regs){ max_basic, intel ? 0x756e6547 : 0x68747541, intel ? 0x6c65746e : 0x444d4163, intel ? 0x49656e69 : 0x69746e65 };
	else if (leaf == 4)
		r->eax = sub > 3 ? 0 : (sub == 3 ? 3u : sub == 2 ? 2u : 1u) << 5 | 0xffffc100 | (sub == 1 ? 2 : sub ? 3 : 1);
	else if (leaf == 0x80000000)
		*r = (struct cpuid_regs){ max_ext, 0x68747541, 0x444d4163, 0x69746e65 };
	else if (leaf == 1 && no_xsave)
		r->ecx &= ~(1u << 26);
	else if (leaf == 0x80000001 && no_topoext)
		r->ecx &= ~(1u << 22);
	else if (leaf == 0xd && sub == 0)
		*r = (struct cpuid_regs){ no_avx512 ? 0x207u : 0xffffffffu, 0, 0, 0 };
	else if (leaf == 0xd && sub == 2)
		*r = (struct cpuid_regs){ 256, 576, 0, 0 };
	else if (leaf == 0xd && sub == 5)
		*r = (struct cpuid_regs){ 64, 832, 0, 0 };
	else if (leaf == 0xd && sub == 6)
		*r = (struct cpuid_regs){ 512, 896, 0, 0 };
	else if (leaf == 0xd && sub == 7)
		*r = (struct cpuid_regs){ 1024, 1408, 0, 0 };
	else if (leaf == 0xd && sub == 9)
		*r = (struct cpuid_regs){ 8, 2432, 0, 0 };
	else if (leaf == 0x80000008)
		r->eax = 0x3934; /* 57 linear, 52 physical */
	else if (leaf == 0x8000001d)
		r->eax = (sub == 3 ? 3u : sub == 2 ? 2u : 1u) << 5 | 0x3ffc001f;
}

static struct cpuid_view view = { .apic_id = 5, .nvcpus = 6, .xcr0 = 1, .apic_on = true };

static struct cpuid_regs get(uint32_t leaf, uint32_t sub)
{
	struct cpuid_regs r;

	cpuid_read(&view, leaf, sub, &r);
	return r;
}

static void greedy(void)
{
	max_basic = 0x20;
	max_ext = 0x80000028;
	no_xsave = no_avx512 = no_topoext = intel = false;
	cpuid_init(greedy_host, HZ, false, false);
}

#define NEVER(leaf, sub, reg, bit, what) ok(!(get(leaf, sub).reg >> (bit) & 1), "never: " what)

static void test_never(void)
{
	greedy();
	NEVER(1, 0, ecx, 3, "MONITOR");
	NEVER(1, 0, ecx, 5, "VMX");
	NEVER(1, 0, ecx, 15, "PDCM");
	NEVER(1, 0, edx, 7, "MCE");
	NEVER(1, 0, edx, 12, "MTRR");
	NEVER(1, 0, edx, 14, "MCA");
	NEVER(7, 0, ebx, 2, "SGX");
	NEVER(7, 0, ebx, 4, "HLE");
	NEVER(7, 0, ebx, 11, "RTM");
	NEVER(7, 0, ecx, 5, "WAITPKG");
	NEVER(7, 0, ecx, 7, "CET shadow stacks");
	NEVER(7, 0, ecx, 16, "LA57");
	NEVER(7, 0, edx, 20, "CET branch tracking");
	NEVER(7, 0, edx, 24, "AMX");
	NEVER(7, 0, edx, 26, "Intel's SPEC_CTRL");
	NEVER(0xd, 1, eax, 3, "XSAVES");
	NEVER(0x80000001, 0, ecx, 2, "SVM");
	NEVER(0x80000001, 0, ecx, 10, "IBS");
	NEVER(0x80000001, 0, ecx, 12, "SKINIT");
	NEVER(0x80000001, 0, ecx, 15, "LWP");
	NEVER(0x80000001, 0, ecx, 23, "PMU extensions");
	NEVER(0x80000001, 0, ecx, 29, "MWAITX");
	NEVER(0x80000008, 0, ebx, 4, "RDPRU");
	NEVER(0x80000008, 0, ebx, 3, "INVLPGB");
	NEVER(0x80000008, 0, ebx, 24, "SSBD without SPEC_CTRL");
	for (uint32_t leaf = 2; leaf < 0x40; leaf++) {
		struct cpuid_regs r = get(leaf, 0);

		if (leaf != 6 && leaf != 7 && leaf != 0xb && leaf != 0xd && leaf != 0x15 && leaf != 0x16 && (r.eax | r.ebx | r.ecx | r.edx))
			ok(false, "leaf 0x%x reads as zero", leaf);
	}
	ok(get(0x8000000a, 0).eax == 0 && get(0x8000001f, 0).eax == 0 && get(0xffffffff, 0).eax == 0, "SVM, SEV and unknown leaves are zero");
}

static void test_always(void)
{
	greedy();
	ok(get(1, 0).ecx >> 21 & 1, "x2APIC");
	ok(get(1, 0).ecx >> 24 & 1, "TSC deadline");
	ok(get(1, 0).ecx >> 31 & 1, "hypervisor");
	ok(get(6, 0).eax == 4, "ARAT");
	ok(get(0, 0).eax == 0x16 && get(0x80000000, 0).eax == 0x80000021, "highest leaves");
	ok(get(0, 0).ebx == 0x68747541, "the vendor is the host's");
	struct cpuid_regs r = get(0x40000000, 0);
	ok(!memcmp(&r.ebx, "KVMK", 4) && !memcmp(&r.ecx, "VMKV", 4) && !memcmp(&r.edx, "M\0\0\0", 4) && r.eax == 0x40000010, "KVM's signature");
	ok_eq(get(0x40000001, 0).eax, 1 << 1 | 1 << 3 | 1 << 5 | 1 << 24, "no I/O delay, clocksource2, steal time, stable TSC");
	r = get(0x15, 0);
	ok_eq((uint64_t)r.ecx * r.ebx / r.eax, HZ, "15h tells the TSC frequency");
	ok(get(0x16, 0).eax == 2596 && get(0x40000010, 0).eax == 2596135, "so do 16h and 40000010h");
	ok_eq(get(0x40000010, 0).ebx, 1000000, "the LAPIC's clock in kHz");
}

static void test_vcpu(void)
{
	greedy();
	ok(get(1, 0).ebx >> 24 == 5 && (get(1, 0).ebx >> 16 & 0xff) == 6, "APIC id and count in leaf 1");
	ok(get(1, 0).edx >> 28 & 1, "HTT with several vCPUs");
	ok(get(0xb, 0).edx == 5 && get(0xb, 0).ebx == 1 && get(0xb, 0).ecx == 0x100 && get(0xb, 0).eax == 0, "0Bh: one thread a core");
	ok(get(0xb, 1).ebx == 6 && get(0xb, 1).eax == 3 && get(0xb, 1).ecx == 0x201, "0Bh: six cores in three bits");
	ok(get(0xb, 2).ebx == 0 && get(0xb, 2).ecx == 2, "0Bh ends");
	ok_eq(get(0x80000008, 0).ecx, 5 | 3 << 12, "80000008h: cores");
	ok(get(0x8000001e, 0).eax == 5 && get(0x8000001e, 0).ebx == 5 && get(0x8000001e, 0).ecx == 0, "8000001Eh: the same");
	ok((get(0x8000001d, 0).eax >> 14 & 0xfff) == 0 && (get(0x8000001d, 3).eax >> 14 & 0xfff) == 5, "8000001Dh: L3 is shared by all");
	ok(!(get(1, 0).ecx >> 27 & 1), "OSXSAVE is clear ...");
	view.osxsave = view.ospke = true;
	ok(get(1, 0).ecx >> 27 & 1, "... until CR4 says so");
	ok(get(7, 0).ecx >> 4 & 1, "OSPKE as well");
	view.osxsave = view.ospke = false;
	ok((get(1, 0).edx >> 9 & 1) && (get(0x80000001, 0).edx >> 9 & 1), "APIC");
	view.apic_on = false;
	ok(!(get(1, 0).edx >> 9 & 1) && !(get(0x80000001, 0).edx >> 9 & 1), "APIC off by its base MSR");
	view.apic_on = true;
	view.nvcpus = 1;
	ok(!(get(1, 0).edx >> 28 & 1) && get(0xb, 1).ebx == 1 && get(0xb, 1).eax == 0 && get(0x80000008, 0).ecx == 0, "one vCPU");
	view.nvcpus = 6;
	no_topoext = true;
	cpuid_init(greedy_host, HZ, false, false);
	ok_eq(get(0x8000001e, 0).ebx, 0, "no 8000001Eh without topology extensions");
}

static void test_xsave(void)
{
	greedy();
	ok_eq(cpuid_xcr0_allowed(), 0x2e7, "x87 SSE AVX AVX-512 PKRU of a CPU that has all");
	ok(get(0xd, 0).eax == 0x2e7 && get(0xd, 0).edx == 0, "0Dh says the same");
	ok_eq(get(0xd, 0).ecx, 2440, "size of all components");
	ok_eq(get(0xd, 0).ebx, 576, "size of what is on");
	view.xcr0 = 7;
	ok_eq(get(0xd, 0).ebx, 832, "with AVX");
	ok_eq(get(0xd, 1).ebx, 832, "compacted");
	view.xcr0 = 0x203;
	ok_eq(get(0xd, 1).ebx, 584, "compacted: PKRU directly after the header");
	view.xcr0 = 1;
	ok(get(0xd, 2).eax == 256 && get(0xd, 3).eax == 0 && get(0xd, 8).eax == 0 && get(0xd, 17).eax == 0 && get(0xd, 0xffffffff).eax == 0,
	   "components that are not offered read as zero");
	no_avx512 = true;
	cpuid_init(greedy_host, HZ, false, false);
	ok_eq(cpuid_xcr0_allowed(), 0x207, "without AVX-512");
	ok(!(get(7, 0).ebx & (1u << 16)) && (get(7, 0).ebx & (1u << 5)) && get(0xd, 5).eax == 0, "no instruction without its state");
	no_xsave = true;
	cpuid_init(greedy_host, HZ, false, false);
	ok(cpuid_xcr0_allowed() == 0 && get(0xd, 0).eax == 0 && get(0xd, 1).eax == 0 && get(0xd, 2).eax == 0, "no XSAVE at all");
	ok(!(get(1, 0).ecx & (1u << 28)) && !(get(7, 0).ebx & (1u << 5)) && !(get(7, 0).ecx & (1u << 3)), "then no AVX, AVX2, PKU");
	view.osxsave = true;
	ok(!(get(1, 0).ecx & (1u << 27)), "and never OSXSAVE");
	view.osxsave = false;
}

static void test_xsaves(void)
{
	greedy();
	ok(!(get(0xd, 1).eax & 8) && !cpuid_offers_xsaves(), "no XSAVES when the backend does not let it run");
	cpuid_init(greedy_host, HZ, false, true);
	ok((get(0xd, 1).eax & 0xf) == 0xf && cpuid_offers_xsaves(), "XSAVES when it does");
	view.xcr0 = 7;
	ok(get(0xd, 1).ebx == 832 && get(0xd, 1).ecx == 0 && get(0xd, 1).edx == 0, "its size is that of what XCR0 has on, and no supervisor state");
	view.xcr0 = 1;
	no_xsave = true;
	cpuid_init(greedy_host, HZ, false, true);
	ok(!cpuid_offers_xsaves(), "nor without XSAVE");
}

static void test_intel_caches(void)
{
	greedy();
	ok(get(2, 0).eax == 0 && get(4, 0).eax == 0, "leaves 2 and 4 are Intel's");
	intel = true;
	cpuid_init(greedy_host, HZ, false, false);
	ok(get(2, 0).eax == 0xffffffff, "who has them");
	ok_eq(get(4, 0).eax, 7u << 26 | 1u << 8 | 1u << 5 | 1, "L1: of one CPU, six cores in three bits");
	ok_eq(get(4, 3).eax, 7u << 26 | 7u << 14 | 1u << 8 | 3u << 5 | 3, "L3: of all");
	ok(get(4, 1).ebx == 0xffffffff && get(4, 4).eax == 0 && get(4, 4).ebx == 0, "and the list ends");
	view.nvcpus = 1;
	ok_eq(get(4, 3).eax, 1u << 8 | 3u << 5 | 3, "one vCPU shares with nobody");
	view.nvcpus = 6;
}

static void test_small_host(void)
{
	max_basic = 1;
	max_ext = 0x80000008;
	no_xsave = true;
	cpuid_init(greedy_host, HZ, false, false);
	ok(get(7, 0).ebx == 0 && get(7, 0).edx == 0, "leaves that the host does not have are empty");
	ok(get(0x80000021, 0).eax == 0 && get(0x8000001d, 0).eax == 0, "extended ones too");
	ok(get(1, 0).ecx >> 21 & 1, "what the monitor provides is there");
	greedy();
	ok(cpuid_phys_bits() == 48 && (get(0x80000008, 0).eax & 0xffff) == 0x3030, "address sizes that nested tables translate");
	cpuid_init(greedy_host, HZ, true, false);
	ok(get(0x80000008, 0).ebx >> 24 & 1, "SSBD where SPEC_CTRL is switched");
}

static void test_table(void)
{
	for (unsigned i = 0; i < cpuid_nrows; i++) {
		const struct cpuid_row *r = &cpuid_rows[i], *p = i ? r - 1 : NULL;

		if (p && (p->leaf > r->leaf || (p->leaf == r->leaf && p->subleaf > r->subleaf)))
			ok(false, "row %u is in order", i);
		if (!r->why || !*r->why || (r->pass & r->set))
			ok(false, "row %u has a reason, and one policy a bit", i);
	}
	ok(cpuid_nrows > 60, "%u rows", cpuid_nrows);
}

int main(void)
{
	test_never();
	test_always();
	test_vcpu();
	test_xsave();
	test_xsaves();
	test_intel_caches();
	test_small_host();
	test_table();
	return tap_done();
}
