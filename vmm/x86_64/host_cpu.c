/* SPDX-License-Identifier: Apache-2.0 */
/* What both backends know of the host's CPUs: features, the counter's offset, and which VM ran last on each. probe on CPU 0, the rest on
 * its own CPU. Knows no backend. */
#include "host_cpu.h"
#include "guest_fp.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/log.h>
#include <vmm/x86_64/regs.h>

struct host_features host_features;
static struct host_cpu {
	int64_t counter_delta;   /* hal_counter() - TSC here */
	uint64_t last_vm;        /* id of the VM that ran last */
	uint64_t tsc_aux;        /* what the MSR holds */
} host_cpus[HAL_MAX_CPUS];

#define FP_SIZE_MIN 576u /* legacy area and XSAVE header */

/* CPUID 7.0 EDX and IA32_ARCH_CAPABILITIES */
#define LEAF7_MD_CLEAR (1u << 10)
#define LEAF7_L1D_FLUSH (1u << 28)
#define LEAF7_ARCH_CAPS (1u << 29)
#define CAPS_RDCL_NO (1ull << 0)
#define CAPS_SKIP_L1DFL (1ull << 3)
#define CAPS_MDS_NO (1ull << 5)
#define CAPS_TAA_NO (1ull << 8)
#define CAPS_FB_CLEAR (1ull << 17)
#define CAPS_RFDS_CLEAR (1ull << 28)

struct host_leaks host_leaks(bool intel, uint32_t leaf7_edx, bool rtm, uint64_t arch_caps)
{
	struct host_leaks l = { 0 };

	if (!intel)
		return l;
	l.l1tf = !(arch_caps & (CAPS_RDCL_NO | CAPS_SKIP_L1DFL));
	l.buffers = !(arch_caps & CAPS_MDS_NO) || (rtm && !(arch_caps & CAPS_TAA_NO)) || (arch_caps & (CAPS_FB_CLEAR | CAPS_RFDS_CLEAR));
	l.l1d_flush = l.l1tf && (leaf7_edx & LEAF7_L1D_FLUSH);
	l.verw = l.buffers && (leaf7_edx & LEAF7_MD_CLEAR);
	return l;
}

static void leaks_probe(struct host_features *f)
{
	struct cpu_leaf zero = cpu_leaf(0, 0), seven = zero.a >= 7 ? cpu_leaf(7, 0) : (struct cpu_leaf){ 0 };
	bool intel = zero.b == 0x756e6547; /* "Genu" */
	struct host_leaks l = host_leaks(intel, seven.d, seven.b & (1u << 11), seven.d & LEAF7_ARCH_CAPS ? cpu_rdmsr(MSR_ARCH_CAPABILITIES) : 0);

	f->l1d_flush = l.l1d_flush;
	f->verw = l.verw;
	log_info("hv", "against speculation between guests:%s%s%s%s", f->ibpb ? " IBPB" : "", f->l1d_flush ? " L1D-flush" : "",
		 f->verw ? " VERW" : "", f->ibpb || f->l1d_flush || f->verw ? "" : " nothing that this CPU offers");
	if (l.l1tf && !l.l1d_flush)
		log_warn("hv", "this CPU's L1 data cache leaks to guests, and no microcode to flush it is loaded");
	if (l.buffers && !l.verw)
		log_warn("hv", "this CPU's buffers leak to guests, and no microcode to clear them is loaded");
}

void host_cpu_probe(void)
{
	struct host_features *f = &host_features;
	uint32_t max_ext = cpu_leaf(0x80000000, 0).a;
	bool amd_ibpb = max_ext >= 0x80000008 && (cpu_leaf(0x80000008, 0).b & (1u << 12));
	bool intel_ibpb = cpu_leaf(0, 0).a >= 7 && (cpu_leaf(7, 0).d & (1u << 26));

	f->rdtscp = max_ext >= 0x80000001 && (cpu_leaf(0x80000001, 0).d & (1u << 27));
	f->ibpb = amd_ibpb || intel_ibpb;
	f->xcr0 = cpu_cr4() & X86_CR4_OSXSAVE ? cpu_xgetbv() : 0;
	leaks_probe(f);
	hal_fp_guard(guest_fp_yield);
	f->fp_size = f->xcr0 ? MAX(cpu_leaf(0xd, 0).b, FP_SIZE_MIN) : FP_SIZE_MIN;
}

/* The difference is found between two readings. */
static int64_t measure_counter_delta(void)
{
	int64_t low = INT64_MIN, high = INT64_MAX;

	for (unsigned i = 0; i < 8; i++) {
		uint64_t before = cpu_rdtsc();
		uint64_t counter = hal_counter();
		uint64_t after = cpu_rdtsc();

		low = MAX(low, (int64_t)(counter - after));
		high = MIN(high, (int64_t)(counter - before));
	}
	if (low <= 0 && high >= 0)
		return 0;
	return low + (high - low) / 2;
}

void host_cpu_init(void)
{
	host_cpus[hal_cpu_id()] = (struct host_cpu){ .counter_delta = measure_counter_delta(), .tsc_aux = UINT64_MAX };
}

uint64_t host_cpu_tss(const struct host_tables *t)
{
	const uint32_t *d = (const uint32_t *)(uintptr_t)(t->gdt.base + (t->tr & ~7u));

	return (d[0] >> 16) | (d[1] & 0xffu) << 16 | (d[1] & 0xff000000u) | (uint64_t)d[2] << 32;
}

int64_t host_cpu_counter_delta(void)
{
	return host_cpus[hal_cpu_id()].counter_delta;
}

void host_cpu_enter_vm(uint64_t id)
{
	struct host_cpu *c = &host_cpus[hal_cpu_id()];

	if (c->last_vm == id)
		return;
	if (host_features.ibpb && c->last_vm)
		cpu_wrmsr(MSR_PRED_CMD, 1);
	c->last_vm = id;
}

__attribute__((noinline)) void host_cpu_flush_leaks(void)
{
	if (host_features.l1d_flush)
		cpu_wrmsr(MSR_FLUSH_CMD, 1);
	if (host_features.verw)
		cpu_verw();
}

void host_cpu_tsc_aux(uint64_t value)
{
	struct host_cpu *c = &host_cpus[hal_cpu_id()];

	if (!host_features.rdtscp || c->tsc_aux == value)
		return;
	cpu_wrmsr(MSR_TSC_AUX, value);
	c->tsc_aux = value;
}
