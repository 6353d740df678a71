/* SPDX-License-Identifier: Apache-2.0 */
/* What the monitor needs to know of the exception level that the firmware runs at (DDI0487 D1.1, D8.1). The machine layer runs at EL2, with
 * VHE where the core has it, or at EL1 below somebody else's hypervisor. Constant after hal_early_init; any CPU. */
#ifndef CORE_AARCH64_EL2_H
#define CORE_AARCH64_EL2_H
#include <stdbool.h>
#include <stdint.h>

/* The firmware runs at EL2; with HCR_EL2.E2H set, so that EL1 register names mean EL2's and the guest's have names in _EL12. */
bool el2_present(void);
bool el2_vhe(void);
/* HCR_EL2 as it is while the host runs: to be loaded again after each exit. TGE is 0 always, so that taking an exception to EL2 leaves
 * PSTATE.PAN as the guest had it (DDI0487, SCTLR_EL2.SPAN): hal_guest_access_end() sets it again. TPIDR_EL0 is libc's on CPU 0 and 0
 * elsewhere; TPIDR_EL2 is the machine layer's; SP_EL0 and TPIDRRO_EL0 mean nothing to the host. */
uint64_t el2_host_hcr(void);
/* Branch predictions that one guest made shall steer no other: can this machine forget them (DEN0070 SMCCC_ARCH_WORKAROUND_1: the core needs
 * it, and its firmware offers it)? After hal_init. And does so, on this CPU. */
bool el2_forgets_branches(void);
void el2_forget_branches(void);
/* The machine layer's vector table (2 KiB aligned, DDI0487 D1.3.1.5). The monitor's own table sends what comes from the current EL
 * (its first 1 KiB) to the same offset here. Host code is entered with DAIF set and never unmasks but in the loop's window. */
extern const char trap_vectors[] __attribute__((visibility("hidden")));

#endif
