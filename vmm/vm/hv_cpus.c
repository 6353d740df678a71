/* SPDX-License-Identifier: Apache-2.0 */
/* The backend on every CPU: switched on when it was chosen, and off before the machine ends. CPU 0, which waits for the others; they
 * answer from their loops, where no guest runs. Knows the seam alone. */
#include "vm_internal.h"
#include <core/arch.h>
#include <core/arith.h>
#include <core/hal.h>
#include <core/log.h>

#define ANSWER_TIMEOUT_NS (2 * NS_PER_S)

/* static: a CPU that answers late must find its message */
static struct order { struct work work; const struct hv_ops *ops; err_t (*fn)(const struct hv_ops *ops); atomic_int result; /* 1: not yet */ } orders[2][HAL_MAX_CPUS];
enum { ORDER_ON, ORDER_OFF }; /* each has messages of its own: the second may follow while the first is under way */

static err_t cpu_on(const struct hv_ops *ops)
{
	return ops->cpu_enable();
}

static err_t cpu_off(const struct hv_ops *ops)
{
	ops->cpu_disable();
	return OK;
}

static void order_fn(struct work *w)
{
	struct order *o = container_of(w, struct order, work);

	atomic_store(&o->result, o->fn(o->ops));
}

/* On all CPUs, whatever each of them answers: the first error, or E_TIMEOUT when one does not answer. */
static err_t on_all(const struct hv_ops *ops, unsigned which, unsigned *failed)
{
	static err_t (*const fns[])(const struct hv_ops *ops) = { [ORDER_ON] = cpu_on, [ORDER_OFF] = cpu_off };
	unsigned n = hal_cpu_count();
	uint64_t end = hal_clock_ns() + ANSWER_TIMEOUT_NS;
	err_t first = OK;

	for (unsigned cpu = 0; cpu < n; cpu++) {
		struct order *o = &orders[which][cpu];

		o->ops = ops;
		o->fn = fns[which];
		atomic_store(&o->result, 1);
		work_init(&o->work, order_fn);
		if (cpu == hal_cpu_id())
			order_fn(&o->work);
		else
			work_post(cpu, &o->work);
	}
	for (unsigned cpu = 0; cpu < n; cpu++) {
		err_t err;

		while (atomic_load(&orders[which][cpu].result) == 1 && hal_clock_ns() < end)
			arch_relax();
		err = atomic_load(&orders[which][cpu].result);
		if (err == OK || first != OK)
			continue;
		first = err == 1 ? E_TIMEOUT : err;
		*failed = cpu;
	}
	return first;
}

err_t hv_switch_on(const struct hv_ops *ops, unsigned *failed)
{
	return on_all(ops, ORDER_ON, failed);
}

/* A CPU that answers late has it switched on and off again, in this order. */
void hv_switch_off(const struct hv_ops *ops)
{
	unsigned failed = 0;
	err_t err = on_all(ops, ORDER_OFF, &failed);

	if (err != OK)
		log_warn("hv", "%s could not be switched off, on CPU %u: %s", ops->name, failed, err_name(err));
}

void hv_fini(void)
{
	vcpus_close();
	if (hv_current)
		hv_switch_off(hv_current);
}
