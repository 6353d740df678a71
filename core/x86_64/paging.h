/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware's address space. Within core/x86_64 only.
 *   lower half            identity map: RAM by 2 MiB pages, RW NX; the image by section (W^X); ACPI tables and
 *                         runtime services read only; page zero, holes and devices not mapped
 *   PAGING_DEVICES ...    device memory, mapped once on request
 *   PAGING_STACKS ...     stacks in slots with unmapped guard pages
 * Runtime services are writable and executable only in a second view that is loaded around a call (efirt.c). */
#ifndef CORE_X86_64_PAGING_H
#define CORE_X86_64_PAGING_H
#include <core/err.h>
#include <stdbool.h>
#include <stdint.h>

#define PAGING_DEVICES 0xffffc80000000000ull
#define PAGING_STACKS 0xffffc88000000000ull
#define PAGING_SPAN (1ull << 39) /* each area is one entry of the top table */

/* Boot CPU, on the firmware's tables: builds ours and loads them. Panics when the machine has no room. */
void paging_init(void);
/* What CR3 holds on every CPU, and in the view for runtime services. */
uint64_t paging_cr3(void);
uint64_t paging_cr3_runtime(void);
/* Does the current view map va for reading (write: for writing)? Any context, also panic. */
bool paging_allows(uint64_t va, bool write, bool user_too);
/* A page fault: true when the tables allow the access, so that it came from a stale TLB entry. */
bool paging_fault_is_stale(uint64_t va, uint64_t error, uint64_t rflags);
/* Makes the page of CPU start-up code executable instead of writable, and back. */
err_t paging_set_exec(uint64_t page, bool exec) MUST_CHECK;

/* For vspace.c: mapping into the upper areas; one lock around both. */
err_t paging_map(uint64_t va, uint64_t pa, uint64_t len, uint64_t flags) MUST_CHECK;
err_t paging_unmap(uint64_t va, uint64_t len) MUST_CHECK;
const uint64_t *paging_top(void);
/* One zeroed page frame: from the boot reserve, then from pool_core. NULL when there is none. */
void *paging_frame_alloc(void);
void paging_frame_free(void *frame);
/* From now on frames may come from pool_core. */
void paging_pools_ready(void);

#endif
