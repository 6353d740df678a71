/* SPDX-License-Identifier: Apache-2.0 */
/* The exits of EL2: firmware calls, system registers that trap, devices, the distributor of the interrupt controller, the virtual timer, and
 * SGIs to the vCPU itself and to another one, which sleeps on the same CPU. */
#include "exits.h"

enum { SGI_PING = 1, SGI_PONG = 2, SGI_SELF = 3, TIMER_ON = 1 };

volatile unsigned fired;
static volatile unsigned pongs;
static volatile bool leave;

uint64_t bench_ticks(void)
{
	return clock_now();
}

void case_instructions(void)
{
	BATCHES_OF(nothing, "nop", 0, 0);
	BATCHES_OF(hypercall, "mov w0, w19\n hvc #0", PSCI_VERSION, 0);
	BATCHES_OF(sysreg, "mrs x0, id_aa64pfr0_el1", 0, 0);
}

void case_devices(void)
{
	BATCHES_OF(mmio_write, "str wzr, [x19]", device, 0);
	BATCHES_OF(mmio_read, "ldr w0, [x19]", device, 0);
	BATCHES_OF(gicd_read, "ldr w0, [x19]", GICD + GICD_TYPER, 0);
	BATCHES_OF(notify_mmio, "strh wzr, [x19]", notify, 0);
}

static void on_ping(unsigned intid)
{
	(void)intid;
	sgi_send(SGI_PONG, 1);
}

static void on_pong(unsigned intid)
{
	(void)intid;
	pongs++;
}

/* The other vCPU: it answers each, and sleeps. */
static void answer(unsigned index)
{
	(void)index;
	while (!leave)
		halt_once();
}

/* There and back between two that sleep while they wait; and to the sender itself, which takes it at once, by polling. */
void case_ipis(void)
{
	BATCHES_OF(sgi_self, "msr icc_sgi1r_el1, x19\n isb\n mrs x0, icc_iar1_el1\n msr icc_eoir1_el1, x0", 1 | SGI_SELF << 24, 0);
	irq_set(SGI_PING, on_ping);
	irq_set(SGI_PONG, on_pong);
	if (!cpu_start(1, answer))
		bail("there is no second CPU");
	for (unsigned batch = 0; batch < BATCHES; batch++) {
		BEGIN(sgi);
		for (unsigned i = 0, was = pongs; i < ROUNDS; i++, was = pongs) {
			sgi_send(SGI_PING, 2);
			while (pongs == was)
				halt_once();
		}
		END(sgi);
	}
	leave = true;
	sgi_send(SGI_PING, 2);
	if (!WAIT((irq_window(), cpu_is_off(1))))
		bail("the second CPU does not turn itself off");
}

static void on_timer(unsigned intid)
{
	(void)intid;
	SYS_WRITE("cntv_ctl_el0", 0);
	fired++;
}

/* The virtual timer (DDI0487 D12.2.4). */
void timer_init(void)
{
	irq_set(INTID_VTIMER, on_timer);
	irq_enable(INTID_VTIMER);
}

void timer_arm(uint64_t ns)
{
	SYS_WRITE("cntv_cval_el0", clock_now() + ns * clock_hz / 1000000000);
	SYS_WRITE("cntv_ctl_el0", TIMER_ON);
}
