/* SPDX-License-Identifier: Apache-2.0 */
/* Starting the other CPUs of a guest test by INIT and SIPI (SDM 3A 8.4.4). CPU 0 only. APIC ids are 0, 1, 2 ... */
#include "guest.h"

extern char ap_code[], ap_code_end[];
extern volatile uint32_t cpu_ticket;

void cpu_init(unsigned index)
{
	cpu_of(index)->online = false;
	apic_ipi(ICR_INIT, index);
}

bool cpu_start(unsigned index, void (*fn)(unsigned index))
{
	struct cpu *c = cpu_of(index);

	memcpy((void *)AP_TRAMPOLINE, ap_code, (size_t)(ap_code_end - ap_code));
	cpu_ticket = index;
	c->fn = fn;
	cpu_init(index);
	apic_ipi(ICR_SIPI | AP_TRAMPOLINE >> 12, index);
	apic_ipi(ICR_SIPI | AP_TRAMPOLINE >> 12, index);
	return WAIT(c->online);
}
