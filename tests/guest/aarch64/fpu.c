/* SPDX-License-Identifier: Apache-2.0 */
/* FP and SIMD state survives exits and other guests on the same CPU: each CPU of this guest fills all registers with a pattern of its own
 * (seed= makes another guest's differ), exits a thousand times, spins to be preempted, and looks. The guest's own traps of these registers
 * stay its own. Code is compiled without them. */
#include "lib/guest.h"

enum { ROUNDS = 150, FPEN = 3 << 20 };
struct state { uint64_t q[32][2]; uint64_t fpcr, fpsr; } __attribute__((aligned(16)));
static struct state want[MAX_CPUS], got[MAX_CPUS];
static volatile unsigned wrong[MAX_CPUS], rounds[MAX_CPUS], untrapped[MAX_CPUS];
static volatile bool finished[MAX_CPUS];
static unsigned seed;

#define EACH(op) \
	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15) op(16) op(17) op(18) op(19) op(20) op(21) op(22) \
	op(23) op(24) op(25) op(26) op(27) op(28) op(29) op(30) op(31)
#define LOAD_Q(i) "ldr q" #i ", [%0, #" #i "*16]\n"
#define SAVE_Q(i) "str q" #i ", [%0, #" #i "*16]\n"

static void load(const struct state *s)
{
	__asm__ volatile(".arch_extension simd\n" EACH(LOAD_Q) "msr fpcr, %1; msr fpsr, %2" : : "r"(s), "r"(s->fpcr), "r"(s->fpsr) : "memory");
}

static void save(struct state *s)
{
	__asm__ volatile(EACH(SAVE_Q) : : "r"(s) : "memory");
	s->fpcr = SYS_READ("fpcr");
	s->fpsr = SYS_READ("fpsr");
}

static void pattern(struct state *s, unsigned who)
{
	uint64_t x = who * 0x9e3779b97f4a7c15ull + 12345;

	for (unsigned i = 0; i < 32; i++)
		for (unsigned j = 0; j < 2; j++) {
			x = x * 6364136223846793005ull + 1442695040888963407ull;
			s->q[i][j] = x;
		}
	s->fpcr = (uint64_t)(who & 3) << 22;      /* rounding mode */
	s->fpsr = who & 0x1f;                     /* cumulative exceptions */
}

/* Exits of several kinds, and some time without any. */
static void disturb(void)
{
	for (unsigned i = 0; i < 8; i++) {
		(void)psci(PSCI_VERSION, 0, 0, 0);
		(void)read32(GICD + GICD_TYPER);
		pause();
	}
	for (volatile unsigned i = 0; i < 20000; i++)
		;
}

/* Switched off by the guest, they trap to the guest, and are as they were when it switches them on. */
static void check_trap(unsigned index)
{
	SYS_WRITE("cpacr_el1", 0);
	untrapped[index] += CAUGHT("fmov s0, wzr") != EC_FP;
	(void)read32(GICD + GICD_TYPER);
	untrapped[index] += CAUGHT("fmov s0, wzr") != EC_FP;
	SYS_WRITE("cpacr_el1", FPEN);
}

static void work(unsigned index)
{
	const uint64_t *a = (const uint64_t *)&want[index], *b = (const uint64_t *)&got[index];

	SYS_WRITE("cpacr_el1", FPEN);
	pattern(&want[index], seed * 16 + index);
	for (unsigned r = 0; r < ROUNDS; r++) {
		load(&want[index]);
		disturb();
		if (r % 8 == 0)
			check_trap(index);
		save(&got[index]);
		for (unsigned i = 0; i < sizeof(struct state) / 8; i++)
			wrong[index] += a[i] != b[i];
		rounds[index] = r + 1;
	}
	finished[index] = true;
}

void guest_main(void)
{
	unsigned n = cpu_count();

	seed = (unsigned)option_number("seed", 1);
	note("%u CPUs, seed %u", n, seed);
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
		ok_eq(untrapped[i], 0, "CPU %u's own traps came to it", i);
	}
}
