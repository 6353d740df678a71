/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_vmx.c. */
#ifndef TESTS_FAKE_VMX_H
#define TESTS_FAKE_VMX_H
#include "../../vmm/x86_64/vmx.h"

struct fake_vmx {
	/* Plays the guest: reads and writes the loaded VMCS as the CPU would until the next exit. false: the entry instruction fails. */
	bool (*run)(uint64_t *gpr, uint64_t *cr2);
	uint32_t refuse; /* basic reason for which the next entries fail after the instruction has succeeded; 0 none */
	unsigned launches, resumes, clears, loads, invepts, invvpids, nmis;
	uint64_t invept_type, invept_eptp, invvpid_type, invvpid_vpid; /* of the last ones */
};
extern struct fake_vmx fake_vmx;
/* Writes any field of the loaded VMCS, as the CPU does. */
void fake_vmx_put(uint32_t field, uint64_t v);

/* ---- fake_vmx_tlb.c: what flushes what */
/* The guest of the loaded VMCS touches a linear address that its own tables lead to gpa. The EPT leaf that the CPU uses for it, 0 none; and
 * whether that is one which the EPT no longer has, or the guest's tables no longer have. */
struct fake_vmx_access { uint64_t leaf; bool stale_physical, stale_linear; };
struct fake_vmx_access fake_vmx_touch(uint64_t linear, uint64_t gpa);
void fake_vmx_tlb_invept(uint64_t type, uint64_t eptp);
void fake_vmx_tlb_invvpid(uint64_t type, uint64_t vpid);
void fake_vmx_tlb_enter(void);

#endif
