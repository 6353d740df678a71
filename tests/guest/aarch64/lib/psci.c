/* SPDX-License-Identifier: Apache-2.0 */
/* PSCI (DEN0022) and with it the other CPUs of a guest test. MPIDR's lowest affinity field is the index. CPU 0 starts and counts; a CPU
 * whose function has returned turns itself off. */
#include "guest.h"

int psci(uint32_t fn, uint64_t a, uint64_t b, uint64_t c)
{
	return (int)(int32_t)hvc_call(fn, a, b, c);
}

unsigned cpu_count(void)
{
	unsigned n = 1;

	while (n < MAX_CPUS && psci(PSCI_AFFINITY_INFO, n, 0, 0) >= 0)
		n++;
	return n;
}

bool cpu_is_off(unsigned index)
{
	return psci(PSCI_AFFINITY_INFO, index, 0, 0) == AFFINITY_OFF;
}

bool cpu_start(unsigned index, void (*fn)(unsigned index))
{
	struct cpu *c = cpu_of(index);

	c->fn = fn;
	c->online = false;
	memory_barrier();
	return psci(PSCI_CPU_ON, index, (uint64_t)cpu_entry, index) == PSCI_OK && WAIT(c->online);
}
