/* SPDX-License-Identifier: Apache-2.0 */
/* What VMX does not switch: the system-call MSRs, DR6; and which translations an entry must forget (SDM 3C 29.4). Own CPU.
 * The host uses none of those MSRs, so they are switched between guests, not between guest and host. */
#include "vmx.h"
#include <core/panic.h>
#include <stddef.h>

#define VPIDS 0x10000u /* 0 is the host's */

static const struct { uint32_t msr; uint16_t offset; } guest_msrs[] = {
	{ 0xc0000081, offsetof(struct arch_regs, star) }, { 0xc0000082, offsetof(struct arch_regs, lstar) },
	{ 0xc0000083, offsetof(struct arch_regs, cstar) }, { 0xc0000084, offsetof(struct arch_regs, sfmask) },
	{ 0xc0000102, offsetof(struct arch_regs, kernel_gs_base) },
};
#define GUEST_MSRS (sizeof(guest_msrs) / sizeof(guest_msrs[0]))

static uint64_t *msr_place(struct vmx_vcpu *s, unsigned i)
{
	return (uint64_t *)((char *)&s->regs + guest_msrs[i].offset);
}

void vmx_msrs_store(struct vmx_vcpu *s)
{
	struct vmx_cpu *c = vmx_cpu();

	if (c->msrs != s)
		return;
	for (unsigned i = 0; i < GUEST_MSRS; i++)
		*msr_place(s, i) = cpu_rdmsr(guest_msrs[i].msr);
	c->msrs = NULL;
	vmx_unsettle(c);
}

void vmx_msrs_load(struct vmx_vcpu *s)
{
	struct vmx_cpu *c = vmx_cpu();

	if (c->msrs == s)
		return;
	if (c->msrs)
		vmx_msrs_store(c->msrs);
	for (unsigned i = 0; i < GUEST_MSRS; i++)
		cpu_wrmsr(guest_msrs[i].msr, *msr_place(s, i));
	c->msrs = s;
}

/* DR7 is in the VMCS. */
void vmx_dr_load(struct vmx_vcpu *s)
{
	guest_dr_load(s->regs.dr);
	__asm__ volatile("mov %0, %%db6" : : "r"(s->regs.dr6));
}

void vmx_dr_save(struct vmx_vcpu *s)
{
	guest_dr_save(s->regs.dr);
	__asm__ volatile("mov %%db6, %0" : "=r"(s->regs.dr6));
}

/* ---- translations ---- */

uint64_t vmx_eptp(const struct vm *vm)
{
	return gmem_root(vm->mem).v | VMX_EPTP_FOUR_LEVELS | VMX_EPTP_WB | (vmx_caps.ept_ad ? VMX_EPTP_AD : 0);
}

static void invept(uint64_t type, uint64_t eptp)
{
	const uint64_t descriptor[2] = { eptp, 0 };

	if (!vmx_invept(type, descriptor))
		panic("INVEPT of type %llu failed", (unsigned long long)type);
}

static void invvpid(uint64_t type, uint64_t vpid)
{
	const uint64_t descriptor[2] = { vpid, 0 };

	if (!vmx_invvpid(type, descriptor))
		panic("INVVPID of type %llu failed", (unsigned long long)type);
}

/* Nothing is known of what ran here before us. */
err_t vmx_translations_init(struct vmx_cpu *c)
{
	const uint64_t all[2] = { 0, 0 };

	c->vpid_generation = 1;
	c->next_vpid = 1;
	/* Without INVEPT for all, each VM's first run flushes its own tables (flushed starts at 0). */
	if (!vmx_caps.invept_one && !vmx_invept(VMX_INV_ALL, all))
		return E_IO;
	if (vmx_caps.vpid && !vmx_invvpid(VMX_INV_ALL, all))
		return E_IO;
	return OK;
}

/* Guest-physical translations are tagged by the EPT pointer: once per CPU and change, for all vCPUs of the VM that run here. */
static void flush_physical(struct vcpu *v)
{
	struct vmx_vm *m = v->vm->hv;
	uint32_t asked = atomic_load(&m->flushes), *done = &m->flushed[hal_cpu_id()];

	if (*done == asked)
		return;
	if (vmx_caps.invept_one)
		invept(VMX_INV_ONE, vmx_eptp(v->vm));
	else
		invept(VMX_INV_ALL, 0);
	*done = asked;
}

/* Linear ones by VPID: a number per vCPU and CPU, used once. When all have been used, a generation ends with a full flush. */
static void flush_linear(struct vmx_cpu *c, struct vmx_vcpu *s)
{
	if (!vmx_caps.vpid)
		return; /* entries and exits flush by themselves */
	if (s->vpid && s->vpid_generation == c->vpid_generation) {
		if (s->flush)
			invvpid(vmx_caps.invvpid_one ? VMX_INV_ONE : VMX_INV_ALL, vmx_caps.invvpid_one ? s->vpid : 0);
		return;
	}
	if (c->next_vpid == VPIDS) {
		c->vpid_generation++;
		c->next_vpid = 1;
		invvpid(VMX_INV_ALL, 0);
	}
	s->vpid = (uint16_t)c->next_vpid++;
	s->vpid_generation = c->vpid_generation;
	vmcs_write(VMCS_VPID, s->vpid);
}

void vmx_translations(struct vmx_cpu *c, struct vcpu *v)
{
	struct vmx_vcpu *s = vmx_of(v);

	flush_physical(v);
	flush_linear(c, s);
	s->flush = false;
}
