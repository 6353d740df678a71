/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions into a guest's EL1, and the syndromes that they carry (DDI0487, ESR_ELx). Pure; for backends and exit handlers. */
#ifndef VMM_AARCH64_INJECT_H
#define VMM_AARCH64_INJECT_H
#include <stdbool.h>
#include <stdint.h>
#include <vmm/aarch64/regs.h>

#define ESR_EC_SHIFT 26
#define ESR_EC(esr) ((unsigned)((esr) >> ESR_EC_SHIFT) & 0x3f)
#define ESR_EC_IABORT_LOWER 0x20ull /* one more when from the same level */
#define ESR_EC_DABORT_LOWER 0x24ull
#define ESR_IL (1ull << 25)
#define ESR_WNR (1ull << 6)
#define ESR_FSC_SEA 0x10ull       /* synchronous external abort, not on a walk */
#define ESR_FSC_SEA_WALK 0x17ull  /* on a walk, of its last level */

/* Takes the exception at once: what runs next is its vector. All of *r is current. FAR_EL1 is the caller's. */
void arm_take_exception(struct arch_regs *r, uint64_t esr);
uint64_t arm_esr_undefined(void);
/* External abort of a fetch or a data access, by a program at r. */
uint64_t arm_esr_abort(const struct arch_regs *r, bool fetch, bool write, bool walk);

#endif
