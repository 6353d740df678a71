/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that misbehave, one way each (mode=). Each says "hostile MODE" first. What should become of it, the test knows: a crash with a
 * reason, or a VM that burns its share until it is stopped; nothing else may come to harm. */
#include "lib/guest.h"

#define NOWHERE 0xd0000000ull              /* beyond this guest's memory */
struct mode { const char *name; void (*run)(void); };

/* A small generator, so that runs repeat. */
static uint64_t next_random(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static void spin(void)
{
	irq_off();
	for (;;)
		;
}

/* All of its CPUs. */
static void spin_here(unsigned index)
{
	(void)index;
	spin();
}

static void spin_all(void)
{
	for (unsigned i = 1; i < cpu_count(); i++)
		(void)cpu_start(i, spin_here);
	spin();
}

static void flood(void)
{
	for (uint64_t n = 0;; n++)
		write32(UART, (uint8_t)(n % 97 == 96 ? '\n' : ' ' + n % 95));
}

static uint64_t device_address(void)
{
	static const uint64_t bases[] = {GICD, GICR, GICR + GICR_SGI, UART, RTC, GPIO, PCI_WINDOW, ECAM, 0, NOWHERE, 0x4000000000, 0x3efff000};
	uint64_t r = next_random();

	return bases[r % 12] + (r >> 8) % 0x8000;
}

#define TRY(insn, v, a) do { __asm__ volatile("1: " insn "\n2:\n" CATCH : "+r"(v) : "r"(a) : "memory", "x9"); } while (0)

/* Writes to the serial port's data are flood's; the power key and resets are nobody's here. */
static void mmio(void)
{
	for (;;) {
		uint64_t a = device_address(), v = next_random();

		if (a == UART)
			continue;
		switch (v >> 59 & 15) {
		case 0: TRY("strb %w0, [%1]", v, a); break;
		case 1: TRY("strh %w0, [%1]", v, a & ~1ull); break;
		case 2: case 3: TRY("str %w0, [%1]", v, a & ~3ull); break;
		case 4: TRY("str %0, [%1]", v, a & ~7ull); break;
		case 5: TRY("ldr %0, [%1]", v, a & ~7ull); break;
		case 6: TRY("ldrsb %0, [%1]", v, a); break;
		case 7: TRY("stp %0, %0, [%1]", v, a & ~7ull); break;
		case 8: TRY("ldp %0, x9, [%1]", v, a & ~7ull); break;
		case 9: TRY("ldxr %0, [%1]", v, a & ~7ull); break;
		case 10: TRY("dc zva, %1", v, a); break;
		case 11: TRY("str %0, [%1, #8]", v, a); break;
		case 12: TRY("mov x9, %1\n1: str %w0, [x9], #4", v, a & ~3ull); break;
		default: TRY("ldr %w0, [%1]", v, a & ~3ull); break;
		}
	}
}

/* Every system register and every operation, with faults caught as far as there are still vectors and a way to them. */
static void sysregs(void)
{
	for (;;) {
		uint64_t r = next_random(), v = r & 8 ? next_random() : r & 16 ? ~0ull : 0;
		uint32_t enc = (uint32_t)(r >> 20) & 0x3fff;

		(void)run_insn((r & 1 ? 0xd5100000 : r & 2 ? 0xd5080000 : 0xd5300000) | (r & 4 ? 0x80000 : 0) | enc << 5, &v);
	}
}

/* Runs code from where nothing is. */
static void fetch(void)
{
	((void (*)(void))NOWHERE)();
}

/* Translation tables where nothing is. */
static void tables(void)
{
	SYS_WRITE("ttbr0_el1", NOWHERE);
	tlb_forget_all();
	(void)read32(RAM_BEGIN + 0x12345678);
}

/* Vectors where nothing is: there is no third fault that ends it, but fault upon fault. */
static void vectors(void)
{
	SYS_WRITE("vbar_el1", NOWHERE);
	__asm__ volatile("udf #0");
}

/* Vectors that are undefined instructions themselves: the CPU never leaves, and never exits. */
static uint32_t undefined[512] __attribute__((aligned(2048)));

static void loop(void)
{
	SYS_WRITE("vbar_el1", (uint64_t)undefined);
	__asm__ volatile("udf #0");
}

static void loop_here(unsigned index)
{
	(void)index;
	loop();
}

static void loop_all(void)
{
	for (unsigned i = 1; i < cpu_count(); i++)
		(void)cpu_start(i, loop_here);
	loop();
}

/* A stack where nothing is. */
static void stack(void)
{
	__asm__ volatile("mov sp, %0; udf #0" : : "r"(NOWHERE + 0x1000));
}

static void sleep_for_good(void)
{
	irq_off();
	for (;;)
		wfi();
}

static void ignore(unsigned intid) { (void)intid; }

/* Interrupts to all others as fast as can be, and to itself. */
static void storm_here(unsigned index)
{
	irq_on();
	for (uint64_t n = 0;; n++) {
		sgi_send_others(n % 16);
		sgi_send(n % 15, 1u << index);
	}
}

static void storm(void)
{
	irq_set_all(ignore);
	for (unsigned i = 1; i < cpu_count(); i++)
		(void)cpu_start(i, storm_here);
	storm_here(0);
}

/* A timer that has always fired already: a level that nobody takes down. */
static void timer(void)
{
	irq_set(INTID_VTIMER, ignore);
	irq_set(INTID_PTIMER, ignore);
	irq_enable(INTID_VTIMER);
	irq_enable(INTID_PTIMER);
	SYS_WRITE("cntv_cval_el0", 0);
	SYS_WRITE("cntv_ctl_el0", 1);
	SYS_WRITE("cntp_cval_el0", 0);
	SYS_WRITE("cntp_ctl_el0", 1);
	irq_on();
	for (;;)
		wfi();
}

static void pauses(void)
{
	for (;;)
		__asm__ volatile("yield; wfe; sev; wfe");
}

/* Nothing but calls. */
static void calls(void)
{
	for (uint64_t n = 0;; n++)
		(void)hvc_call(n & 1 ? 0x84000000 | (n >> 1 & 0x1f) << 5 : n, next_random(), next_random(), next_random());
}

/* PSCI with arguments that mean nothing, except what ends this guest by right. */
static void psci_noise(void)
{
	static const uint32_t fns[] = {0x84000001, 0xc4000001, 0x84000003, 0xc4000003, 0x84000004, 0xc4000004, 0x84000005, 0x84000006, 0x84000007, 0x8400000a, 0x8400000c,
		0xc400000e, 0x8400000f, 0xc4000010, 0xc4000014, 0x80000000, 0x80000001, 0xc5000020, 0xc5000021};

	irq_enable(INTID_VTIMER);
	for (uint64_t n = 0;; n++) {
		uint64_t r = next_random();

		SYS_WRITE("cntv_cval_el0", clock_now() + 1000); /* a CPU that is suspended wakes */
		SYS_WRITE("cntv_ctl_el0", 1);
		(void)hvc_call(fns[r % 19], r >> 8 & 1 ? r >> 16 & 7 : next_random(), r >> 9 & 1 ? (uint64_t)cpu_entry + (r >> 60) : next_random(), next_random());
	}
}

/* Random instructions: each run of 64 bytes is executed with exceptions leading to the next. */
static uint32_t code[64] __attribute__((aligned(4096)));

static void jump_next(struct frame *f)
{
	for (unsigned i = 0; i < 16; i++) {
		uint64_t r = next_random();

		/* The system space is sysregs'; what is left of it here is rare. */
		code[i] = (uint32_t)(r >> 32);
	}
	code_written(code, sizeof(code));
	f->elr = (uint64_t)code;
	f->spsr = 0x3c5;
}

static void noise(void)
{
	for (unsigned i = 0; i < TRAP_KINDS; i++)
		trap_set(i, jump_next);
	__asm__ volatile("udf #0");
}

/* Resets itself for ever. */
static void reset(void)
{
	(void)psci(PSCI_SYSTEM_RESET, 0, 0, 0);
	sleep_for_good();
}

static void go_away(unsigned index) { (void)index; }

/* Others off and on without end. */
static void restart(void)
{
	for (uint64_t n = 0;; n++) {
		(void)psci(PSCI_CPU_ON, 1 + n % cpu_count(), n % 3 ? (uint64_t)cpu_entry : NOWHERE, n);
		if (n % 5 == 0)
			(void)cpu_start(1, go_away);
	}
}

/* The page under another CPU's feet goes and comes without any maintenance, and both at once. */
static void remap_here(unsigned index)
{
	for (uint64_t n = index;; n++) {
		uint32_t v = 0;

		(void)window_set(0, n % 3 ? (next_random() & 0xfffffffff000) | PTE_PAGE : 0);
		(void)read32_catch(WINDOW_BASE, &v);
		(void)write32_catch(WINDOW_BASE + 4, v);
		if (n % 7 == 0)
			tlb_forget(WINDOW_BASE);
		if (n % 31 == 0)
			tlb_forget_all();
	}
}

static void remap(void)
{
	for (unsigned i = 1; i < cpu_count(); i++)
		(void)cpu_start(i, remap_here);
	remap_here(0);
}

static const struct mode modes[] = {
	{"spin", spin_all}, {"flood", flood}, {"mmio", mmio}, {"sysregs", sysregs}, {"fetch", fetch}, {"tables", tables}, {"vectors", vectors}, {"loop", loop_all},
	{"stack", stack}, {"sleep", sleep_for_good}, {"storm", storm}, {"timer", timer}, {"pause", pauses}, {"calls", calls}, {"psci", psci_noise}, {"noise", noise},
	{"reset", reset}, {"restart", restart}, {"remap", remap},
};

void guest_main(void)
{
	char name[16];

	if (!option("mode", name, sizeof(name)))
		bail("no mode= on the command line");
	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i].name, name) == 0) {
			say("hostile %s\n", name);
			modes[i].run();
		}
	bail("mode %s is not known, or came back", name);
}
