/* SPDX-License-Identifier: Apache-2.0 */
/* Within core/x86_64 only. */
#ifndef CORE_X86_64_POWER_H
#define CORE_X86_64_POWER_H

/* Boot CPU, after acpi_init and paging_pools_ready: finds what hal_reset will need. */
void power_init(void);

#endif
