/* SPDX-License-Identifier: Apache-2.0 */
/* The exception level that we run at, and the registers that every CPU gets. Within core/aarch64 only; the monitor probes what it needs by
 * itself. What both may ask is in core/aarch64/el2.h. */
#ifndef CORE_AARCH64_CPU_H
#define CORE_AARCH64_CPU_H
#include <core/err.h>
#include <stdint.h>

/* Boot CPU, first thing: fills el_state and the model's name. E_UNSUPPORTED when the CPU has no 4 KiB granule. */
err_t cpu_probe(void) MUST_CHECK;
/* Every CPU, with our tables and HCR_EL2 loaded: floating point on, EL2's traps as the host wants them, PAN. */
void cpu_setup(void);
/* Output address size in TCR's encoding. */
uint64_t cpu_pa_range(void);
/* One line for the log: what the level gives. */
void cpu_log(void);

#endif
