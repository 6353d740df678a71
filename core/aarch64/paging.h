/* SPDX-License-Identifier: Apache-2.0 */
/* aarch64's own part of the address space (core/machine/paging.h). Within core/aarch64 only. */
#ifndef CORE_AARCH64_PAGING_H
#define CORE_AARCH64_PAGING_H
#include "../machine/paging.h"
#include "mmu.h"

/* What each CPU loads, and the view for runtime services. Constant after paging_init. */
const struct mmu_regs *paging_regs(enum paging_view view);
/* Loads a view on this CPU. */
void paging_load(enum paging_view view);
enum paging_view paging_current(void);

/* The main view's top table, for tests that read it whole. */
const uint64_t *paging_top(void);

#endif
