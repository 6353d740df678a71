/* SPDX-License-Identifier: Apache-2.0 */
/* The world switch of the SVM backend on the host: a test's function plays the CPU between VMRUN and #VMEXIT. */
#include "fake_svm.h"
#include <core/panic.h>

void (*fake_svm_run)(struct vmcb *b, uint64_t *gpr);

void svm_save_host(uint64_t host_pa)
{
	(void)host_pa;
}

void svm_enter(uint64_t vmcb_pa, uint64_t *gpr, uint64_t host_pa)
{
	(void)host_pa;
	if (!fake_svm_run)
		panic("VMRUN on the host");
	fake_svm_run(hal_direct(HPA(vmcb_pa)), gpr);
}
