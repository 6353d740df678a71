/* SPDX-License-Identifier: Apache-2.0 */
/* CPU features by CPUID (SDM 2A CPUID, APM 3 appendix E) and the control registers of every CPU. Runs on
 * each CPU while it comes up. CR4.PGE stays off: no mapping is global, so that loading CR3 drops everything. */
#include "cpu.h"
#include "insn.h"
#include <core/hal.h>
#include <string.h>

/* PA0 WB, PA1 WT, PA2 UC-, PA3 UC as after reset; PA4 WC (SDM 3A 12.12.2). Entries 5-7 are not used. */
#define PAT_VALUE 0x0007040100070406ull

/* x87, SSE, AVX, AVX-512 (opmask, upper halves, upper registers), PKRU (SDM 1 13.1). */
#define XCR0_X87_SSE 0x3ull
#define XCR0_AVX 0x4ull
#define XCR0_AVX512 0xe0ull
#define XCR0_PKRU 0x200ull

struct cpu_features cpu_features;

static uint64_t cpu_probe_xcr0(void)
{
	struct cpuid r = insn_cpuid(0xd, 0);
	uint64_t can = ((uint64_t)r.d << 32 | r.a) & (XCR0_X87_SSE | XCR0_AVX | XCR0_AVX512 | XCR0_PKRU);

	if (!(can & XCR0_AVX) || (can & XCR0_AVX512) != XCR0_AVX512)
		can &= ~XCR0_AVX512;
	return can | XCR0_X87_SSE;
}

static void cpu_probe_model(void)
{
	char *m = cpu_features.model;
	size_t lead = 0, len;

	if (insn_cpuid(0x80000000, 0).a < 0x80000004) {
		struct cpuid r = insn_cpuid(0, 0);

		memcpy(m, &r.b, 4);
		memcpy(m + 4, &r.d, 4);
		memcpy(m + 8, &r.c, 4);
		return;
	}
	for (uint32_t i = 0; i < 3; i++) {
		struct cpuid r = insn_cpuid(0x80000002 + i, 0);

		memcpy(m + i * 16, &r, 16);
	}
	while (m[lead] == ' ')
		lead++;
	memmove(m, m + lead, sizeof(cpu_features.model) - lead);
	for (len = strlen(m); len && m[len - 1] == ' '; len--)
		m[len - 1] = 0;
	for (; *m; m++)
		if (*m < 0x20 || *m > 0x7e)
			*m = '?';
}

err_t cpu_probe(void)
{
	struct cpu_features *f = &cpu_features;
	uint32_t max = insn_cpuid(0, 0).a, max_ext = insn_cpuid(0x80000000, 0).a;
	struct cpuid r = insn_cpuid(1, 0);

	f->x2apic = r.c & (1u << 21);
	f->tsc_deadline = r.c & (1u << 24);
	f->xsave = r.c & (1u << 26);
	f->rdrand = r.c & (1u << 30);
	f->hypervisor = r.c & (1u << 31);
	if (max >= 7) {
		r = insn_cpuid(7, 0);
		f->smep = r.b & (1u << 7);
		f->rdseed = r.b & (1u << 18);
		f->smap = r.b & (1u << 20);
		f->umip = r.c & (1u << 2);
	}
	f->nx = max_ext >= 0x80000001 && (insn_cpuid(0x80000001, 0).d & (1u << 20));
	f->invariant_tsc = max_ext >= 0x80000007 && (insn_cpuid(0x80000007, 0).d & (1u << 8));
	f->phys_bits = max_ext >= 0x80000008 ? insn_cpuid(0x80000008, 0).a & 0xff : 36;
	f->la57_on = insn_read_cr4() & CR4_LA57;
	f->xcr0 = f->xsave && max >= 0xd ? cpu_probe_xcr0() : 0;
	f->xsave = f->xcr0 != 0;
	cpu_probe_model();
	return f->nx ? OK : E_UNSUPPORTED;
}

uint64_t cpu_boot_cr4(void)
{
	return CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | (cpu_features.la57_on ? CR4_LA57 : 0);
}

void cpu_setup(void)
{
	const struct cpu_features *f = &cpu_features;
	uint64_t cr4 = cpu_boot_cr4() | CR4_MCE;

	if (f->smep)
		cr4 |= CR4_SMEP;
	if (f->smap)
		cr4 |= CR4_SMAP;
	if (f->umip)
		cr4 |= CR4_UMIP;
	if (f->xsave)
		cr4 |= CR4_OSXSAVE;
	insn_wrmsr(MSR_EFER, insn_rdmsr(MSR_EFER) | EFER_NXE);
	insn_write_cr0(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE);
	insn_write_cr4(cr4);
	insn_wrmsr(MSR_PAT, PAT_VALUE);
	if (f->xsave)
		insn_xsetbv(0, f->xcr0);
}

const char *hal_cpu_model(void)
{
	return cpu_features.model;
}

void hal_guest_access_begin(void)
{
	if (cpu_features.smap)
		__asm__ volatile("stac" : : : "memory", "cc");
}

void hal_guest_access_end(void)
{
	if (cpu_features.smap)
		__asm__ volatile("clac" : : : "memory", "cc");
}
