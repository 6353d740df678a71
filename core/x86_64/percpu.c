/* SPDX-License-Identifier: Apache-2.0 */
/* The table of CPUs that are up. Written by the boot CPU while it starts the others, read by all. */
#include "percpu.h"
#include <core/page.h>

static struct percpu boot_cpu;
static struct percpu *cpus[HAL_MAX_CPUS] = {&boot_cpu};
static atomic_uint ncpus = 1;

struct percpu *percpu_boot(void)
{
	boot_cpu.self = &boot_cpu;
	return &boot_cpu;
}

struct percpu *percpu_get(unsigned cpu)
{
	return cpu < atomic_load_explicit(&ncpus, memory_order_acquire) ? cpus[cpu] : NULL;
}

err_t percpu_create(uint32_t apic_id, struct percpu **out)
{
	unsigned id = atomic_load(&ncpus);
	struct percpu *p;

	if (id >= HAL_MAX_CPUS)
		return E_LIMIT;
	p = pool_alloc(&pool_core, sizeof(*p));
	if (!p)
		return E_NOMEM;
	p->self = p;
	p->id = id;
	p->apic_id = apic_id;
	*out = p;
	return OK;
}

void percpu_destroy(struct percpu *p)
{
	pool_free(&pool_core, p, sizeof(*p));
}

void percpu_publish(struct percpu *p)
{
	cpus[p->id] = p;
	atomic_store_explicit(&ncpus, p->id + 1, memory_order_release);
}

unsigned hal_cpu_id(void)
{
	unsigned id;
	__asm__("movl %%gs:%c1, %0" : "=r"(id) : "i"(offsetof(struct percpu, id)));
	return id;
}

unsigned hal_cpu_count(void)
{
	return atomic_load_explicit(&ncpus, memory_order_acquire);
}

uint32_t hal_cpu_hwid(unsigned cpu)
{
	const struct percpu *p = percpu_get(cpu);

	return p ? p->apic_id : UINT32_MAX;
}
