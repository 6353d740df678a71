/* SPDX-License-Identifier: Apache-2.0 */
/* Translation under two CPUs: pages that one CPU moves, protects and takes away while the other uses them, with TLB maintenance by
 * broadcast; address spaces by ASID; code that is changed for another CPU; and fresh memory that all touch first at the same moment. */
#include "lib/guest.h"

enum { ROUNDS = 100, FRESH = 256 };
static volatile uint64_t pages[2][512] __attribute__((aligned(4096)));
static volatile unsigned ask, answer, kind;
static volatile uint64_t address, value;
static volatile int outcome;
enum { READ, WRITE, CALL, LEAVE };
extern volatile uint64_t window_table[512], window_dir[512], level1[512];

/* ---- CPU 1 does one access when asked, and tells what became of it */
static void serve(void)
{
	uint32_t v = 0;

	if (kind == READ) {
		outcome = read32_catch(address, &v);
		value = v;
	} else if (kind == WRITE) {
		outcome = write32_catch(address, (uint32_t)value);
	} else if (kind == CALL) {
		register uint64_t x0 __asm__("x0") = 0;
		register uint64_t at __asm__("x16") = address;

		isb();
		__asm__ volatile("blr %1" : "+r"(x0), "+r"(at) : : "x1", "x17", "x30", "memory");
		value = x0;
		outcome = EC_NONE;
	}
}

static void other(unsigned index)
{
	(void)index;
	for (unsigned seen = 0;;) {
		if (ask == seen) {
			pause();
			continue;
		}
		memory_barrier();
		seen = ask;
		if (kind == LEAVE) {
			answer = seen;
			return;
		}
		serve();
		memory_barrier();
		answer = seen;
	}
}

static int there(unsigned what, uint64_t at, uint64_t v)
{
	kind = what;
	address = at;
	value = v;
	memory_barrier();
	ask = ask + 1;
	return WAIT(answer == ask) ? outcome : -2;
}

static int here(unsigned what, uint64_t at, uint64_t v)
{
	uint32_t got = 0;
	int fault = what == READ ? read32_catch(at, &got) : write32_catch(at, (uint32_t)v);

	value = got;
	return fault;
}

/* ---- moved, protected, taken away */
static void check_moving(void)
{
	unsigned wrong = 0;
	uint64_t at = window_map(0, (uint64_t)pages[0] | PTE_PAGE);

	pages[0][0] = 0xa0;
	pages[1][0] = 0xb1;
	for (unsigned i = 0; i < ROUNDS; i++) {
		(void)window_map(0, (uint64_t)pages[i & 1] | PTE_PAGE);
		wrong += there(READ, at, 0) != EC_NONE || value != (i & 1 ? 0xb1u : 0xa0u);
		wrong += here(READ, at, 0) != EC_NONE || value != (i & 1 ? 0xb1u : 0xa0u);
	}
	ok_eq(wrong, 0, "a page that moves %u times is seen by both CPUs where it is", ROUNDS);
}

static void check_protecting(void)
{
	unsigned wrong = 0;
	uint64_t at = window_map(0, (uint64_t)pages[0] | PTE_PAGE);

	for (unsigned i = 0; i < ROUNDS; i++) {
		pages[0][1] = 5;
		(void)window_map(0, (uint64_t)pages[0] | PTE_PAGE | (i & 1 ? PTE_READ_ONLY : 0));
		wrong += there(WRITE, at + 8, 6) != (i & 1 ? EC_DABT : EC_NONE) || pages[0][1] != (i & 1 ? 5 : 6);
		wrong += here(WRITE, at + 8, 7) != (i & 1 ? EC_DABT : EC_NONE) || pages[0][1] != (i & 1 ? 5 : 7);
	}
	ok_eq(wrong, 0, "a page that is now writable, now not");
	for (unsigned i = 0; i < ROUNDS; i++) {
		(void)window_map(0, i & 1 ? 0 : (uint64_t)pages[0] | PTE_PAGE);
		wrong += there(READ, at, 0) != (i & 1 ? EC_DABT : EC_NONE);
		wrong += here(READ, at, 0) != (i & 1 ? EC_DABT : EC_NONE);
	}
	ok_eq(wrong, 0, "a page that is now there, now not");
}

/* By the other kinds of maintenance: all, by address for the last level, the CPU's own. */
static void check_operations(void)
{
	uint64_t at = WINDOW_BASE;
	unsigned wrong = 0;

	for (unsigned i = 0; i < 60; i++) {
		(void)window_set(0, 0);
		if (i % 3 == 0)
			tlb_forget_all();
		else if (i % 3 == 1)
			__asm__ volatile("dsb ishst; tlbi vaale1is, %0; dsb ish; isb" : : "r"(at >> 12) : "memory");
		else
			__asm__ volatile("dsb ishst; tlbi vae1is, %0; dsb ish; isb" : : "r"(at >> 12) : "memory");
		wrong += there(READ, at, 0) != EC_DABT;
		(void)window_set(0, (uint64_t)pages[i & 1] | PTE_PAGE);
		memory_barrier();
		wrong += there(READ, at, 0) != EC_NONE || value != (uint32_t)pages[i & 1][0];
	}
	ok_eq(wrong, 0, "all, last level only, by address: both CPUs forget");
	(void)window_set(0, 0);
	__asm__ volatile("dsb ishst; tlbi vmalle1; dsb nsh; isb" ::: "memory");
	ok_eq((uint64_t)here(READ, at, 0), EC_DABT, "its own alone: this CPU forgets");
	(void)window_map(0, (uint64_t)pages[0] | PTE_PAGE);
}

/* A 2 MiB block in place of a table, and back. */
static void check_blocks(void)
{
	uint64_t at = WINDOW_BASE + 0x200000, block = (ram_end() - 0x200000) & ~0x1fffffull, table = window_dir[0];
	unsigned wrong = 0;

	write32(block, 0xb10c);
	(void)window_map(0, (uint64_t)pages[0] | PTE_PAGE);
	for (unsigned i = 0; i < 100; i++) {
		window_dir[1] = 0;
		tlb_forget_all();
		wrong += there(READ, at, 0) != EC_DABT;
		window_dir[1] = i & 1 ? table : block | 0x701;
		__asm__ volatile("dsb ishst; isb" ::: "memory");
		wrong += there(READ, at, 0) != EC_NONE || value != (i & 1 ? (uint32_t)pages[0][0] : 0xb10c);
	}
	ok_eq(wrong, 0, "a block and a table in turn");
	window_dir[1] = 0;
	tlb_forget_all();
}

/* Two address spaces with the same global part; the ASID chooses without any maintenance (DDI0487 D8.16.2.1). */
static volatile uint64_t tables[2][3][512] __attribute__((aligned(4096)));

static void check_spaces(void)
{
	uint64_t at = WINDOW_BASE, old = SYS_READ("ttbr0_el1");
	unsigned wrong = 0;

	pages[0][0] = 0xa0;
	pages[1][0] = 0xb1;
	for (unsigned s = 0; s < 2; s++) {
		for (unsigned i = 0; i < 511; i++)
			tables[s][0][i] = level1[i];
		tables[s][0][511] = (uint64_t)tables[s][1] | 3;
		tables[s][1][0] = (uint64_t)tables[s][2] | 3;
		tables[s][2][0] = (uint64_t)pages[s] | PTE_PAGE | PTE_NOT_GLOBAL;
	}
	(void)window_map(0, 0);
	memory_barrier();
	for (unsigned i = 0; i < ROUNDS; i++) {
		SYS_WRITE("ttbr0_el1", (uint64_t)tables[i & 1] | (uint64_t)(i & 1 ? 7 : 9) << 48);
		wrong += here(READ, at, 0) != EC_NONE || value != (i & 1 ? 0xb1u : 0xa0u);
		if (i % 50 == 0)
			(void)read32(GICD + GICD_TYPER);
	}
	SYS_WRITE("ttbr0_el1", old);
	tlb_forget_all();
	ok_eq(wrong, 0, "two address spaces in turn, by their numbers");
	ok_eq((uint64_t)here(READ, at, 0), EC_DABT, "and neither is left");
}

/* ---- code for another CPU (DDI0487 B2.7.4.2): the writer cleans and invalidates, the reader has its ISB. */
static uint32_t code[1024] __attribute__((aligned(4096)));

static void check_code(void)
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		code[0] = 0xd2800000 | (i & 0xffff) << 5; /* MOV X0, #i */
		code[1] = 0xd65f03c0;
		code_written(code, 8);
		wrong += there(CALL, (uint64_t)code, 0) != EC_NONE || value != i;
	}
	ok_eq(wrong, 0, "code that one CPU changes is what the other executes, %u times", ROUNDS);
}

/* ---- fresh memory: all CPUs add to the same new pages at once; each meets zeros or what the others did. */
static volatile unsigned ready_n, go, done_n;

static uint64_t fresh(unsigned i) { return ((first_free() + 0x400000) & ~4095ull) + 4096ull * i; }

static void add(void)
{
	for (unsigned i = 0; i < FRESH; i++) {
		uint64_t status, v;

		__asm__ volatile("1: ldaxr %0, [%2]; add %0, %0, #1; stlxr %w1, %0, [%2]; cbnz %w1, 1b" : "=&r"(v), "=&r"(status) : "r"(fresh(i)) : "memory");
	}
}

static void add_too(unsigned index)
{
	(void)index;
	__atomic_fetch_add(&ready_n, 1, __ATOMIC_SEQ_CST);
	while (!go)
		pause();
	add();
	__atomic_fetch_add(&done_n, 1, __ATOMIC_SEQ_CST);
}

static void check_fresh(void)
{
	unsigned n = cpu_count(), wrong = 0;

	for (unsigned i = 1; i < n; i++)
		if (!cpu_start(i, add_too)) {
			ok(false, "CPU %u did not start", i);
			return;
		}
	(void)WAIT(ready_n == n - 1);
	go = 1;
	add();
	ok(WAIT(done_n == n - 1), "%u CPUs touched the same fresh pages", n);
	for (unsigned i = 0; i < FRESH; i++) {
		wrong += read64(fresh(i)) != n;
		for (unsigned j = 1; j < 512; j++)
			wrong += read64(fresh(i) + 8ull * j) != 0;
	}
	ok_eq(wrong, 0, "nothing was lost in %u pages, and nothing else was there", FRESH);
}

void guest_main(void)
{
	if (cpu_count() < 2 || !ok(cpu_start(1, other), "CPU 1 starts"))
		return;
	check_moving();
	check_protecting();
	check_operations();
	check_blocks();
	check_spaces();
	check_code();
	(void)there(LEAVE, 0, 0);
	ok(WAIT(cpu_is_off(1)), "CPU 1 leaves");
	check_fresh();
}
