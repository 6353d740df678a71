/* SPDX-License-Identifier: Apache-2.0 */
/* The VMX-preemption timer (SDM 3C 26.5.1, 27.7.4): ends a guest run at a given time without an interrupt of the host's, and so without a
 * turn of its loop. It is written at each entry while there is a deadline, since it stands still outside of the guest. Own CPU. Knows no timer of a guest's. */
#include "vmx.h"
#include <core/arith.h>
#include <vmm/ticks.h>

bool vmx_deadline(struct vcpu *v, uint64_t ns)
{
	struct vmx_vcpu *s = vmx_of(v);
	uint64_t clock;

	if (!vmx_has_timer())
		return false;
	if (s->deadline_ns == ns)
		return true;
	s->timed = true;
	clock = hal_clock_ns();
	s->deadline_ns = ns;
	if (ns <= clock)
		s->deadline_tick = 0;
	else if (ns == UINT64_MAX || !add_ok(hal_counter(), ns_to_ticks(ns - clock, hal_counter_hz()), &s->deadline_tick))
		s->deadline_tick = UINT64_MAX;
	return true;
}
