/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest is offered by CPUID, row by row, with the reason. Sorted by leaf and subleaf. What depends on the vCPU (APIC id,
 * topology, XCR0, frequencies) is filled in by cpuid.c. A bit that is in no row is not offered: among them MONITOR/MWAIT (an idle
 * guest halts), VMX and SVM (no nesting), PMU, MCE/MCA and MTRR (no such hardware in this PC), TSX, SGX, CET, AMX, LA57. */
#include <vmm/x86_64/cpuid.h>
#include <vmm/x86_64/pvclock.h>

#define B(n) (1u << (n))
#define ALL 0xffffffffu
#define PASS(leaf, sub, reg, bits, why) { leaf, sub, CPUID_##reg, bits, 0, why }
#define SET(leaf, sub, reg, bits, why) { leaf, sub, CPUID_##reg, 0, bits, why }
#define SAME(leaf, sub, why) PASS(leaf, sub, EAX, ALL, why), PASS(leaf, sub, EBX, ALL, why), PASS(leaf, sub, ECX, ALL, why), PASS(leaf, sub, EDX, ALL, why)

const struct cpuid_row cpuid_rows[] = {
	SET(0x0, 0, EAX, 0x16, "highest basic leaf: the TSC frequency is in 15h and 16h"),
	PASS(0x0, 0, EBX, ALL, "vendor: guests choose errata and instructions by it"),
	PASS(0x0, 0, ECX, ALL, "vendor"),
	PASS(0x0, 0, EDX, ALL, "vendor"),

	PASS(0x1, 0, EAX, ALL, "family, model, stepping"),
	PASS(0x1, 0, EBX, 0x0000ff00, "CLFLUSH line size; APIC id and count by vCPU"),
	PASS(0x1, 0, ECX, B(0) | B(1) | B(9) | B(12) | B(13) | B(19) | B(20) | B(22) | B(23) | B(25) | B(29) | B(30),
	     "SSE3 PCLMULQDQ SSSE3 FMA CX16 SSE4.1 SSE4.2 MOVBE POPCNT AES F16C RDRAND: no state beyond XSAVE's"),
	PASS(0x1, 0, ECX, B(17), "PCID: a guest's own tags, flushed with its ASID"),
	PASS(0x1, 0, ECX, B(26) | B(28), "XSAVE AVX: switched with the guest"),
	SET(0x1, 0, ECX, B(21), "x2APIC: the monitor's LAPIC has it, and it costs fewer exits"),
	SET(0x1, 0, ECX, B(24), "TSC deadline: the monitor's LAPIC has it; without it guests count the bus clock"),
	SET(0x1, 0, ECX, B(31), "hypervisor present: leaves 40000000h are there"),
	PASS(0x1, 0, EDX, B(0) | B(1) | B(2) | B(3) | B(4) | B(5) | B(6) | B(8) | B(11) | B(13) | B(15) | B(16) | B(17) | B(19),
	     "FPU VME DE PSE TSC MSR PAE CX8 SEP PGE CMOV PAT PSE36 CLFSH; APIC by its enable bit"),
	PASS(0x1, 0, EDX, B(23) | B(24) | B(25) | B(26), "MMX FXSR SSE SSE2"),

	SAME(0x2, 0, "caches and TLBs as Intel's old descriptors; zero for other vendors"),
	SAME(0x4, 0, "Intel's caches, one a subleaf: L1 data"), SAME(0x4, 1, "L1 instruction cache"), SAME(0x4, 2, "L2 cache"), SAME(0x4, 3, "L3 cache"),

	SET(0x6, 0, EAX, B(2), "ARAT: the LAPIC timer never stops; Linux needs no PIT then"),

	SET(0x7, 0, EAX, 1, "highest subleaf"),
	PASS(0x7, 0, EBX, B(0) | B(3) | B(5) | B(8) | B(9) | B(18) | B(19) | B(29), "FSGSBASE BMI1 AVX2 BMI2 ERMS RDSEED ADX SHA"),
	PASS(0x7, 0, EBX, B(7) | B(10) | B(20), "SMEP INVPCID SMAP: of the guest's own tables"),
	PASS(0x7, 0, EBX, B(23) | B(24), "CLFLUSHOPT CLWB"),
	PASS(0x7, 0, EBX, B(16) | B(17) | B(21) | B(28) | B(30) | B(31), "AVX-512 F DQ IFMA CD BW VL: when XCR0 has its state"),
	PASS(0x7, 0, ECX, B(1) | B(6) | B(11) | B(12) | B(14), "AVX-512 VBMI VBMI2 VNNI BITALG VPOPCNTDQ: likewise"),
	PASS(0x7, 0, ECX, B(2) | B(8) | B(9) | B(10) | B(22), "UMIP GFNI VAES VPCLMULQDQ RDPID"),
	PASS(0x7, 0, ECX, B(3), "PKU: PKRU is switched with XSAVE"),
	PASS(0x7, 0, EDX, B(4), "FSRM"),
	PASS(0x7, 0, EDX, B(8) | B(23), "AVX-512 VP2INTERSECT FP16"),
	PASS(0x7, 1, EAX, B(4) | B(5) | B(10) | B(11) | B(12), "AVX_VNNI AVX512_BF16 FZRM FSRS FSRC"),

	PASS(0xd, 1, EAX, B(0) | B(1) | B(2), "XSAVEOPT XSAVEC XGETBV1"),
	PASS(0xd, 1, EAX, B(3), "XSAVES: where the backend lets it run; IA32_XSS is there and stays 0"),
	SAME(0xd, 2, "AVX state"),
	SAME(0xd, 5, "AVX-512 opmask state"),
	SAME(0xd, 6, "AVX-512 upper halves"),
	SAME(0xd, 7, "AVX-512 upper registers"),
	SAME(0xd, 9, "PKRU state"),

	SET(0x40000000, 0, EAX, 0x40000010, "highest hypervisor leaf"),
	SET(0x40000000, 0, EBX, 0x4b4d564b, "\"KVMK\": Linux knows this clock and steal time without drivers"),
	SET(0x40000000, 0, ECX, 0x564b4d56, "\"VMKV\""),
	SET(0x40000000, 0, EDX, 0x0000004d, "\"M\""),
	SET(0x40000001, 0, EAX, PVCLOCK_FEATURES, "clocksource2, steal time, stable TSC"),
	SET(0x40000001, 0, EAX, B(1), "no I/O delays: there is no slow bus, and each would be an exit"),

	SET(0x80000000, 0, EAX, 0x80000021, "highest extended leaf"),
	PASS(0x80000000, 0, EBX, ALL, "vendor"),
	PASS(0x80000000, 0, ECX, ALL, "vendor"),
	PASS(0x80000000, 0, EDX, ALL, "vendor"),
	PASS(0x80000001, 0, EAX, ALL, "family, model, stepping"),
	PASS(0x80000001, 0, EBX, ALL, "package"),
	PASS(0x80000001, 0, ECX, B(0) | B(4) | B(5) | B(6) | B(7) | B(8) | B(11) | B(16) | B(21),
	     "LAHF64 CR8-legacy ABM SSE4A MISALIGNSSE PREFETCHW XOP FMA4 TBM"),
	PASS(0x80000001, 0, ECX, B(22), "topology extensions: leaves 8000001Dh and 8000001Eh are filled"),
	PASS(0x80000001, 0, EDX, B(0) | B(1) | B(2) | B(3) | B(4) | B(5) | B(6) | B(8) | B(13) | B(15) | B(16) | B(17) | B(23) | B(24),
	     "as leaf 1"),
	PASS(0x80000001, 0, EDX, B(11) | B(20) | B(22) | B(25) | B(26) | B(27) | B(29) | B(30) | B(31),
	     "SYSCALL NX MMXEXT FFXSR 1G-pages RDTSCP long-mode 3DNOW"),
	SAME(0x80000002, 0, "brand"), SAME(0x80000003, 0, "brand"), SAME(0x80000004, 0, "brand"),
	SAME(0x80000005, 0, "L1 caches and TLBs"), SAME(0x80000006, 0, "L2 and L3 caches"),
	PASS(0x80000007, 0, EDX, B(8), "invariant TSC: guests are never moved between unequal clocks while they run"),
	PASS(0x80000008, 0, EAX, ALL, "address sizes, limited to what nested tables translate"),
	PASS(0x80000008, 0, EBX, B(0) | B(2), "CLZERO XSAVEERPTR"),
	PASS(0x80000008, 0, EBX, B(12) | B(30), "IBPB: write-only, passed through"),
	PASS(0x80000008, 0, EBX, B(14) | B(15) | B(17) | B(24), "IBRS STIBP SSBD: where SPEC_CTRL is switched with the guest"),
	PASS(0x80000008, 0, EBX, B(26) | B(29), "not vulnerable: SSB_NO BTC_NO"),
	SAME(0x80000019, 0, "TLBs for 1 GiB pages"),
	SAME(0x8000001a, 0, "hints for the choice of instructions"),
	SAME(0x8000001d, 0, "L1 data cache"), SAME(0x8000001d, 1, "L1 instruction cache"),
	SAME(0x8000001d, 2, "L2 cache"), SAME(0x8000001d, 3, "L3 cache"),
	PASS(0x80000021, 0, EAX, B(2) | B(6) | B(28) | B(29), "LFENCE serialises, null selector clears base, IBPB_BRTYPE, SRSO_NO"),
};
const unsigned cpuid_nrows = sizeof(cpuid_rows) / sizeof(cpuid_rows[0]);
