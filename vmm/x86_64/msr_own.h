/* SPDX-License-Identifier: Apache-2.0 */
/* MSRs that the hardware of both vendors switches, or that are switched for it: the guest's own. Addresses that are written but a few times
 * go by msr.c all the same, which refuses those that are not canonical, as not every CPU (TCG) does. For the backends' permission maps. */
#ifndef VMM_X86_64_MSR_OWN_H
#define VMM_X86_64_MSR_OWN_H
#include <stdbool.h>
#include <stdint.h>

struct msr_own { uint32_t msr; bool write; };
extern const struct msr_own msrs_own[];
extern const unsigned msrs_own_count;

#endif
