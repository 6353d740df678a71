/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that stop a guest or go astray: WFI and WFE, exceptions that are the guest's own, faults of its own translation, debug, and
 * the clock over exits. */
#include "lib/guest.h"

static volatile unsigned ticks;

static void tick(unsigned intid)
{
	(void)intid;
	ticks++;
	SYS_WRITE("cntv_ctl_el0", 0);
}

static void timer_in(uint64_t ns)
{
	SYS_WRITE("cntv_cval_el0", clock_now() + ns * clock_hz / 1000000000);
	SYS_WRITE("cntv_ctl_el0", 1);
}

static void check_wfi(void)
{
	irq_set(INTID_VTIMER, tick);
	irq_enable(INTID_VTIMER);
	for (unsigned i = 0; i < 20; i++) {
		unsigned before = ticks;

		timer_in(100000);
		(void)WAIT((halt_once(), ticks != before));
	}
	ok_eq(ticks, 20, "WFI wakes by the timer, 20 times");
	timer_in(0);
	wfi();
	ok_eq(ticks, 20, "WFI with an interrupt pending wakes at once, though they are masked");
	irq_window();
	ok_eq(ticks, 21, "and it is taken when they are not");
	ticks = 0;
	timer_in(2000000);
	irq_on();
	while (!ticks)
		wfi();
	irq_off();
	ok_eq(ticks, 1, "WFI with interrupts on");
	irq_disable(INTID_VTIMER);
}

/* The event register is set by SEV; WFE may wake for less (DDI0487 D1.7.1). */
static void check_wfe(void)
{
	for (unsigned i = 0; i < 100; i++)
		__asm__ volatile("sevl; wfe; sev; wfe; yield" ::: "memory");
	ok(true, "WFE with the event set comes back, 200 times");
	SYS_WRITE("cntkctl_el1", 1 << 2 | 1 << 1 | 5 << 4 | 3); /* an event each 64 ticks of the counter; EL0 reads it */
	for (unsigned i = 0; i < 20; i++)
		__asm__ volatile("wfe" ::: "memory");
	SYS_WRITE("cntkctl_el1", 3);
	ok(true, "WFE wakes by the event stream");
}

static uint64_t iss(void) { return cpu_self()->fault_error; }
static uint64_t far(void) { return cpu_self()->fault_address; }

static void check_exceptions(void)
{
	ok(CAUGHT("brk #0x1234") == EC_BRK && (iss() & 0xffff) == 0x1234, "BRK and its number");
	ok(CAUGHT("svc #0x77") == EC_SVC && (iss() & 0xffff) == 0x77, "SVC and its number");
	ok_eq((uint64_t)CAUGHT(".inst 0x00000077"), EC_UNKNOWN, "UDF is undefined");
	ok_eq((uint64_t)CAUGHT("hlt #5"), EC_UNKNOWN, "HLT is undefined");
	ok_eq((uint64_t)CAUGHT(".inst 0xffffffff"), EC_UNKNOWN, "all ones are undefined");
	ok_eq((uint64_t)CAUGHT("dcps1 #0"), EC_UNKNOWN, "DCPS1 is undefined");
	ok_eq((uint64_t)CAUGHT("dcps2 #0"), EC_UNKNOWN, "DCPS2 is undefined");
	ok_eq((uint64_t)CAUGHT("dcps3 #0"), EC_UNKNOWN, "DCPS3 is undefined");
	ok_eq((uint64_t)CAUGHT("drps"), EC_UNKNOWN, "DRPS is undefined");
	ok_eq((uint64_t)CAUGHT("ic ialluis"), EC_NONE, "IC IALLUIS");
	ok_eq((uint64_t)CAUGHT("tlbi vmalle1"), EC_NONE, "TLBI VMALLE1");
	ok_eq((uint64_t)CAUGHT("dc cisw, xzr"), EC_NONE, "DC CISW does nothing bad");
	ok_eq((uint64_t)CAUGHT("dc isw, xzr"), EC_NONE, "DC ISW neither");
}

static volatile uint32_t page[1024] __attribute__((aligned(4096)));

static int load(uint64_t a)
{
	uint32_t v = 0;

	return read32_catch(a, &v);
}

static void check_translation(void)
{
	uint64_t at = window_map(0, 0), real = (uint64_t)page;

	ok(load(at + 20) == EC_DABT && (iss() & ISS_FSC) == FSC_TRANSLATION + 3 && !(iss() & ISS_WNR) && far() == at + 20, "a load from a page that is not mapped");
	ok(write32_catch(at + 24, 1) == EC_DABT && (iss() & ISS_FSC) == FSC_TRANSLATION + 3 && (iss() & ISS_WNR) && far() == at + 24, "a store to it");
	(void)window_map(0, real | PTE_PAGE | PTE_READ_ONLY);
	page[3] = 77;
	ok(load(at + 12) == EC_NONE && write32_catch(at + 12, 1) == EC_DABT && (iss() & ISS_FSC) == FSC_PERMISSION + 3 && far() == at + 12 && page[3] == 77,
	   "a store to a page that is read-only");
	(void)window_map(0, real | (PTE_PAGE & ~PTE_AF));
	ok(load(at) == EC_DABT && (iss() & ISS_FSC) == FSC_ACCESS + 3, "a page without its access flag");
	ok(load(0x8000000000) == EC_DABT && (iss() & ISS_FSC) == FSC_TRANSLATION, "an address beyond what is translated");
	ok(load(0xffff000000000000) == EC_DABT && (iss() & ISS_FSC) == FSC_TRANSLATION, "one above");
	/* That device memory allows no odd address is the CPU's to tell, and emulated ones do not when they have one thread. */
}

/* A call there comes back by RET, or is caught in the frame's handler. */
static volatile uint64_t fetch_far, fetch_iss, fetch_ec;

static void on_fetch(struct frame *f)
{
	fetch_ec = f->esr >> 26;
	fetch_iss = f->esr & 0x1ffffff;
	fetch_far = f->far;
	f->elr = f->x[30];
}

static uint64_t call(uint64_t at)
{
	fetch_ec = 0xff;
	trap_set(TRAP_SYNC, on_fetch);
	__asm__ volatile("blr %0" : : "r"(at) : "x30", "memory");
	trap_set(TRAP_SYNC, NULL);
	return fetch_ec;
}

static void check_fetch(void)
{
	uint64_t at;

	page[0] = 0xd65f03c0; /* RET */
	code_written((const void *)page, 64);
	at = window_map(0, (uint64_t)page | PTE_PAGE);
	ok_eq(call(at), 0xff, "code in a page of one's own");
	(void)window_map(0, (uint64_t)page | PTE_PAGE | PTE_PXN);
	ok(call(at) == EC_IABT && (fetch_iss & ISS_FSC) == FSC_PERMISSION + 3 && fetch_far == at, "code in a page that must not be executed");
	(void)window_map(0, 0);
	ok(call(at + 8) == EC_IABT && (fetch_iss & ISS_FSC) == FSC_TRANSLATION + 3 && fetch_far == at + 8, "code in a page that is not mapped");
	ok(call((uint64_t)page + 2) == EC_PC && fetch_far == (uint64_t)page + 2, "code at an odd address");
}

/* ---- software step (DDI0487 D2.12) over instructions that exit: it stops right behind each. */
static volatile unsigned steps;
static volatile uint64_t step_at;

static void on_step(struct frame *f)
{
	if (f->esr >> 26 == EC_STEP) {
		steps++;
		step_at = f->elr;
	}
	f->spsr &= ~(1ull << 21);
	f->spsr |= 1ull << 9;             /* debug exceptions masked again */
	SYS_WRITE("mdscr_el1", 0);
}

/* Steps once over the instruction: an exception return to it with SPSR.SS set and PSTATE.D clear. */
#define STEP(insn, input) ({ \
	steps = 0; \
	SYS_WRITE("mdscr_el1", 1 | 1 << 13); \
	__asm__ volatile("adr x3, 3f; msr elr_el1, x3; mrs x3, daif; bic x3, x3, #1 << 9; orr x3, x3, #1 << 21; add x3, x3, #5; msr spsr_el1, x3; mov x1, %1; mov x0, %2; isb; eret\n" \
		"3: " insn "\n4: nop; nop; adr %0, 4b" : "=&r"(behind) : "r"((uint64_t)(input)), "r"((uint64_t)PSCI_VERSION) : "x0", "x1", "x2", "x3", "memory"); \
	steps == 1 && step_at == behind; })

static void check_step(void)
{
	uint64_t behind;

	SYS_WRITE("oslar_el1", 0);
	SYS_WRITE("mdscr_el1", 1 | 1 << 13);
	if ((SYS_READ("mdscr_el1") & (1 | 1 << 13)) != (1 | 1 << 13) || (SYS_READ("oslsr_el1") & 2)) {
		SYS_WRITE("mdscr_el1", 0);
		skip("debug is not offered", "single step");
		return;
	}
	SYS_WRITE("mdscr_el1", 0);
	trap_set(TRAP_SYNC, on_step);
	ok(STEP("add x2, x1, #1", 5), "single step over an addition stops right behind it");
	ok(STEP("ldr w2, [x1]", GICD + GICD_TYPER), "over a load from a device");
	ok(STEP("str wzr, [x1]", RTC + 8), "over a store to a device");
	ok(STEP("hvc #0", 0), "over a call to the monitor");
	ok(STEP("mrs x2, id_aa64pfr0_el1", 0), "over the read of an ID register");
	trap_set(TRAP_SYNC, NULL);
}

static void check_clock(void)
{
	uint64_t last = clock_now();
	bool rises = true;

	for (unsigned i = 0; i < 2000; i++) {
		uint64_t now;

		if (i % 8 == 0)
			(void)read32(GICD + GICD_TYPER);
		now = clock_now();
		rises &= now >= last;
		last = now;
	}
	ok(rises, "the counter never falls, over exits too");
}

void guest_main(void)
{
	check_wfi();
	check_wfe();
	for (unsigned i = 0; i < 1000; i++)
		pause();
	ok(true, "YIELD a thousand times");
	check_exceptions();
	check_translation();
	check_fetch();
	check_step();
	check_clock();
}
