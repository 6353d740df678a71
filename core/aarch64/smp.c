/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the other CPUs by PSCI, one after the other, on the boot CPU. A CPU that does not answer is left out; logical numbers go to those that
 * came up. All share the system counter, so there are no clocks to set. */
#include "smp.h"
#include "clock_impl.h"
#include "cpu.h"
#include "gic_impl.h"
#include "paging.h"
#include "percpu.h"
#include "platform.h"
#include "psci.h"
#include "traps.h"
#include <core/arch.h>
#include <core/arith.h>
#include <core/hal.h>
#include <core/log.h>
#include <core/panic.h>

#define CPU_STACK_BYTES (64 * 1024)
#define ANSWER_WAIT_NS (2 * NS_PER_S)

enum { AP_NONE, AP_ARRIVED, AP_FAILED, AP_GO };

/* One CPU at a time goes through this. */
static struct {
	void (*entry)(unsigned cpu);
	atomic_uint state; /* AP_* */
} ap;

/* The new CPU's first C code, on its own stack, in our page tables. */
_Noreturn static void ap_main(struct percpu *p)
{
	sysreg_set_tpidr((uint64_t)p);
	isb();
	cpu_setup();
	if (gic_cpu_init(p) != OK || clock_timer_setup() != OK) {
		atomic_store_explicit(&ap.state, AP_FAILED, memory_order_release);
		hal_halt();
	}
	atomic_store_explicit(&ap.state, AP_ARRIVED, memory_order_release);
	while (atomic_load_explicit(&ap.state, memory_order_acquire) != AP_GO)
		arch_relax();
	ap.entry(p->id);
	panic("smp: the loop of CPU %u returned", p->id);
}

static err_t ap_wait(void)
{
	uint64_t start = hal_clock_ns();

	for (;;) {
		unsigned state = atomic_load_explicit(&ap.state, memory_order_acquire);

		if (state != AP_NONE)
			return state == AP_ARRIVED ? OK : E_IO;
		if (hal_clock_ns() - start > ANSWER_WAIT_NS)
			return E_TIMEOUT;
		arch_relax();
	}
}

static err_t ap_kick(struct percpu *p, void *stack)
{
	static struct start_params params;
	err_t e;

	params = (struct start_params){
		.mmu = *paging_regs(PAGING_MAIN), .stack = (uint64_t)stack, .entry = (uint64_t)ap_main, .arg = (uint64_t)p,
		.vectors = (uint64_t)(el_state.at2 ? trap_vectors : trap_vectors_el1),
	};
	/* The new CPU reads this and its first code with its caches off: both must be in memory (DDI0487 D8.2.12, B2.10.1). The code was cleaned
	 * by paging_init, and the tables are walked through caches. */
	cache_clean(&params, sizeof(params));
	atomic_store(&ap.state, AP_NONE);
	e = psci_cpu_on(p->mpidr, (uint64_t)start_secondary, (uint64_t)&params);
	return e == OK ? ap_wait() : e;
}

static err_t ap_start(uint64_t mpidr)
{
	struct percpu *p;
	void *stack;
	err_t e = percpu_create(mpidr, &p);

	if (e != OK)
		return e;
	e = gic_cpu_prepare(p);
	if (e == OK)
		e = hal_stack_alloc(CPU_STACK_BYTES, &stack);
	if (e != OK) {
		percpu_destroy(p);
		return e;
	}
	e = ap_kick(p, stack);
	if (e != OK)
		return e; /* its block and stacks stay: it might still be running on them */
	percpu_publish(p);
	atomic_store_explicit(&ap.state, AP_GO, memory_order_release);
	return OK;
}

err_t hal_start_cpus(void (*entry)(unsigned cpu))
{
	ap.entry = entry;
	if (platform.ncpus_ignored)
		log_warn("smp", "%u CPUs beyond the first %u are left out", platform.ncpus_ignored, HAL_MAX_CPUS);
	for (unsigned i = 0; i < platform.ncpus; i++) {
		err_t e;

		if (platform.cpus[i].mpidr == percpu_boot()->mpidr)
			continue;
		e = ap_start(platform.cpus[i].mpidr);
		if (e != OK)
			log_warn("smp", "the CPU with affinity %llx did not start (%s)", (unsigned long long)platform.cpus[i].mpidr, err_name(e));
	}
	log_info("smp", "%u CPU%s", hal_cpu_count(), hal_cpu_count() == 1 ? "" : "s");
	return OK;
}
