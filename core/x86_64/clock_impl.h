/* SPDX-License-Identifier: Apache-2.0 */
/* The TSC as the machine's clock. Within core/x86_64 only. */
#ifndef CORE_X86_64_CLOCK_IMPL_H
#define CORE_X86_64_CLOCK_IMPL_H
#include <stdint.h>

/* Boot CPU: time zero is now; takes the rate from CPUID when it tells. */
void clock_early_init(void);
/* Boot CPU, with ACPI: measures the rate when CPUID did not tell. Panics when nothing ticks. */
void clock_init(void);
/* The value of this CPU's TSC at a time of hal_clock_ns; never 0. */
uint64_t clock_counter_at(uint64_t ns);
/* Spins for at least so long; any CPU, after clock_init. */
void clock_delay_ns(uint64_t ns);

/* clock_measure.c: the TSC's rate by the ACPI PM timer, HPET or PIT; *source names it. 0 when none of them ticks. */
uint64_t clock_measure_hz(const char **source);

#endif
