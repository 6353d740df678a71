/* SPDX-License-Identifier: Apache-2.0 */
/* Brings up the boot CPU and what the machine has one of, in the two steps of hal.h: early (own tables and traps,
 * from boot_info alone) and later (what the firmware's tables describe). */
#include "clock_impl.h"
#include "cpu.h"
#include "gic_impl.h"
#include "paging.h"
#include "percpu.h"
#include "platform.h"
#include "psci.h"
#include "traps.h"
#include <core/hal.h>
#include <core/log.h>
#include <core/panic.h>

void hal_early_init(void)
{
	struct percpu *p = percpu_boot();
	err_t e;

	daif_mask();
	e = cpu_probe();
	sysreg_set_tpidr((uint64_t)p);
	sysreg_set_vbar((uint64_t)(el_state.at2 ? trap_vectors : trap_vectors_el1));
	isb();
	if (e != OK)
		panic("cpu: %s has no 4 KiB pages; Caisson needs them", hal_cpu_model());
	clock_early_init();
	paging_init();
	cpu_setup();
	if (percpu_alloc_stack(p) != OK)
		panic("cpu: no memory for the stack of faults");
}

err_t hal_init(void)
{
	struct percpu *p = percpu_boot();
	err_t e;

	paging_pools_ready();
	cpu_log();
	e = platform_init();
	if (e != OK) {
		log_error("machine", "neither ACPI nor a device tree describes an interrupt controller");
		return e;
	}
	log_info("machine", "%u CPU%s by %s, counter at %llu kHz", platform.ncpus, platform.ncpus == 1 ? "" : "s", platform.source,
		 (unsigned long long)(hal_counter_hz() / 1000));
	psci_init();
	e = gic_init();
	if (e == OK)
		e = gic_cpu_prepare(p);
	if (e == OK)
		e = gic_cpu_init(p);
	return e == OK ? clock_timer_setup() : e;
}
