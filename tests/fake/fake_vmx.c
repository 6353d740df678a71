/* SPDX-License-Identifier: Apache-2.0 */
/* VMX on the host: a VMCS is 512 cells in its page, a test's function plays the CPU between entry and exit. It insists on the rules that
 * tests could not see broken otherwise: a VMCS is loaded before it is touched, is active on one CPU alone, is launched once. What stays in
 * the TLB is fake_vmx_tlb.c's. */
#include "fake_vmx.h"
#include <core/panic.h>

#define VMCSS 16

struct fake_vmx fake_vmx;
static struct { uint64_t pa; unsigned cpu; bool active, launched; } vmcss[VMCSS];
static uint64_t current[HAL_MAX_CPUS];
const char vmx_exit_point[1];

static unsigned slot_of(uint64_t pa)
{
	for (unsigned i = 0; i < VMCSS; i++)
		if (vmcss[i].pa == pa || !vmcss[i].pa) {
			vmcss[i].pa = pa;
			return i;
		}
	panic("too many VMCSs");
}

/* Width, kind and number of an encoding (SDM 3C 25.11.2); the page holds 4 * 4 * 32 cells. */
static uint64_t *cell(uint32_t field)
{
	uint64_t pa = current[hal_cpu_id()];

	if (!pa)
		panic("no VMCS is loaded");
	if ((field >> 1 & 0x1ff) >= 32)
		panic("a field that the fake does not have: 0x%x", field);
	return (uint64_t *)hal_direct(HPA(pa)) + ((field >> 13 & 3) << 7 | (field >> 10 & 3) << 5 | (field >> 1 & 31));
}

uint64_t vmcs_read(uint32_t field)
{
	return *cell(field);
}

bool vmcs_write(uint32_t field, uint64_t v)
{
	static const uint64_t masks[] = { 0xffff, UINT64_MAX, 0xffffffff, UINT64_MAX };

	if ((field >> 10 & 3) == 1)
		panic("0x%x is read-only", field);
	*cell(field) = v & masks[field >> 13 & 3];
	return true;
}

void fake_vmx_put(uint32_t field, uint64_t v)
{
	*cell(field) = v;
}

bool vmx_on(const uint64_t *physical) { return *physical != 0; }
bool vmx_off(void) { return true; }

bool vmx_clear(const uint64_t *physical)
{
	unsigned i = slot_of(*physical);

	if (vmcss[i].active && vmcss[i].cpu != hal_cpu_id())
		panic("VMCLEAR on another CPU than where the VMCS is active");
	vmcss[i].active = vmcss[i].launched = false;
	if (current[hal_cpu_id()] == *physical)
		current[hal_cpu_id()] = 0;
	fake_vmx.clears++;
	return true;
}

bool vmx_load(const uint64_t *physical)
{
	unsigned i = slot_of(*physical);

	if (vmcss[i].active && vmcss[i].cpu != hal_cpu_id())
		panic("the VMCS is active on another CPU");
	vmcss[i].active = true;
	vmcss[i].cpu = hal_cpu_id();
	current[hal_cpu_id()] = *physical;
	fake_vmx.loads++;
	return true;
}

bool vmx_invept(uint64_t type, const uint64_t descriptor[2])
{
	fake_vmx.invepts++;
	fake_vmx.invept_type = type;
	fake_vmx.invept_eptp = descriptor[0];
	fake_vmx_tlb_invept(type, descriptor[0]);
	return true;
}

bool vmx_invvpid(uint64_t type, const uint64_t descriptor[2])
{
	fake_vmx.invvpids++;
	fake_vmx.invvpid_type = type;
	fake_vmx.invvpid_vpid = descriptor[0];
	fake_vmx_tlb_invvpid(type, descriptor[0]);
	return true;
}

void vmx_host_nmi(void) { fake_vmx.nmis++; }

/* SDM 3C 27.3.1.5: a shadow and an event must fit together, and so must a shadow and a single step that has been promised. */
static bool state_fits(void)
{
	const uint64_t held = *cell(VMCS_GUEST_INTERRUPTIBILITY), event = *cell(VMCS_ENTRY_EVENT), flags = *cell(VMCS_GUEST_RFLAGS);
	const bool sti = held & VMX_BLOCKED_BY_STI, ss = held & VMX_BLOCKED_BY_SS, step = (flags & X86_RFLAGS_TF) && !(*cell(VMCS_GUEST_DEBUGCTL) & 2);

	if (sti && (ss || !(flags & X86_RFLAGS_IF)))
		return false;
	if (guest_event_is(event, GUEST_EVENT_INTR) && (sti || ss || !(flags & X86_RFLAGS_IF)))
		return false;
	if (guest_event_is(event, GUEST_EVENT_NMI) && (sti || ss || (held & VMX_BLOCKED_BY_NMI)))
		return false;
	return !(sti || ss) || step == !!(*cell(VMCS_GUEST_PENDING_DEBUG) & VMX_PENDING_STEP);
}

/* What vmx_enter.S reads after each exit. */
static void show(uint64_t *gpr, struct vmx_frame *f)
{
	f->reason = *cell(VMCS_EXIT_REASON);
	f->insn_len = *cell(VMCS_EXIT_INSN_LEN);
	f->interruptibility = *cell(VMCS_GUEST_INTERRUPTIBILITY);
	gpr[REG_GPRS] = *cell(VMCS_GUEST_RIP);
	gpr[REG_RSP] = f->rsp = *cell(VMCS_GUEST_RSP);
	gpr[REG_GPRS + 1] = f->rflags = *cell(VMCS_GUEST_RFLAGS);
}

int vmx_enter(uint64_t *gpr, uint64_t *cr2, bool launched, struct vmx_frame *f)
{
	unsigned i = slot_of(current[hal_cpu_id()]);

	if (!fake_vmx.run)
		panic("VMLAUNCH on the host");
	if (launched != vmcss[i].launched)
		panic(launched ? "VMRESUME before VMLAUNCH" : "VMLAUNCH twice");
	launched ? fake_vmx.resumes++ : fake_vmx.launches++;
	*cell(VMCS_GUEST_RIP) = gpr[REG_GPRS];
	if (!state_fits() || fake_vmx.refuse) {
		*cell(VMCS_EXIT_REASON) = VMX_REASON_ENTRY_FAILED | (fake_vmx.refuse ? fake_vmx.refuse : VMX_EXIT_GUEST_STATE);
		*cell(VMCS_QUALIFICATION) = 0;
		show(gpr, f);
		return 0; /* only those two fields, and the guest has not run (SDM 3C 27.8) */
	}
	fake_vmx_tlb_enter();
	if (!fake_vmx.run(gpr, cr2))
		return 1;
	vmcss[i].launched = true;
	/* SDM 3C 28.2 */
	*cell(VMCS_ENTRY_EVENT) &= ~GUEST_EVENT_VALID;
	show(gpr, f);
	return 0;
}
