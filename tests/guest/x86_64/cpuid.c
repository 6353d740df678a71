/* SPDX-License-Identifier: Apache-2.0 */
/* CPUID exits: what must be offered, what must not be, what follows the machine's state. The second list names what this monitor has no
 * hardware or no code for (vmm/x86_64/cpuid_table.c says why). */
#include "lib/guest.h"

enum { EAX, EBX, ECX, EDX };
struct bit { uint32_t leaf, sub; uint8_t reg, bit; const char *name; };

static const struct bit present[] = {
	{1, 0, ECX, 21, "x2APIC"}, {1, 0, ECX, 24, "TSC-deadline"}, {1, 0, ECX, 31, "hypervisor"}, {1, 0, EDX, 9, "APIC"},
	{6, 0, EAX, 2, "ARAT"}, {0x40000001, 0, EAX, 3, "clocksource2"}, {0x40000001, 0, EAX, 5, "steal time"},
	{0x40000001, 0, EAX, 24, "stable clock"}, {0x80000001, 0, EDX, 29, "long mode"}, {0x80000001, 0, EDX, 20, "NX"},
};
static const struct bit absent[] = {
	{1, 0, ECX, 3, "MONITOR"}, {1, 0, ECX, 5, "VMX"}, {1, 0, ECX, 6, "SMX"}, {1, 0, ECX, 15, "PDCM"}, {1, 0, EDX, 7, "MCE"},
	{1, 0, EDX, 12, "MTRR"}, {1, 0, EDX, 14, "MCA"}, {1, 0, EDX, 21, "DS"}, {7, 0, EBX, 2, "SGX"}, {7, 0, EBX, 4, "HLE"}, {7, 0, EBX, 11, "RTM"},
	{7, 0, ECX, 7, "CET SS"}, {7, 0, ECX, 16, "LA57"}, {7, 0, EDX, 20, "CET IBT"}, {7, 0, EDX, 24, "AMX"},
	{0x80000001, 0, ECX, 2, "SVM"}, {0x80000001, 0, ECX, 12, "SKINIT"}, {0x80000001, 0, ECX, 29, "MONITORX"}, {0x80000008, 0, EBX, 4, "RDPRU"},
};

static bool has(const struct bit *b)
{
	struct regs r = cpuid(b->leaf, b->sub);

	return ((b->reg == EAX ? r.eax : b->reg == EBX ? r.ebx : b->reg == ECX ? r.ecx : r.edx) >> b->bit) & 1;
}

static void check_bits(void)
{
	for (unsigned i = 0; i < sizeof(present) / sizeof(present[0]); i++)
		ok(has(&present[i]), "offered: %s", present[i].name);
	for (unsigned i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		ok(!has(&absent[i]), "not offered: %s", absent[i].name);
}

static bool is_zero(uint32_t leaf)
{
	struct regs r = cpuid(leaf, 0);

	return !(r.eax | r.ebx | r.ecx | r.edx);
}

static void check_limits(void)
{
	static const uint32_t nothing[] = {0xa, 0xf, 0x10, 0x12, 0x14, 0x17, 0x1f, 0x7fffffff, 0x40000002, 0x40000011, 0x4fffffff, 0x8000000a, 0x80000022, 0xffffffff};

	ok_eq(cpuid(0, 0).eax, 0x16, "highest basic leaf");
	ok_eq(cpuid(0x80000000, 0).eax, 0x80000021, "highest extended leaf");
	ok_eq(cpuid(0x40000000, 0).eax, 0x40000010, "highest hypervisor leaf");
	for (unsigned i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
		ok(is_zero(nothing[i]), "leaf %x is empty", nothing[i]);
}

/* CPUID clears bits 63..32 of its four registers and touches no other (APM 3 CPUID). */
static void check_registers(void)
{
	uint64_t a = 0x1234567800000001, b = ~0ull, c = 0xfedcba9800000000, d = ~0ull, si = 0x1111222233334444, r8 = 0x5555666677778888, flags;
	register uint64_t r8_ __asm__("r8") = r8;

	__asm__ volatile("stc; cpuid; pushfq; pop %5" : "+a"(a), "+b"(b), "+c"(c), "+d"(d), "+S"(si), "=&D"(flags), "+r"(r8_));
	r8 ^= r8_;
	ok(!((a | b | c | d) >> 32), "upper halves are cleared");
	ok(si == 0x1111222233334444 && r8 == 0, "other registers stay");
	ok(flags & 1, "flags stay");
}

static void check_state(void)
{
	uint64_t cr4, base;

	ok_eq(cpuid(1, 0).ebx >> 24, apic_read(APIC_ID) >> 24, "initial APIC id");
	ok_eq(cpuid(0xb, 0).edx, apic_read(APIC_ID) >> 24, "x2APIC id");
	ok_eq(cpuid(0xb, 1).ebx, cpu_count(), "topology: CPUs in the package");
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	ok(!(cpuid(1, 0).ecx & 1 << 27), "OSXSAVE is off with CR4");
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | 1 << 18));
	ok(cpuid(1, 0).ecx & 1 << 27, "OSXSAVE is on with CR4");
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
	base = rdmsr(MSR_APIC_BASE);
	wrmsr(MSR_APIC_BASE, base & ~(1ull << 11));
	ok(!(cpuid(1, 0).edx & 1 << 9), "APIC bit is off with the APIC");
	wrmsr(MSR_APIC_BASE, base);
	apic_enable();
	ok(cpuid(1, 0).edx & 1 << 9, "APIC bit is on with the APIC");
}

static void check_frequency(void)
{
	struct regs r = cpuid(0x15, 0), h = cpuid(0x40000010, 0);
	uint64_t hz = r.eax ? (uint64_t)r.ecx * r.ebx / r.eax : 0;

	ok(hz > 10000000 && hz < 10000000000ull, "leaf 15h tells a TSC frequency");
	note("TSC %llu Hz", (unsigned long long)hz);
	ok_eq(h.eax, hz / 1000, "leaf 40000010h tells the same in kHz");
	ok_eq(cpuid(0x16, 0).eax, hz / 1000000, "leaf 16h tells the same in MHz");
	ok((cpuid(0x80000008, 0).eax & 0xff) >= 36, "36 or more physical address bits");
}

void guest_main(void)
{
	if (!on_caisson) {
		skip("not in Caisson", "CPUID");
		return;
	}
	check_bits();
	check_limits();
	check_registers();
	check_state();
	check_frequency();
}
