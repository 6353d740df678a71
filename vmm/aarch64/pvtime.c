/* SPDX-License-Identifier: Apache-2.0 */
/* Stolen time (DEN0057 1.0): a record for each vCPU in a page beside RAM, which tells how long it wanted to run and could not. Own CPU of
 * the vCPU, before entries and in calls; writes guest memory through gmem only. Knows no backend. */
#include <core/arith.h>
#include <core/page.h>
#include "arm.h"

#define RECORD_BYTES 64u
#define STOLEN_OFFSET 8u /* behind revision and attributes, which are zero as the page is */
_Static_assert(VM_MAX_VCPUS * RECORD_BYTES <= VIRT_PVTIME_SIZE, "all records in the page");

#define PV_TIME_FEATURES 0xc5000020u
#define PV_TIME_ST 0xc5000021u

err_t pvtime_create(struct vm *vm)
{
	err_t err = pool_reserve(&vm->pool, VIRT_PVTIME_SIZE / PAGE_SIZE);

	return err == OK ? gmem_add_ram(vm->mem, GPA(VIRT_PVTIME), VIRT_PVTIME_SIZE) : err;
}

bool pvtime_offers(uint32_t function)
{
	return function == PV_TIME_FEATURES || function == PV_TIME_ST;
}

uint64_t pvtime_record(struct vcpu *v)
{
	arm_of(v)->st.stolen_asked = true;
	return VIRT_PVTIME + v->index * RECORD_BYTES;
}

void pvtime_prepare(struct vcpu *v)
{
	struct arm_vcpu *a = arm_of(v);
	uint64_t ns = v->se.wait_ns;

	if (!a->st.stolen_asked || a->stolen_ns == ns)
		return;
	/* Fails only when the page cannot be made resident: then the guest keeps the old value, and it is tried again. */
	if (gmem_store64(v->vm->mem, GPA(VIRT_PVTIME + v->index * RECORD_BYTES + STOLEN_OFFSET), ns) == OK)
		a->stolen_ns = ns;
}
