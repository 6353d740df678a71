/* SPDX-License-Identifier: Apache-2.0 */
/* The composition root: builds the object graph in order and starts the loops. Runs on CPU 0 after start.c has brought
 * the machine up. Every subsystem is one line here and knows nothing of the others. */
#include <core/hal.h>
#include <core/log.h>
#include <core/panic.h>
#include <core/pci.h>
#include <core/task.h>
#include "appliance.h"

static void must(err_t e, const char *what)
{
	if (e != OK)
		panic("%s: %s", what, err_name(e));
}

static void cpu_main(unsigned cpu)
{
	loop_init(cpu);
	loop_run();
}

/* CPU 0, with the machine up (start.c) and libc running. Does not return. */
void appliance_run(void)
{
	loop_init(0);
	pci_init();
	pci_probe(core_drivers, core_ndrivers);
	must(hal_start_cpus(cpu_main), "starting the other CPUs");
	log_info("boot", "ready: %u CPU%s", hal_cpu_count(), hal_cpu_count() == 1 ? "" : "s");
	appliance_manage();
	loop_run();
}
