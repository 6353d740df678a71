/* SPDX-License-Identifier: Apache-2.0 */
/* x86-64's own part of the address space (core/machine/paging.h). Within core/x86_64 only. */
#ifndef CORE_X86_64_PAGING_H
#define CORE_X86_64_PAGING_H
#include "../machine/paging.h"

/* What CR3 holds on every CPU, and in the view for runtime services. */
uint64_t paging_cr3(void);
uint64_t paging_cr3_runtime(void);
/* A page fault: true when the tables allow the access, so that it came from a stale TLB entry. */
bool paging_fault_is_stale(uint64_t va, uint64_t error, uint64_t rflags);
/* Makes the page of CPU start-up code executable instead of writable, and back. */
err_t paging_set_exec(uint64_t page, bool exec) MUST_CHECK;

/* The main view's top table, for tests that read it whole. */
const uint64_t *paging_top(void);

#endif
