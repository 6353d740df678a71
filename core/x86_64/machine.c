/* SPDX-License-Identifier: Apache-2.0 */
/* Brings up the boot CPU and what the machine has one of, in the two steps of hal.h: early (own tables and traps,
 * from boot_info alone) and later (what ACPI describes). */
#include "apic.h"
#include "clock_impl.h"
#include "cpu.h"
#include "insn.h"
#include "ioapic.h"
#include "madt.h"
#include "paging.h"
#include "percpu.h"
#include "power.h"
#include "segments.h"
#include <core/hal.h>
#include <core/log.h>
#include <core/panic.h>

void hal_early_init(void)
{
	struct percpu *p = percpu_boot();

	insn_cli();
	segments_build_idt();
	segments_load(p);
	if (cpu_probe() != OK)
		panic("cpu: %s has no execute-disable bit; Caisson needs it", cpu_features.model);
	cpu_setup();
	clock_early_init();
	paging_init();
	if (segments_alloc_stacks(p) != OK)
		panic("cpu: no memory for the fault stacks");
}

err_t hal_init(void)
{
	struct percpu *p = percpu_boot();
	err_t e;

	paging_pools_ready();
	power_init();
	madt_parse();
	clock_init();
	e = apic_init(madt.lapic);
	if (e != OK)
		return e;
	apic_setup();
	p->apic_id = apic_id();
	ioapic_init();
	apic_timer_calibrate();
	apic_timer_setup();
	log_info("cpu", "%s; %s%s%s%s%stimer by %s", cpu_features.model, cpu_features.smep ? "SMEP " : "",
		 cpu_features.smap ? "SMAP " : "", cpu_features.umip ? "UMIP " : "", cpu_features.xsave ? "XSAVE " : "",
		 cpu_features.x2apic ? "x2APIC, " : "xAPIC, ", cpu_features.tsc_deadline ? "deadline" : "count");
	if (!cpu_features.smap)
		log_warn("cpu", "no SMAP: stray accesses to guest memory will not fault");
	return OK;
}
