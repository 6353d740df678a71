/* SPDX-License-Identifier: Apache-2.0 */
/* FPU, SSE and AVX state survives exits and other guests on the same CPU: each CPU of this guest fills all registers with a pattern of its
 * own (seed= makes another guest's differ), exits a thousand times, spins to be preempted, and looks. Code is compiled without SSE. */
#include "lib/guest.h"

enum { REG_BYTES = 32, ROUNDS = 150 };
struct state { uint8_t ymm[16][REG_BYTES]; uint64_t st[8]; uint32_t mxcsr; uint16_t fcw; } __attribute__((aligned(64)));
static struct state want[MAX_CPUS], got[MAX_CPUS];
static volatile unsigned wrong[MAX_CPUS], rounds[MAX_CPUS];
static volatile bool finished[MAX_CPUS];
static bool avx;
static unsigned seed;

#define EACH(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15)
#define LOAD_YMM(i) "vmovdqu " #i "*32(%0), %%ymm" #i "\n"
#define SAVE_YMM(i) "vmovdqu %%ymm" #i ", " #i "*32(%0)\n"
#define LOAD_XMM(i) "movdqu " #i "*32(%0), %%xmm" #i "\n"
#define SAVE_XMM(i) "movdqu %%xmm" #i ", " #i "*32(%0)\n"

static void load(const struct state *s)
{
	if (avx)
		__asm__ volatile(EACH(LOAD_YMM) : : "r"(s) : "memory");
	else
		__asm__ volatile(EACH(LOAD_XMM) : : "r"(s) : "memory");
	__asm__ volatile("ldmxcsr %0; fninit; fldcw %1" : : "m"(s->mxcsr), "m"(s->fcw));
	for (unsigned i = 0; i < 8; i++)
		__asm__ volatile("fildll %0" : : "m"(s->st[7 - i]));
}

/* Empties the x87 stack, which is loaded again for the next round. */
static void save(struct state *s)
{
	if (avx)
		__asm__ volatile(EACH(SAVE_YMM) : : "r"(s) : "memory");
	else
		__asm__ volatile(EACH(SAVE_XMM) : : "r"(s) : "memory");
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(s->mxcsr), "=m"(s->fcw));
	for (unsigned i = 0; i < 8; i++)
		__asm__ volatile("fistpll %0" : "=m"(s->st[i]));
}

static void pattern(struct state *s, unsigned who)
{
	uint32_t x = who * 2654435761u + 12345;

	for (unsigned i = 0; i < 16; i++)
		for (unsigned j = 0; j < REG_BYTES; j++) {
			x = x * 1664525 + 1013904223;
			s->ymm[i][j] = avx || j < 16 ? (uint8_t)(x >> 24) : 0;
		}
	for (unsigned i = 0; i < 8; i++)
		s->st[i] = (uint64_t)x * (i + 3) + who;
	s->mxcsr = 0x1f80 | (who & 3) << 13;        /* rounding control */
	s->fcw = (uint16_t)(0x37f | (who & 3) << 10);
}

static void enable(void)
{
	uint64_t cr4;

	if (!avx)
		return;
	__asm__ volatile("mov %%cr4, %0; or $0x40000, %0; mov %0, %%cr4" : "=r"(cr4));
	__asm__ volatile("xsetbv" : : "c"(0), "a"(7), "d"(0));
}

/* Exits of several kinds, and some time without any. */
static void disturb(void)
{
	for (unsigned i = 0; i < 8; i++) {
		(void)cpuid(0, 0);
		(void)inb(0x3fd);
		pause();
	}
	for (volatile unsigned i = 0; i < 20000; i++)
		;
}

static void work(unsigned index)
{
	const uint64_t *a = (const uint64_t *)&want[index], *b = (const uint64_t *)&got[index];

	enable();
	pattern(&want[index], seed * 16 + index);
	for (unsigned r = 0; r < ROUNDS; r++) {
		load(&want[index]);
		disturb();
		save(&got[index]);
		for (unsigned i = 0; i < sizeof(struct state) / 8; i++)
			wrong[index] += a[i] != b[i];
		rounds[index] = r + 1;
	}
	finished[index] = true;
}

/* The supervisor's form of saving and restoring, where it is offered; on Intel's CPUs it is #UD elsewhere. */
static void check_xsaves(void)
{
	enum { ALL_STATE = 7, COMPACT = 1u << 31 };
	static uint8_t area[4096] __attribute__((aligned(64)));
	const uint64_t *a = (const uint64_t *)&want[0], *b = (const uint64_t *)&got[0];
	struct regs vendor = cpuid(0, 0);
	static const char *const names[] = {"leaf 0Dh tells the size of what XSAVES writes", "XSAVES writes the compacted form", "XRSTORS brings the registers back"};
	unsigned differ = 0;

	if (!avx || !(cpuid(0xd, 1).eax & 1 << 3)) {
		if (vendor.ebx == 0x756e6547)
			ok_eq(CAUGHT("xsaves64 (%%rbx)"), VEC_UD, "XSAVES is #UD where it is not offered");
		for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			skip("no XSAVES here", names[i]);
		return;
	}
	ok(cpuid(0xd, 1).ebx >= 576 + 256 && cpuid(0xd, 1).ebx <= sizeof(area), "%s", names[0]);
	if (option_number("broken_xsaves", 0)) { /* the emulator's */
		for (unsigned i = 1; i < sizeof(names) / sizeof(names[0]); i++)
			skip("this emulator's XSAVES writes over its own header", names[i]);
		return;
	}
	load(&want[0]);
	__asm__ volatile("xsaves64 (%0)" : : "r"(area), "a"(ALL_STATE), "d"(0) : "memory");
	ok(((const uint32_t *)area)[131] == COMPACT && ((const uint32_t *)area)[130] == ALL_STATE, "%s", names[1]);
	pattern(&got[0], 1000);
	load(&got[0]);
	__asm__ volatile("xrstors64 (%0)" : : "r"(area), "a"(ALL_STATE), "d"(0) : "memory");
	save(&got[0]);
	for (unsigned i = 0; i < sizeof(struct state) / 8; i++)
		differ += a[i] != b[i];
	ok_eq(differ, 0, "%s", names[2]);
}

void guest_main(void)
{
	unsigned n = cpu_count();

	seed = (unsigned)option_number("seed", 1);
	avx = (cpuid(1, 0).ecx & 1 << 28) && (cpuid(1, 0).ecx & 1 << 26);
	note("%u CPUs, seed %u, %s", n, seed, avx ? "AVX" : "SSE");
	if (option_number("wait", 0)) {
		say("ready\n");
		(void)serial_read();
	}
	for (unsigned i = 1; i < n; i++)
		if (!ok(cpu_start(i, work), "CPU %u starts", i))
			return;
	work(0);
	for (unsigned i = 0; i < n; i++) {
		ok(WAIT(finished[i]), "CPU %u did its rounds", i);
		ok_eq(wrong[i], 0, "CPU %u kept its registers over %u rounds", i, rounds[i]);
	}
	check_xsaves();
}
