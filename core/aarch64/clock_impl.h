/* SPDX-License-Identifier: Apache-2.0 */
/* The system counter as the machine's clock. Within core/aarch64 only. */
#ifndef CORE_AARCH64_CLOCK_IMPL_H
#define CORE_AARCH64_CLOCK_IMPL_H
#include <core/err.h>
#include <stdint.h>

/* Boot CPU: time zero is now. Panics when the firmware gave no rate. */
void clock_early_init(void);
/* Every CPU, with its interrupt controller up. */
err_t clock_timer_setup(void) MUST_CHECK;
/* Spins for at least so long; any CPU. */
void clock_delay_ns(uint64_t ns);

#endif
