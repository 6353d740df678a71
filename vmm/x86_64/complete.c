/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an emulated exit, as far as it is the same for all backends: results into registers, and what has to follow. Own CPU. */
#include "complete.h"
#include <vmm/x86_64/regs.h>

const struct msr_own msrs_own[] = {
	{ 0x174, true }, { 0x175, false }, { 0x176, false },                                      /* SYSENTER_CS, ESP, EIP */
	{ 0xc0000081, true }, { 0xc0000082, false }, { 0xc0000083, false }, { 0xc0000084, true }, /* STAR, LSTAR, CSTAR, SFMASK */
	{ 0xc0000100, true }, { 0xc0000101, true }, { 0xc0000102, true },                         /* FS.base, GS.base, KernelGSbase */
};
const unsigned msrs_own_count = sizeof(msrs_own) / sizeof(msrs_own[0]);

static void set_edx_eax(uint64_t *gpr, uint64_t v)
{
	gpr[REG_RAX] = (uint32_t)v;
	gpr[REG_RDX] = v >> 32;
}

static void complete_in(uint64_t *rax, const struct hv_exit *e)
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

enum complete complete_exit(uint64_t *gpr, uint64_t *xcr0, const struct hv_exit *e)
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
		set_edx_eax(gpr, e->msr.value);
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
