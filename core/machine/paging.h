/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware's address space, what is the same on every architecture. Within core/machine and core/<arch>.
 *   lower half            identity map: RAM by 2 MiB pages, RW NX; the image by section (W^X); ACPI tables and
 *                         runtime services read only; page zero, holes and devices not mapped
 *   paging_devices ...    device memory, mapped once on request
 *   paging_stacks ...     stacks in slots with unmapped guard pages
 * Runtime services are writable and executable only in a second view that is loaded around a call (efirt.c). */
#ifndef CORE_MACHINE_PAGING_H
#define CORE_MACHINE_PAGING_H
#include <core/err.h>
#include <stdbool.h>
#include <stdint.h>

#define PAGING_SPAN (1ull << 39) /* each area is one entry of the top table */
#define PAGING_BLOCK (2ull << 20) /* what large pages and direct-map blocks measure */

/* Rights and memory type of a mapping; readable, not executable and cached without any. */
enum paging_flags { PAGING_WRITE = 1, PAGING_EXEC = 2, PAGING_UC = 4, PAGING_WC = 8 };
enum paging_view { PAGING_MAIN, PAGING_RUNTIME, PAGING_VIEWS };

/* ---- implemented by the architecture */
extern const uint64_t paging_devices, paging_stacks; /* where the two areas begin */
extern const uint64_t paging_pa_end;                 /* one past the highest address that an entry can hold */

/* Boot CPU, on the firmware's tables: builds ours and loads them. Panics when the machine has no room. */
void paging_init(void);
/* Does the current view map va for reading (write: for writing)? Any context, also panic. */
bool paging_allows(uint64_t va, bool write, bool user_too);
/* Mapping into the upper areas; one lock around both. What was mapped there before must have been unmapped. */
err_t paging_map(uint64_t va, uint64_t pa, uint64_t len, unsigned flags) MUST_CHECK;
err_t paging_unmap(uint64_t va, uint64_t len) MUST_CHECK;
/* What va is mapped to in the main view. */
bool paging_lookup(uint64_t va, uint64_t *pa);
/* While the tables are built: one range of one view; identity.c. */
err_t paging_build_map(enum paging_view view, uint64_t base, uint64_t size, unsigned flags) MUST_CHECK;
err_t paging_build_unmap(uint64_t base, uint64_t size) MUST_CHECK;

/* ---- identity.c: fills a view by boot_info's regions and the image's sections. Panics when tables run out. */
void identity_build_main(void);
void identity_build_runtime(void);

/* ---- frames.c: page frames for tables and stacks. One, zeroed: from the boot reserve, then from pool_core. NULL when there is none. */
void *paging_frame_alloc(void);
void paging_frame_free(void *frame);
/* From now on frames may come from pool_core. */
void paging_pools_ready(void);

#endif
