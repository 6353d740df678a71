/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that misbehave, one way each (mode=). Each says "hostile MODE" first. What should become of it, the test knows: a crash with a
 * reason, or a VM that burns its share until it is stopped; nothing else may come to harm. */
#include "lib/guest.h"

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

static void load_empty_idt(void)
{
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) p = {0, 0};

	__asm__ volatile("lidt %0" : : "m"(p));
}

static void triple(void)
{
	load_empty_idt();
	__asm__ volatile("ud2");
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
		outb(0x3f8, (uint8_t)(n % 97 == 96 ? '\n' : ' ' + n % 95));
}

static uint64_t device_address(void)
{
	static const uint64_t bases[] = {0xfee00000, 0xfec00000, 0xe0000000, 0xe8000000, 0xe8008000, 0xd0000000, 0xfffff000, 0x4000000000};
	uint64_t r = next_random();

	return bases[r % 8] + (r >> 8) % 0x8000;
}

/* INIT and resets by the APIC are this guest's right and would end the test early: its ICR is spared. */
static bool sends(uint64_t a)
{
	return a >= 0xfee00000 + APIC_ICR - 16 && a < 0xfee00000 + APIC_ICR_HIGH + 16;
}

static void mmio(void)
{
	for (;;) {
		uint64_t a = device_address(), v = next_random();

		if (sends(a))
			continue;
		switch (v >> 60) {
		case 0: case 1: write8(a, (uint8_t)v); break;
		case 2: case 3: write16(a, (uint16_t)v); break;
		case 4: case 5: write32(a, (uint32_t)v); break;
		case 6: case 7: write64(a, v); break;
		case 8: (void)read64(a); break;
		case 9: (void)read8(a); break;
		case 10: __asm__ volatile("lock xaddq %0, (%1)" : "+r"(v) : "r"(a) : "memory"); break;
		case 11: __asm__ volatile("rep stosb" : "+D"(a) : "c"(300ull), "a"(v) : "memory", "cc"); break;
		default: (void)read32(a); break;
		}
	}
}

/* Faults are caught, as far as there is still an IDT and a way to it. */
static void wrmsrs(void)
{
	for (;;) {
		uint64_t r = next_random();
		uint32_t msr = (uint32_t)(r >> 40) & 0x1fff;

		if (msr >= 0x830 && msr <= 0x83f)
			continue;
		msr += r & 1 ? 0xc0000000 : r & 2 ? 0xc0010000 : r & 4 ? 0x4b564d00 - 0x1f00 : 0;
		if (msr != 0xc0000080)
			(void)wrmsr_catch(msr, r & 8 ? next_random() : r & 16 ? ~0ull : 0);
	}
}

static void fetch(void)
{
	((void (*)(void))0xd0000000)();
}

static void tables(void)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"(0xd0000000ull) : "memory");
}

static void stack(void)
{
	__asm__ volatile("mov $0xd0001000, %eax; mov %rax, %rsp; int $0x80");
}

static void sleep_for_good(void)
{
	irq_off();
	for (;;)
		__asm__ volatile("hlt");
}

static void ignore(struct frame *f)
{
	(void)f;
	if (f->vector >= 32)
		apic_eoi();
}

/* Interrupts to itself and all others as fast as can be, NMIs among them. */
static void storm_here(unsigned index)
{
	(void)index;
	irq_on();
	for (uint64_t n = 0;; n++)
		apic_ipi(n % 8 ? ICR_ALL | (0x30 + n % 128) : ICR_ALL | ICR_NMI, 0);
}

static void storm(void)
{
	for (unsigned i = 0x20; i < 0xff; i++)
		trap_set(i, ignore);
	trap_set(VEC_NMI, ignore);
	for (unsigned i = 1; i < cpu_count(); i++)
		(void)cpu_start(i, storm_here);
	storm_here(0);
}

/* A timer of one nanosecond. */
static void timer(void)
{
	trap_set(0x40, ignore);
	apic_write(APIC_TIMER_DIVIDE, 0xb);
	apic_write(APIC_LVT_TIMER, TIMER_PERIODIC | 0x40);
	apic_write(APIC_TIMER_INITIAL, 1);
	irq_on();
	for (;;)
		__asm__ volatile("hlt");
}

static void pauses(void)
{
	for (;;)
		pause();
}

/* Random instructions: each run of 64 bytes is executed with faults leading to the next. */
static uint8_t code[128];
static void jump_next(struct frame *f)
{
	for (unsigned i = 0; i < 64; i++)
		code[i] = (uint8_t)next_random();
	f->rip = (uint64_t)code;
	f->rsp = (uint64_t)cpu_of(0) + STACK_SIZE - 256;
	f->rflags = 2;
}

static void noise(void)
{
	for (unsigned i = 0; i < 256; i++)
		trap_set(i, jump_next);
	for (unsigned i = 64; i < sizeof(code); i++)
		code[i] = 0x0f; /* 0F 0F ...: never legal */
	__asm__ volatile("ud2");
}

static void triple_here(unsigned index)
{
	(void)index;
	triple();
}

/* Another CPU than the first. */
static void triple_other(void)
{
	if (!cpu_start(1, triple_here))
		bail("CPU 1 did not start");
	sleep_for_good();
}

/* Resets itself for ever. */
static void reset(void)
{
	outb(0xcf9, 6);
	sleep_for_good();
}

/* INIT and SIPI to the others without end. */
static void restart(void)
{
	for (uint64_t n = 0;; n++) {
		apic_ipi(n % 3 ? ICR_SIPI | (n & 0xff) : ICR_INIT, 1 + n % (cpu_count() - 1));
		if (n % 5 == 0)
			(void)cpu_start(1, spin_here);
	}
}

static const struct mode modes[] = {
	{"triple", triple}, {"spin", spin_all}, {"flood", flood}, {"mmio", mmio}, {"wrmsr", wrmsrs}, {"fetch", fetch}, {"tables", tables},
	{"stack", stack}, {"sleep", sleep_for_good}, {"storm", storm}, {"timer", timer}, {"pause", pauses}, {"noise", noise}, {"triple-other", triple_other}, {"reset", reset},
	{"restart", restart},
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
