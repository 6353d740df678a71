/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's timers around entries: levels, the host's interrupt that is linked, waking from idle, and the edge between two looks at the
 * clock. Host only; the counter has two ticks a
 * nanosecond here. */
#include <unit/tap.h>
#include "el2_bench.h"

#define ON 1
#define MASKED 2
#define GICD_CTLR 0
#define GICR_SGI 0x10000
#define ISENABLER 0x100
#define ISPENDR 0x200

static bool pending(unsigned intid)
{
	uint64_t v = 0;

	return bus_read(&bare.mmio, VIRT_GICR + GICR_SGI + ISPENDR, 4, &v) && (v >> intid & 1);
}

static void timer_set_at(uint64_t ctl, uint64_t cval)
{
	struct arch_regs *r = arm_regs(vcpu_at(0), REGS_CORE);

	r->sys[SYS_CNTV_CTL] = ctl;
	r->sys[SYS_CNTV_CVAL] = cval;
}

static bool prepare(uint64_t *wake)
{
	*wake = 0;
	return arch_vcpu_prepare(vcpu_at(0), hal_clock_ns(), wake);
}

static void test_levels(void)
{
	uint64_t wake, now = arm_counter(vcpu_at(0));

	timer_set_at(0, 0);
	ok(prepare(&wake) && !pending(27) && !fake_hw.ppi_active[27], "off");
	timer_set_at(ON, now + 1000);
	ok(prepare(&wake) && !pending(27), "not yet");
	timer_set_at(ON | MASKED, now);
	ok(prepare(&wake) && !pending(27), "due but masked");
	timer_set_at(ON, now);
	ok(prepare(&wake) && pending(27), "due");
	ok(fake_hw.ppi_active[27], "the host's is active, so that it does not come again");
	timer_set_at(ON, now + 1000000);
	ok(prepare(&wake) && !pending(27) && !fake_hw.ppi_active[27], "moved on before it was taken: neither");
	ok_eq(arch_vcpu_next_timer(vcpu_at(0)), -1, "a guest that runs is interrupted by the timer itself");
}

static void test_link(void)
{
	uint64_t wake;
	unsigned writes;

	timer_set_at(0, 0);
	(void)prepare(&wake);
	writes = fake_hw.ppi_writes;
	for (unsigned i = 0; i < 10; i++)
		(void)prepare(&wake);
	ok_eq(fake_hw.ppi_writes, writes, "with no timer in flight the host's controller is left alone");
	fake_hw.ppi_fn[27](NULL);
	(void)prepare(&wake);
	ok(fake_hw.ppi_writes == writes + 1 && !fake_hw.ppi_active[27], "one that the host took by itself is ended at the next entry");
	ok(fake_hw.ppi_forwarded[27] && !fake_hw.ppi_forwarded[25], "the timer's is the guest's to end, the maintenance interrupt is not");
}

static void test_idle(void)
{
	struct vcpu *v = vcpu_at(0);
	uint64_t wake;

	timer_set_at(ON, arm_counter(v) + 5000);
	v->idle = true;
	ok(!prepare(&wake) && wake > hal_clock_ns() && wake <= hal_clock_ns() + 5001, "an idle guest wakes by its timer");
	fake_clock_advance(5000);
	ok(!prepare(&wake) && wake == UINT64_MAX, "which must be enabled in its interrupt controller");
	ok(bus_write(&bare.mmio, VIRT_GICD + GICD_CTLR, 4, 2) && bus_write(&bare.mmio, VIRT_GICR + GICR_SGI + ISENABLER, 4, 1u << 27), "it is");
	fake_hw.run = NULL;
	vgic_flush(v)->vmcr = 0xf0000002; /* what the guest's interface says: group 1 on, all priorities */
	vgic_sync(v);
	ok(prepare(&wake) && !v->idle, "and it runs");
	timer_set_at(0, 0);
}

/* The counter moves on between two looks, and the timer falls due just there. */
static void test_edge(void)
{
	struct vcpu *v = vcpu_at(0);
	uint64_t wake, now = arm_counter(v);

	timer_set_at(ON, now + 100);
	vtimer_prepare(v);
	fake_clock_advance(200);
	wake = vtimer_deadline_ns(v);
	ok(wake != UINT64_MAX && wake <= hal_clock_ns() + 101, "what fell due since is not forgotten");
	timer_set_at(0, 0);
}

static void test_physical(void)
{
	struct vcpu *v = vcpu_at(0);
	uint64_t wake;

	arm_of(v)->st.cntp_ctl = ON;
	arm_of(v)->st.cntp_cval = arm_counter(v) + 300;
	ok(prepare(&wake) && !pending(30), "the physical one, not yet");
	ok(arch_vcpu_next_timer(v) <= hal_clock_ns() + 301, "takes the host's one-shot");
	fake_clock_advance(300);
	ok(prepare(&wake) && pending(30) && arch_vcpu_next_timer(v) == UINT64_MAX, "due");
	arm_of(v)->st.cntp_ctl = 0;
	vtimer_sync(v);
	ok(!pending(30), "off");
	arm_of(v)->st.cntp_ctl = ON;
	arm_of(v)->st.cntp_cval = UINT64_MAX;
	(void)prepare(&wake);
	ok(arch_vcpu_next_timer(v) >= INT64_MAX, "the end of time is far");
}

int main(void)
{
	if (!ok(bench_start(), "a VM"))
		return tap_done();
	vcpu_at(0)->counter_offset = -(int64_t)hal_counter();
	fake_clock_advance(1000000);
	test_levels();
	test_link();
	test_idle();
	test_edge();
	test_physical();
	ok(bench_end(), "everything came back");
	return tap_done();
}
