/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory: zero before its first use, all of it distinct, and nothing behind its end: reads of all ones, writes dropped. Pages that are
 * first touched by each kind of access. */
#include "lib/guest.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static uint64_t stride; /* between the pages that are touched: 4096 for all */

/* Touches one word in each page: a machine's worth of pages costs an exit each. */
static void check_ram(void)
{
	uint64_t dirty = 0, pages = 0;

	for (uint64_t a = first_free(); a < ram_end(); a += stride, pages++) {
		const uint64_t *p = (const uint64_t *)a;

		if (is_loaders(a))
			continue;
		for (unsigned i = 0; i < 512; i++)
			dirty += p[i] != 0;
		write64(a, a ^ 0x5a5a5a5a00000000);
		write64(a + 4088, ~a);
	}
	if (on_caisson)
		ok_eq(dirty, 0, "%llu pages are zero before their first use", (unsigned long long)pages);
}

/* All but the last page, which check_edge plays with. */
static void check_kept(void)
{
	uint64_t wrong = 0;

	for (uint64_t a = first_free(); a < ram_end() - 4096; a += stride)
		wrong += !is_loaders(a) && (read64(a) != (a ^ 0x5a5a5a5a00000000) || read64(a + 4088) != ~a);
	ok_eq(wrong, 0, "each page keeps what was written to it");
}

/* The memory below the image. */
static void check_low(void)
{
	uint64_t wrong = 0;

	for (uint64_t a = RAM_BEGIN; a < 0x40200000; a += 4096)
		if (!is_loaders(a))
			write64(a, a + 1);
	for (uint64_t a = RAM_BEGIN; a < 0x40200000; a += 4096)
		wrong += !is_loaders(a) && read64(a) != a + 1;
	ok_eq(wrong, 0, "memory below the image");
}

static bool nothing_at(uint64_t a)
{
	write8(a, 0x11);
	write16(a + 8, 0x2222);
	write32(a + 16, 0x33333333);
	write64(a + 24, 0x4444444444444444);
	return read8(a) == 0xff && read16(a + 8) == 0xffff && read32(a + 16) == 0xffffffff && read64(a + 24) == ~0ull;
}

static void check_beyond(void)
{
	const uint64_t end = ram_end();
	const uint64_t at[] = {
		end, end + 4096, end + 2 * MIB, end + GIB, end + 4 * GIB, 16 * GIB, 63 * GIB, 64 * GIB, 256 * GIB - 4096, 256 * GIB, 500 * GIB, 510 * GIB + 4096,
	};

	for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		ok(nothing_at(at[i]), "nothing at %llx", (unsigned long long)at[i]);
}

/* Beyond what a page table's entry may say for this CPU is an address size fault of the guest's own (DDI0487 D8.2.5); below it is nobody. */
static void check_far(void)
{
	static const uint8_t ranges[] = {32, 36, 40, 42, 44, 48, 48, 48};
	unsigned bits = ranges[SYS_READ("id_aa64mmfr0_el1") & 7];
	uint32_t v = 0;

	for (unsigned bit = 39; bit < bits; bit++)
		ok(nothing_at(window_map(2, 1ull << bit | PTE_PAGE)), "nothing at 1 << %u", bit);
	ok(nothing_at(window_map(2, ((1ull << bits) - 4096) | PTE_PAGE)), "nothing on the last page of %u bits", bits);
	if (bits < 48)
		ok(read32_catch(window_map(2, 1ull << bits | PTE_PAGE), &v) == EC_DABT && (cpu_self()->fault_error & ISS_FSC) == 3, "1 << %u is no address", bits);
}

/* Accesses that are half in memory: as two; or as one to nobody, since a hypervisor is told of the page that is not there alone; or a data
 * abort. What they do not reach stays. */
static void check_edge(void)
{
	uint64_t v = 0, end = ram_end();

	write64(end - 8, 0x8877665544332211);
	cpu_self()->fault = EC_NONE;
	__asm__ volatile("1: ldr %0, [%1]\n2:\n" CATCH : "+r"(v) : "r"(end - 4) : "memory");
	ok(cpu_self()->fault == EC_NONE ? v == 0xffffffff88776655 || v == ~0ull : cpu_self()->fault == EC_DABT && v == 0, "a read over the end is ones there, or an abort");
	v = 0xaaaaaaaabbbbbbbb;
	cpu_self()->fault = EC_NONE;
	__asm__ volatile("1: str %0, [%1]\n2:\n" CATCH : : "r"(v), "r"(end - 4) : "memory");
	v = read64(end - 8);
	ok((uint32_t)v == 0x44332211 && (v >> 32 == 0xbbbbbbbb || v >> 32 == 0x88776655), "a write over the end leaves what is before it");
	ok_eq(read64(end), ~0ull, "and nothing is behind it");
	__asm__ volatile("mov x9, #7\n1: ldp x9, %0, [%1]\n2:\n" CATCH : "+r"(v) : "r"(end - 8) : "memory", "x9");
	ok(cpu_self()->fault == EC_DABT || cpu_self()->fault == EC_NONE, "LDP over the end is survived");
	__asm__ volatile("1: dc zva, %0\n2:\n" CATCH : : "r"(end) : "memory");
	ok(cpu_self()->fault == EC_DABT || cpu_self()->fault == EC_NONE, "DC ZVA behind it is survived");
}

/* ---- first touches by other things than loads: taken from the upper half of memory, before check_ram. */
static uint64_t fresh_page(unsigned i) { return ((ram_end() / 2 + RAM_BEGIN / 2) & ~4095ull) + 4096ull * 3 * i; }

static void check_first_touch(void)
{
	uint64_t v = 0, status = 0, a = fresh_page(0), physical;

	write8(a + 4095, 0x77);
	ok(read64(a + 4088) == 0x7700000000000000 && read64(a) == 0, "by a store of a byte");
	a = fresh_page(1);
	__asm__ volatile("1: ldaxr %0, [%2]; add %0, %0, #5; stlxr %w1, %0, [%2]; cbnz %w1, 1b" : "=&r"(v), "=&r"(status) : "r"(a) : "memory");
	ok_eq(read64(a), 5, "by an exclusive pair");
	a = fresh_page(2);
	__asm__ volatile("stp %0, %0, [%1, #16]!; ldp %0, xzr, [%1]" : "+r"(v), "+r"(a) : : "memory");
	ok(v == 5 && read64(a + 8) == 5 && a == fresh_page(2) + 16, "by a pair with writeback");
	a = fresh_page(3);
	__asm__ volatile("dc zva, %0" : : "r"(a) : "memory");
	ok_eq(read64(a), 0, "by DC ZVA");
	a = fresh_page(4) + 4092;
	__asm__ volatile("ldr %0, [%1]; add %0, %0, #9; str %0, [%1]" : "=&r"(v) : "r"(a) : "memory");
	ok(read32(a) == 9 && read32(a + 4) == 0, "by an access over two of them");
	SYS_WRITE("cpacr_el1", 3 << 20);
	a = fresh_page(5);
	__asm__ volatile(".arch_extension simd\n ldr q0, [%1]; mov %0, v0.d[1]" : "=r"(v) : "r"(a) : "memory");
	ok_eq(v, 0, "by a vector");
	a = fresh_page(6);
	__asm__ volatile("at s1e1w, %0; isb" : : "r"(a) : "memory");
	physical = SYS_READ("par_el1");
	ok(!(physical & 1) && (physical & 0xfffffffff000) == a, "AT of a page that was never touched");
	ok_eq(read64(a), 0, "which is then zero");
	a = fresh_page(7);
	__asm__ volatile("dc civac, %0; dc cvau, %0; ic ivau, %0; prfm pldl1keep, [%0]; dsb sy" : : "r"(a) : "memory");
	ok_eq(read64(a), 0, "by cache maintenance");
}

/* As code: its zeros are undefined. As a translation table: its zeros are no translation. */
static void check_first_fetch(void)
{
	extern volatile uint64_t window_dir[512];
	uint64_t code = fresh_page(8), table = fresh_page(9), at = WINDOW_BASE + 2 * MIB;
	uint32_t v = 0;

	cpu_self()->fault = EC_NONE;
	cpu_self()->catch_at = code;
	write32(code + 4096 + 4, 0xd65f03c0);
	code_written((const void *)(code + 4096), 64);
	__asm__ volatile("adr x9, 2f; add x10, %0, #0; blr x10; 2:" : : "r"(code + 4096 + 4) : "x9", "x10", "x30", "memory");
	ok_eq((uint64_t)cpu_self()->fault, EC_NONE, "a page whose first touch was a store is executed");
	write32(code + 4, 0xd65f03c0);
	code_written((const void *)code, 64);
	__asm__ volatile("blr %0" : : "r"(code) : "x30", "memory"); /* undefined at code, caught, returns at code + 4 */
	ok_eq((uint64_t)cpu_self()->fault, EC_UNKNOWN, "zeros are undefined as code");
	cpu_self()->catch_at = 0;
	window_dir[1] = table | 3;
	__asm__ volatile("dsb ishst; isb" ::: "memory");
	ok(read32_catch(at, &v) == EC_DABT && (cpu_self()->fault_error & ISS_FSC) == FSC_TRANSLATION + 3 && cpu_self()->fault_address == at,
	   "a table that was never touched translates nothing");
	write64(table, RAM_BEGIN | PTE_PAGE);
	tlb_forget(at);
	ok_eq(read64(at), read64(RAM_BEGIN), "and then what is written to it");
	window_dir[1] = (ram_end() + 8 * MIB) | 3;
	tlb_forget_all();
	if (on_caisson)
		ok(read32_catch(at, &v) == EC_DABT, "a table beyond memory is a fault");
	window_dir[1] = 0;
	tlb_forget_all();
}

/* A jump to a page that nobody ever touched. */
static volatile uint64_t fetched;

static void on_fetch(struct frame *f)
{
	fetched = f->esr >> 26;
	f->elr = f->x[30];
}

static void check_jump(void)
{
	fetched = 0xff;
	trap_set(TRAP_SYNC, on_fetch);
	__asm__ volatile("blr %0" : : "r"(fresh_page(12)) : "x30", "memory");
	ok_eq(fetched, EC_UNKNOWN, "a jump into fresh memory finds zeros, which are undefined");
	trap_set(TRAP_SYNC, NULL);
	for (unsigned i = 0; i < 14; i++) /* zero again, for check_ram */
		memset((void *)fresh_page(i), 0, 8192);
}

void guest_main(void)
{
	note("RAM ends at %llx", (unsigned long long)ram_end());
	stride = option_number("stride", 1) * 4096;
	check_first_touch();
	check_first_fetch();
	check_jump();
	check_ram();
	check_kept();
	check_low();
	if (!on_caisson) {
		skip("not in Caisson", "beyond the end");
		return;
	}
	check_beyond();
	check_far();
	check_edge();
	check_kept();
}
