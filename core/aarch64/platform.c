/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses between the firmware's two descriptions of the machine, and what both fill in alike. Boot CPU, once. */
#include "platform.h"
#include "sysreg.h"

struct platform platform = {.source = "nothing"};

/* Arm's base system architecture gives these private interrupts to every machine (DEN0029, table of PPI assignments). */
enum { BSA_TIMER_EL2 = 26, BSA_VTIMER = 27 };

void platform_add_cpu(struct platform *p, uint64_t mpidr, uint64_t gicr)
{
	mpidr &= MPIDR_AFFINITY;
	for (unsigned i = 0; i < p->ncpus; i++)
		if (p->cpus[i].mpidr == mpidr)
			return;
	if (p->ncpus == HAL_MAX_CPUS)
		p->ncpus_ignored++;
	else
		p->cpus[p->ncpus++] = (struct platform_cpu){mpidr, gicr};
}

unsigned platform_ppi(uint32_t v)
{
	return v >= 16 && v < 32 ? v : 0;
}

err_t platform_init(void)
{
	err_t e = platform_from_acpi(&platform);

	if (e != OK)
		e = platform_from_fdt(&platform);
	if (e != OK)
		return E_UNSUPPORTED;
	if (!platform.ppi_timer_el2)
		platform.ppi_timer_el2 = BSA_TIMER_EL2;
	if (!platform.ppi_vtimer)
		platform.ppi_vtimer = BSA_VTIMER;
	return OK;
}
