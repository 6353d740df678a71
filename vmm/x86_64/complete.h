/* SPDX-License-Identifier: Apache-2.0 */
/* The vendor-neutral half of finishing an exit. For the backends alone. */
#ifndef VMM_X86_64_COMPLETE_H
#define VMM_X86_64_COMPLETE_H
#include <stdbool.h>
#include <stdint.h>
#include <vmm/hv.h>

/* What is left for the backend after the results are in the registers. */
enum complete {
	COMPLETE_NOTHING, /* nothing was executed */
	COMPLETE_STEP,    /* over the instruction */
	COMPLETE_GP,      /* #GP(0) takes the place of the step */
	COMPLETE_UD,      /* #UD */
	COMPLETE_MMIO,    /* x86_mmio_finish does it */
};
/* gpr: REG_GPRS of them; xcr0: the guest's. */
enum complete complete_exit(uint64_t *gpr, uint64_t *xcr0, const struct hv_exit *e);

/* MSRs that the hardware of both vendors switches, or that are switched for it: the guest's own. Addresses that are written but a few times
 * go by msr.c all the same, which refuses those that are not canonical, as not every CPU (TCG) does. */
struct msr_own { uint32_t msr; bool write; };
extern const struct msr_own msrs_own[];
extern const unsigned msrs_own_count;

#endif
