/* SPDX-License-Identifier: Apache-2.0 */
/* The x86_64 part of an exit: what is architecture but not vendor (CPUID, MSRs, XCR0, decoding of device accesses). Own CPU of the
 * vCPU. Everything else is left to vmm/vm/exit.c. */
#include <core/fmt.h>
#include <vmm/machine.h>
#include <vmm/x86_64/lapic.h>
#include "x86.h"

#define KVM_ENOSYS 1000 /* what Linux expects of a hypercall that is not there */

static bool done(struct vcpu *v, const struct hv_exit *e)
{
	hv_current->vcpu_complete(v, e);
	return true;
}

static bool quick(struct vcpu *v, struct hv_exit *e)
{
	e->quick = true;
	return done(v, e);
}

static void cpuid_answer(struct hv_exit *e, const struct cpuid_regs *r)
{
	e->cpuid.eax = r->eax;
	e->cpuid.ebx = r->ebx;
	e->cpuid.ecx = r->ecx;
	e->cpuid.edx = r->edx;
}

/* A leaf with something of the vCPU's in it. */
static __attribute__((noinline)) void cpuid_of(struct vcpu *v, struct hv_exit *e)
{
	uint64_t cr4 = x86_reg(v, X86_CR4);
	const struct cpuid_view view = {
		.apic_id = v->index, .nvcpus = v->vm->nvcpus, .xcr0 = x86_reg(v, X86_XCR0), .osxsave = cr4 & X86_CR4_OSXSAVE,
		.ospke = cr4 & X86_CR4_PKE, .apic_on = lapic_enabled(v),
	};
	struct cpuid_regs r;

	cpuid_read(&view, e->cpuid.leaf, e->cpuid.subleaf, &r);
	cpuid_answer(e, &r);
}

static bool exit_cpuid(struct vcpu *v, struct hv_exit *e)
{
	const struct cpuid_regs *fixed = cpuid_fixed(e->cpuid.leaf);

	if (fixed)
		cpuid_answer(e, fixed);
	else
		cpuid_of(v, e);
	return quick(v, e);
}

/* SDM 1 13.3: x87 always, AVX with SSE, the three AVX-512 parts together and with AVX. */
static bool xcr0_legal(uint64_t v)
{
	if (!(v & 1) || (v & ~cpuid_xcr0_allowed()))
		return false;
	if ((v & 4) && !(v & 2))
		return false;
	return !(v & 0xe0) || ((v & 0xe0) == 0xe0 && (v & 4));
}

static bool exit_xsetbv(struct vcpu *v, struct hv_exit *e)
{
	if (!(x86_reg(v, X86_CR4) & X86_CR4_OSXSAVE)) /* some CPUs (TCG) intercept before they check */
		e->kind = HV_EXIT_UNDEFINED;
	else
		e->xsetbv.fault = e->xsetbv.index != 0 || !xcr0_legal(e->xsetbv.value) || x86_reg(v, X86_CPL) != 0;
	return done(v, e);
}

static bool exit_stage2(struct vcpu *v, struct hv_exit *e)
{
	switch (gmem_fault(v->vm->mem, e->stage2.addr, e->stage2.access)) {
	case OK:
		e->quick = true;
		return true;
	case E_NOMEM:
		vm_crash(v->vm, "the node is out of memory at guest-physical 0x%llx (vcpu %u)", (unsigned long long)e->stage2.addr.v, v->index);
		return true;
	default:
		return x86_emulate_mmio(v, e);
	}
}

/* What the guest did to its task priority by CR8 shows in the VMCB alone until here. */
static void sync_lapic(struct vcpu *v, const struct hv_exit *e)
{
	if (e->cr8 != lapic_cr8(v)) {
		lapic_set_cr8(v, e->cr8);
		atomic_store(&v->look, true);
	}
	if (e->undelivered) {
		lapic_unack(v, e->undelivered);
		atomic_store(&v->look, true);
	}
}

bool arch_vcpu_exit(struct vcpu *v, struct hv_exit *e)
{
	sync_lapic(v, e);
	switch (e->kind) {
	case HV_EXIT_STAGE2:
		return exit_stage2(v, e);
	case HV_EXIT_PIO:
		if (!e->pio.string) {
			e->quick = true; /* a device that has something for the guest asks for a look */
			return false;
		}
		x86_emulate_string_io(v, e);
		return true;
	case HV_EXIT_CPUID:
		return exit_cpuid(v, e);
	case HV_EXIT_RDMSR:
		e->msr.fault = msr_read(v, e->msr.index, &e->msr.value) != OK;
		return quick(v, e);
	case HV_EXIT_WRMSR:
		e->msr.fault = msr_write(v, e->msr.index, e->msr.value) != OK;
		e->quick = !x86_takes_interrupts() && lapic_write_is_quick(v, e->msr.index - MSR_X2APIC_FIRST);
		return done(v, e);
	case HV_EXIT_XSETBV:
		return exit_xsetbv(v, e);
	case HV_EXIT_CALL:
		e->call.result = (uint64_t)-KVM_ENOSYS;
		return quick(v, e);
	case HV_EXIT_UNDEFINED:
		return done(v, e);
	case HV_EXIT_IRQ_WINDOW:
		return true; /* arch_vcpu_prepare looks again */
	case HV_EXIT_SYSREG:
		return true; /* done by the backend */
	default:
		return false;
	}
}

void arch_vcpu_where(struct vcpu *v, char *buf, size_t n)
{
	fmt_buf(buf, n, "rip=0x%llx", (unsigned long long)x86_reg(v, X86_RIP));
}
