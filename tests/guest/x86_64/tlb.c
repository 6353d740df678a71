/* SPDX-License-Identifier: Apache-2.0 */
/* Translations that a guest takes away itself: unmap, remap, protect, each followed by what flushes: INVLPG, CR3, CR4.PGE, INVPCID, an interrupt
 * to the other CPU. Reads and writes before and after say which page was met; exits in between must not mix address spaces up. Two CPUs. */
#include "lib/guest.h"

enum { V_FLUSH = 0x70, ROUNDS = 40, CR4_PGE = 1 << 7, CR4_PCIDE = 1 << 17, PTE_LARGE = 0x80, PTE_G = 0x100 };
#define KEEP (1ull << 63) /* of CR3: what this PCID has in the TLB */
#define PATTERN_A 0xaaaa0000aaaaull
#define PATTERN_B 0xbbbb0000bbbbull

extern uint64_t pml4[512], pdpt[512], window_table[512];
static uint64_t page_a[512] __attribute__((aligned(4096))), page_b[512] __attribute__((aligned(4096)));
/* The same address space, but for the window. */
static uint64_t other_pml4[512] __attribute__((aligned(4096))), other_pdpt[512] __attribute__((aligned(4096)));
static uint64_t other_dir[512] __attribute__((aligned(4096))), other_table[512] __attribute__((aligned(4096)));
static volatile uint64_t *const own_pte = window_table, *const other_pte = other_table;

enum { AT_WORD = 0, AT_COUNT = 64 }; /* indices in a page */
static uint64_t *at(void) { return (uint64_t *)WINDOW_BASE; }
static uint64_t to_a(void) { return (uint64_t)page_a; }
static uint64_t to_b(void) { return (uint64_t)page_b; }

static uint64_t read_cr3(void) { uint64_t v; __asm__ volatile("mov %%cr3, %0" : "=r"(v)); return v; }
static void write_cr3(uint64_t v) { __asm__ volatile("mov %0, %%cr3" : : "r"(v) : "memory"); }
static uint64_t read_cr4(void) { uint64_t v; __asm__ volatile("mov %%cr4, %0" : "=r"(v)); return v; }
static void write_cr4(uint64_t v) { __asm__ volatile("mov %0, %%cr4" : : "r"(v) : "memory"); }

/* Vectors of faults, or what was read. */
static int read_fault(uint64_t *v)
{
	cpu_self()->fault = VEC_NONE;
	__asm__ volatile("1: movq (%1), %0\n2:\n" CATCH : "=r"(*v) : "r"(at()) : "memory");
	return cpu_self()->fault;
}

static int write_fault(uint64_t v)
{
	cpu_self()->fault = VEC_NONE;
	__asm__ volatile("1: movq %0, (%1)\n2:\n" CATCH : : "r"(v), "r"(at() + 8) : "memory");
	return cpu_self()->fault;
}

static void flush_page(void) { invlpg((uint64_t)at()); }
static void flush_cr3(void) { write_cr3(read_cr3()); }
static void flush_global(void) { write_cr4(read_cr4() ^ CR4_PGE); write_cr4(read_cr4() ^ CR4_PGE); }

/* The three changes on this CPU. flags: of the entry. */
static void check_changes(const char *how, void (*flush)(void), uint64_t flags)
{
	uint64_t v = 0;
	bool good = true;

	for (unsigned i = 0; i < ROUNDS; i++) {
		own_pte[0] = to_a() | flags;
		flush();
		good &= read_fault(&v) == VEC_NONE && v == PATTERN_A && write_fault(i) == VEC_NONE;
		(void)cpuid(0, 0); /* an exit */
		own_pte[0] = to_b() | flags;
		flush();
		good &= read_fault(&v) == VEC_NONE && v == PATTERN_B;
	}
	ok(good, "%s: remapped", how);
	own_pte[0] = (to_b() | flags) & ~(uint64_t)PTE_W;
	flush();
	ok(read_fault(&v) == VEC_NONE && v == PATTERN_B && write_fault(1) == VEC_PF && cpu_self()->fault_error == 3, "%s: made read-only", how);
	own_pte[0] = 0;
	flush();
	ok(read_fault(&v) == VEC_PF && cpu_self()->fault_error == 0, "%s: unmapped", how);
}

/* A page of 2 MiB, then of 4 KiB at the same address. */
static void check_large(void)
{
	uint64_t *dir = (uint64_t *)(pdpt[511] & ~4095ull), small = dir[0], a = 32ull << 20, b = 34ull << 20, v = 0;
	bool good;

	*(volatile uint64_t *)a = PATTERN_A;
	*(volatile uint64_t *)b = PATTERN_B;
	dir[0] = a | PTE_P | PTE_W | PTE_LARGE;
	flush_page();
	good = read_fault(&v) == VEC_NONE && v == PATTERN_A;
	dir[0] = b | PTE_P | PTE_W | PTE_LARGE;
	flush_page();
	ok(good && read_fault(&v) == VEC_NONE && v == PATTERN_B, "a page of 2 MiB is remapped");
	dir[0] = small;
	own_pte[0] = to_a() | PTE_P;
	flush_page();
	ok(read_fault(&v) == VEC_NONE && v == PATTERN_A, "and split");
}

/* ---- address spaces with numbers */

static void other_space_build(void)
{
	memcpy(other_pml4, pml4, 4096);
	memcpy(other_pdpt, pdpt, 4096);
	other_pml4[0] = (uint64_t)other_pdpt | PTE_P | PTE_W;
	other_pdpt[511] = (uint64_t)other_dir | PTE_P | PTE_W;
	other_dir[0] = (uint64_t)other_table | PTE_P | PTE_W;
}

static void enter_own(uint64_t keep) { write_cr3((uint64_t)pml4 | 1 | keep); }
static void enter_other(uint64_t keep) { write_cr3((uint64_t)other_pml4 | 2 | keep); }

static void invpcid(uint64_t type, uint64_t pcid, uint64_t address)
{
	const struct { uint64_t pcid, address; } d = {pcid, address};

	__asm__ volatile("invpcid %0, %1" : : "m"(d), "r"(type) : "memory");
}

static const char *const pcid_names[] = {
	"two address spaces keep apart over switches without a flush, and over exits", "a switch with a flush sees what changed",
	"INVPCID of one address", "INVPCID of one address space", "INVPCID of everything", "INVPCID of everything but global pages",
};

static void check_two_spaces(void)
{
	uint64_t a = 0, b = 0;
	bool good = true;

	for (unsigned i = 0; i < ROUNDS; i++) {
		enter_own(KEEP);
		good &= read_fault(&a) == VEC_NONE && a == PATTERN_A;
		if (i % 3 == 0)
			(void)cpuid(0, 0);
		enter_other(KEEP);
		if (i % 5 == 0)
			(void)cpuid(0, 0);
		good &= read_fault(&b) == VEC_NONE && b == PATTERN_B;
	}
	ok(good, "%s", pcid_names[0]);
}

/* Changes the other space's page from ours, flushes, and looks from there. */
static void check_invpcid(const char *name, uint64_t type, uint64_t pcid)
{
	uint64_t v = 0;
	bool good = true;

	if (!(cpuid(7, 0).ebx & 1 << 10)) {
		skip("no INVPCID here", name);
		return;
	}

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t want = i % 2 ? PATTERN_B : PATTERN_A;

		enter_own(KEEP);
		other_pte[0] = (i % 2 ? to_b() : to_a()) | PTE_P;
		invpcid(type, pcid, (uint64_t)at());
		enter_other(KEEP);
		good &= read_fault(&v) == VEC_NONE && v == want;
	}
	ok(good, "%s", name);
}

static void check_pcid(void)
{
	uint64_t v = 0;

	if (!(cpuid(1, 0).ecx & 1 << 17)) {
		for (unsigned i = 0; i < sizeof(pcid_names) / sizeof(pcid_names[0]); i++)
			skip("no PCID here", pcid_names[i]);
		return;
	}
	other_space_build();
	own_pte[0] = to_a() | PTE_P;
	other_pte[0] = to_b() | PTE_P;
	write_cr4(read_cr4() | CR4_PCIDE);
	enter_own(0);
	enter_other(0);
	check_two_spaces();
	enter_own(KEEP);
	other_pte[0] = to_a() | PTE_P;
	enter_other(0);
	ok(read_fault(&v) == VEC_NONE && v == PATTERN_A, "%s", pcid_names[1]);
	for (unsigned type = 0; type < 4; type++)
		check_invpcid(pcid_names[2 + type], type, type < 2 ? 2 : 0);
	write_cr3((uint64_t)pml4); /* number 0, as PCIDE wants it to go off */
	write_cr4(read_cr4() & ~(uint64_t)CR4_PCIDE);
}

/* ---- the other CPU: reads, writes and counts without an exit, until it is told that something changed */

static volatile uint64_t beats, seen_a, seen_b, seen_else, faults;
static volatile unsigned asked, flushed;

static void on_flush(struct frame *f)
{
	(void)f;
	flush_page();
	flushed = asked;
	apic_eoi();
}

static void user(unsigned index)
{
	(void)index;
	irq_on();
	for (;;) {
		uint64_t v = 0;

		if (read_fault(&v) != VEC_NONE)
			faults++;
		else if (v == PATTERN_A)
			seen_a++;
		else if (v == PATTERN_B)
			seen_b++;
		else
			seen_else++;
		cpu_self()->fault = VEC_NONE;
		__asm__ volatile("1: incq (%0)\n2:\n" CATCH : : "r"(at() + AT_COUNT) : "memory");
		beats++;
	}
}

/* Own flush, the other's, and its answer. */
static bool shoot(uint64_t entry)
{
	own_pte[0] = entry;
	flush_page();
	asked++;
	apic_ipi(ICR_FIXED | V_FLUSH, 1);
	return WAIT(flushed == asked);
}

/* So many times round since now, so that what it had in hand is out. */
static bool beats_on(void)
{
	uint64_t from = beats;

	return WAIT(beats - from > 20);
}

static void check_shootdown(void)
{
	uint64_t *old = page_a + AT_COUNT, *new = page_b + AT_COUNT, was, counted;
	bool came = true, still = true, fresh = true;

	for (unsigned i = 0; i < ROUNDS; i++) {
		came &= shoot(to_a() | PTE_P | PTE_W) && beats_on() && shoot(to_b() | PTE_P | PTE_W);
		was = *(volatile uint64_t *)old; /* its increment is one instruction: done or not begun when it answers */
		came &= beats_on();
		counted = seen_a;
		came &= beats_on();
		still &= *(volatile uint64_t *)old == was;
		fresh &= seen_a == counted;
	}
	ok(came, "the other CPU answers and goes on");
	ok(still, "remapped: after its answer it writes to the old page no more");
	ok(fresh && seen_b > 0, "and reads the new one");
	came = shoot(to_b() | PTE_P);
	was = *(volatile uint64_t *)new;
	ok(came && beats_on() && *(volatile uint64_t *)new == was, "made read-only: it writes no more");
	came = shoot(0) && beats_on();
	counted = faults;
	was = seen_a + seen_b;
	ok(came && beats_on() && faults > counted && seen_a + seen_b == was, "unmapped: it has faults and nothing else");
	ok_eq(seen_else, 0, "it never read anything else");
}

void guest_main(void)
{
	page_a[AT_WORD] = PATTERN_A;
	page_b[AT_WORD] = PATTERN_B;
	trap_set(V_FLUSH, on_flush);
	check_changes("INVLPG", flush_page, PTE_P | PTE_W);
	check_changes("CR3", flush_cr3, PTE_P | PTE_W);
	write_cr4(read_cr4() | CR4_PGE);
	check_changes("a global page, INVLPG", flush_page, PTE_P | PTE_W | PTE_G);
	check_changes("a global page, CR4.PGE", flush_global, PTE_P | PTE_W | PTE_G);
	check_large();
	check_pcid();
	if (!ok(cpu_count() > 1 && cpu_start(1, user), "CPU 1 starts"))
		return;
	check_shootdown();
}
