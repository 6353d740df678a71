/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses the virtualisation backend: probes the candidates and switches the first one that works on, on every CPU. CPU 0, once,
 * after all loops run. Knows the seam alone. */
#include <core/arch.h>
#include <core/fmt.h>
#include <core/hal.h>
#include <core/log.h>
#include <core/task.h>
#include <string.h>
#include <vmm/hv.h>
#include <vmm/machine.h>

#define ENABLE_TIMEOUT_NS 2000000000ull

const struct hv_ops *hv_current;
static char reason[HV_REASON_MAX];
static bool told; /* reason is more than that no candidate fits */

struct enable { struct work work; const struct hv_ops *ops; atomic_int result; /* 1: not yet */ };
static struct enable enables[HAL_MAX_CPUS]; /* static: a CPU that answers late must find its message */

static void enable_here(struct work *w)
{
	struct enable *e = (struct enable *)((char *)w - offsetof(struct enable, work));

	atomic_store(&e->result, e->ops->cpu_enable());
}

/* On all CPUs; E_TIMEOUT when one does not answer. */
static err_t enable_all(const struct hv_ops *ops, unsigned *failed)
{
	unsigned n = hal_cpu_count();
	uint64_t end = hal_clock_ns() + ENABLE_TIMEOUT_NS;

	for (unsigned cpu = 0; cpu < n; cpu++) {
		enables[cpu].ops = ops;
		atomic_store(&enables[cpu].result, 1);
		work_init(&enables[cpu].work, enable_here);
		if (cpu == hal_cpu_id())
			enable_here(&enables[cpu].work);
		else
			work_post(cpu, &enables[cpu].work);
	}
	for (unsigned cpu = 0; cpu < n; cpu++) {
		err_t err;

		*failed = cpu;
		while (atomic_load(&enables[cpu].result) == 1) {
			if (hal_clock_ns() >= end)
				return E_TIMEOUT;
			arch_relax();
		}
		err = atomic_load(&enables[cpu].result);
		if (err != OK)
			return err;
	}
	return OK;
}

static bool hv_try(const struct hv_ops *ops)
{
	char why[HV_REASON_MAX] = "";
	unsigned failed = 0;
	err_t err = ops->probe(why);

	if (err == OK) {
		err = enable_all(ops, &failed);
		if (err != OK)
			fmt_buf(why, sizeof(why), "%s could not be switched on, on CPU %u: %s", ops->name, failed, err_name(err));
	}
	if (err == OK)
		return true;
	/* That this CPU is none of a candidate's does not hide why the right one cannot. */
	if (err != E_NOENT || !told)
		memcpy(reason, why, sizeof(reason));
	told |= err != E_NOENT;
	return false;
}

void hv_init(void)
{
	fmt_buf(reason, sizeof(reason), "no virtualisation backend in this build");
	for (unsigned i = 0; hv_backends[i]; i++) {
		if (!hv_try(hv_backends[i]))
			continue;
		arch_hv_init(hv_backends[i]);
		hv_current = hv_backends[i];
		reason[0] = 0;
		log_info("hv", "guests run by %s on %u CPUs", hv_current->name, hal_cpu_count());
		return;
	}
	log_warn("hv", "guests cannot run: %s", reason);
}

const char *hv_reason(void)
{
	return reason;
}
