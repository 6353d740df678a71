/* SPDX-License-Identifier: Apache-2.0 */
/* Which backend is chosen, and that it is on where it should be: on all CPUs, or, after a failure on one and at the node's end, on none.
 * Two CPUs that really run at the same time. Host only; the candidates are this test's own. */
#include <core/arith.h>
#include <core/task.h>
#include <fake/fake.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unit/tap.h>
#include <vmm/hv.h>
#include <vmm/machine.h>
#include <vmm/x86_64/regs.h>

static err_t probe_result[2], enable_result[2]; /* by candidate; enable's is CPU 1's */
static bool on[2][2];                           /* candidate, CPU */
static atomic_bool stop;

static bool no_spec_ctrl(void) { return false; }
static const struct hv_arch_ops arch = { .has_spec_ctrl = no_spec_ctrl };

#define CANDIDATE(n) \
	static err_t probe##n(char *reason) { strcpy(reason, "candidate " #n); return probe_result[n]; } \
	static err_t enable##n(void) \
	{ \
		err_t e = hal_cpu_id() == 1 ? enable_result[n] : OK; \
		if (e == OK) \
			on[n][hal_cpu_id()] = true; \
		return e; \
	} \
	static void disable##n(void) { on[n][hal_cpu_id()] = false; } \
	static const struct hv_ops hv##n = { .name = "hv" #n, .probe = probe##n, .cpu_enable = enable##n, .cpu_disable = disable##n, .arch = &arch }
CANDIDATE(0);
CANDIDATE(1);

const struct hv_ops *const hv_backends[] = { &hv0, &hv1, NULL };

static void *cpu1(void *arg)
{
	(void)arg;
	fake_cpu_set(1);
	while (!atomic_load(&stop))
		if (!loop_turn())
			sched_yield();
	return NULL;
}

static void init(err_t p0, err_t p1, err_t e0, err_t e1)
{
	hv_current = NULL;
	probe_result[0] = p0, probe_result[1] = p1;
	enable_result[0] = e0, enable_result[1] = e1;
	hv_init();
}

int main(void)
{
	pthread_t t;

	fake_init(16 * MIB, 2);
	if (pthread_create(&t, NULL, cpu1, NULL))
		return 1;
	init(E_NOENT, E_UNSUPPORTED, OK, OK);
	ok(!hv_current && !strcmp(hv_reason(), "candidate 1"), "none: the one that is there says why");
	init(E_UNSUPPORTED, E_NOENT, OK, OK);
	ok(!hv_current && !strcmp(hv_reason(), "candidate 0"), "in either order");
	init(OK, OK, E_IO, E_IO);
	ok(!hv_current && strstr(hv_reason(), "hv") && strstr(hv_reason(), "on CPU 1"), "none can be switched on: %s", hv_reason());
	ok(!on[0][0] && !on[0][1] && !on[1][0] && !on[1][1], "and none stays on where it could");
	init(OK, OK, E_IO, OK);
	ok(hv_current == &hv1 && !hv_reason()[0], "the second one is taken");
	ok(!on[0][0] && on[1][0] && on[1][1], "and on, on all CPUs");
	hv_fini();
	ok(!on[1][0] && !on[1][1], "at the end it is off on all");
	hv_current = NULL;
	hv_fini();
	ok(true, "none to switch off");
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	return tap_done();
}
