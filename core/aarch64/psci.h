/* SPDX-License-Identifier: Apache-2.0 */
/* The power state coordination interface (DEN0022): starting CPUs, reset, power-off. Within core/aarch64 only. */
#ifndef CORE_AARCH64_PSCI_H
#define CORE_AARCH64_PSCI_H
#include <core/err.h>
#include <stdint.h>

/* Boot CPU: asks for the version; without one there is no PSCI here. */
void psci_init(void);
/* Starts the CPU with this affinity at a physical address with the MMU off and x0 = context. E_UNSUPPORTED, E_EXIST: it runs, E_IO. */
err_t psci_cpu_on(uint64_t mpidr, uint64_t entry, uint64_t context) MUST_CHECK;
/* Return when it did not work. Any context. */
void psci_reset(void);
void psci_off(void);

/* psci_call.S: one call (DEN0028 SMC calling convention). */
uint64_t psci_smc(uint64_t fn, uint64_t a, uint64_t b, uint64_t c);
uint64_t psci_hvc(uint64_t fn, uint64_t a, uint64_t b, uint64_t c);

#endif
