/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_vmx.c. */
#ifndef TESTS_FAKE_VMX_H
#define TESTS_FAKE_VMX_H
#include "../../vmm/x86_64/vmx.h"

struct fake_vmx {
	/* Plays the guest: reads and writes the loaded VMCS as the CPU would until the next exit. false: the entry instruction fails. */
	bool (*run)(uint64_t *gpr, uint64_t *cr2);
	unsigned launches, resumes, clears, loads, invepts, invvpids, nmis;
	uint64_t invept_type, invept_eptp, invvpid_type, invvpid_vpid; /* of the last ones */
};
extern struct fake_vmx fake_vmx;
/* Writes any field of the loaded VMCS, as the CPU does. */
void fake_vmx_put(uint32_t field, uint64_t v);

#endif
