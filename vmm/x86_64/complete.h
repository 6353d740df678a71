/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an emulated exit, as far as it is the same for all backends: results into registers, and what has to follow. Own CPU. For the
 * backends alone. */
#ifndef VMM_X86_64_COMPLETE_H
#define VMM_X86_64_COMPLETE_H
#include <stdbool.h>
#include <stdint.h>
#include <vmm/hv.h>
#include <vmm/x86_64/regs.h>

/* What is left for the backend after the results are in the registers. */
enum complete {
	COMPLETE_NOTHING, /* nothing was executed */
	COMPLETE_STEP,    /* over the instruction */
	COMPLETE_GP,      /* #GP(0) takes the place of the step */
	COMPLETE_UD,      /* #UD */
	COMPLETE_MMIO,    /* x86_mmio_finish does it */
};
static inline void complete_edx_eax(uint64_t *gpr, uint64_t v)
{
	gpr[REG_RAX] = (uint32_t)v;
	gpr[REG_RDX] = v >> 32;
}

static inline void complete_in(uint64_t *rax, const struct hv_exit *e)
{
	switch (e->pio.size) {
	case 1:
		*rax = (*rax & ~0xffull) | (e->pio.value & 0xff);
		break;
	case 2:
		*rax = (*rax & ~0xffffull) | (e->pio.value & 0xffff);
		break;
	default:
		*rax = (uint32_t)e->pio.value;
		break;
	}
}

/* gpr: REG_GPRS of them; xcr0: the guest's. Inlined: each exit that is emulated ends here. */
static inline __attribute__((always_inline)) enum complete complete_exit(uint64_t *gpr, uint64_t *xcr0, const struct hv_exit *e)
{
	switch (e->kind) {
	case HV_EXIT_HOST:
	case HV_EXIT_STAGE2:
	case HV_EXIT_IRQ_WINDOW:
	case HV_EXIT_TIMER:
	case HV_EXIT_SHUTDOWN:
	case HV_EXIT_INVALID:
	case HV_EXIT_SYSREG:
		return COMPLETE_NOTHING;
	case HV_EXIT_UNDEFINED:
		return COMPLETE_UD;
	case HV_EXIT_MMIO:
		return COMPLETE_MMIO;
	case HV_EXIT_CPUID:
		gpr[REG_RAX] = e->cpuid.eax;
		gpr[REG_RBX] = e->cpuid.ebx;
		gpr[REG_RCX] = e->cpuid.ecx;
		gpr[REG_RDX] = e->cpuid.edx;
		return COMPLETE_STEP;
	case HV_EXIT_RDMSR:
		if (e->msr.fault)
			return COMPLETE_GP;
		complete_edx_eax(gpr, e->msr.value);
		return COMPLETE_STEP;
	case HV_EXIT_WRMSR:
		return e->msr.fault ? COMPLETE_GP : COMPLETE_STEP;
	case HV_EXIT_XSETBV:
		if (e->xsetbv.fault)
			return COMPLETE_GP;
		*xcr0 = e->xsetbv.value;
		return COMPLETE_STEP;
	case HV_EXIT_CALL:
		gpr[REG_RAX] = e->call.result;
		return COMPLETE_STEP;
	case HV_EXIT_PIO:
		if (!e->pio.write && !e->pio.string)
			complete_in(&gpr[REG_RAX], e);
		return COMPLETE_STEP;
	default:
		return COMPLETE_STEP;
	}
}

#endif
