/* SPDX-License-Identifier: Apache-2.0 */
/* The table of CPUs that are up. Written by the boot CPU while it starts the others, read by all. */
#include "percpu.h"
#include <core/page.h>

#define EMERGENCY_BYTES (16 * 1024)

static uint8_t boot_emergency[EMERGENCY_BYTES] __attribute__((aligned(16)));
static struct percpu boot_cpu;
static struct percpu *cpus[HAL_MAX_CPUS] = {&boot_cpu};
static atomic_uint ncpus = 1;

struct percpu *percpu_boot(void)
{
	if (!boot_cpu.emergency_top) {
		boot_cpu.emergency_top = (uint64_t)(boot_emergency + sizeof(boot_emergency));
		boot_cpu.mpidr = SYSREG_READ("MPIDR_EL1") & MPIDR_AFFINITY;
	}
	return &boot_cpu;
}

struct percpu *percpu_get(unsigned cpu)
{
	return cpu < atomic_load_explicit(&ncpus, memory_order_acquire) ? cpus[cpu] : NULL;
}

err_t percpu_alloc_stack(struct percpu *p)
{
	void *top;
	err_t e = hal_stack_alloc(EMERGENCY_BYTES, &top);

	if (e == OK)
		p->emergency_top = (uint64_t)top;
	return e;
}

err_t percpu_create(uint64_t mpidr, struct percpu **out)
{
	unsigned id = atomic_load(&ncpus);
	struct percpu *p;
	err_t e;

	if (id >= HAL_MAX_CPUS)
		return E_LIMIT;
	p = pool_alloc(&pool_core, sizeof(*p));
	if (!p)
		return E_NOMEM;
	p->id = id;
	p->mpidr = mpidr;
	e = percpu_alloc_stack(p);
	if (e != OK) {
		pool_free(&pool_core, p, sizeof(*p));
		return e;
	}
	*out = p;
	return OK;
}

void percpu_destroy(struct percpu *p)
{
	hal_stack_free((void *)p->emergency_top, EMERGENCY_BYTES);
	pool_free(&pool_core, p, sizeof(*p));
}

void percpu_publish(struct percpu *p)
{
	cpus[p->id] = p;
	atomic_store_explicit(&ncpus, p->id + 1, memory_order_release);
}

unsigned hal_cpu_id(void)
{
	return this_cpu()->id;
}

unsigned hal_cpu_count(void)
{
	return atomic_load_explicit(&ncpus, memory_order_acquire);
}

uint32_t hal_cpu_hwid(unsigned cpu)
{
	const struct percpu *p = percpu_get(cpu);

	return p ? mpidr_pack(p->mpidr) : UINT32_MAX;
}
