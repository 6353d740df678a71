/* SPDX-License-Identifier: Apache-2.0 */
/* Loading a translation regime whole. Within core/aarch64 only. */
#ifndef CORE_AARCH64_MMU_H
#define CORE_AARCH64_MMU_H
#include <stddef.h>
#include <stdint.h>

/* What decides over the regime of our level. hcr counts at EL2 only. mmu.S and start.S know the offsets. */
struct mmu_regs { uint64_t ttbr, tcr, mair, sctlr, hcr; };
_Static_assert(offsetof(struct mmu_regs, hcr) == 32, "mmu.S");

/* Switches the MMU off, drops this CPU's translations, loads the registers and switches it on: no translation of the old regime can meet
 * one of the new. The code and both regimes' view of it are identity mapped. EL2's form and EL1's. */
void mmu_load_el2(const struct mmu_regs *r);
void mmu_load_el1(const struct mmu_regs *r);

/* Writes [p, p+len) back to the point of coherency, for those who look with their caches off. */
void cache_clean(const void *p, size_t len);

#endif
