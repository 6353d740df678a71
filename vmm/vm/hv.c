/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses the virtualisation backend: probes the candidates and switches the first one that works on, on every CPU. CPU 0, once,
 * after all loops run. Knows the seam alone. */
#include "vm_internal.h"
#include <core/fmt.h>
#include <core/hal.h>
#include <core/log.h>
#include <string.h>
#include <vmm/machine.h>

const struct hv_ops *hv_current;
static char reason[HV_REASON_MAX];
static bool told; /* reason is more than that no candidate fits */

static bool hv_try(const struct hv_ops *ops)
{
	char why[HV_REASON_MAX] = "";
	unsigned failed = 0;
	err_t err = ops->probe(why);

	if (err == OK) {
		err = hv_switch_on(ops, &failed);
		if (err != OK) {
			fmt_buf(why, sizeof(why), "%s could not be switched on, on CPU %u: %s", ops->name, failed, err_name(err));
			hv_switch_off(ops);
		}
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
