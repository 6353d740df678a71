/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory: zero before its first use, all of it distinct, and nothing behind its end: reads of all ones, writes dropped. */
#include "lib/guest.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static uint64_t stride; /* between the pages that are touched: 4096 for all */


/* All but the last page, which check_edge plays with. */
static void check_kept(void)
{
	uint64_t wrong = 0;

	for (uint64_t a = first_free(); a < ram_low_end - 4096; a += stride)
		wrong += read64(a) != (a ^ 0x5a5a5a5a00000000) || read64(a + 4088) != ~a;
	ok_eq(wrong, 0, "each page keeps what was written to it");
}

/* Touches one word in each page: a machine's worth of pages costs an exit each. */
static void check_ram(void)
{
	uint64_t dirty = 0, pages = 0;

	for (uint64_t a = first_free(); a < ram_low_end; a += stride, pages++) {
		const uint64_t *p = (const uint64_t *)a;

		for (unsigned i = 0; i < 512; i++)
			dirty += p[i] != 0;
		write64(a, a ^ 0x5a5a5a5a00000000);
		write64(a + 4088, ~a);
	}
	if (on_caisson)
		ok_eq(dirty, 0, "%llu pages are zero before their first use", (unsigned long long)pages);
	check_kept();
}

/* A page above 4 GiB is in nobody's map on a CPU without pages of 1 GiB: by the window then. */
static uint64_t reach(uint64_t a)
{
	bool mapped = a < 4 * GIB || (a >> 39 == 0 && cpuid(0x80000001, 0).edx & 1 << 26) || a >= WINDOW_BASE;

	return mapped ? a : window_map(4, a, PTE_P | PTE_W);
}

static bool nothing_at(uint64_t a)
{
	a = reach(a);
	write8(a, 0x11);
	write16(a + 8, 0x2222);
	write32(a + 16, 0x33333333);
	write64(a + 24, 0x4444444444444444);
	return read8(a) == 0xff && read16(a + 8) == 0xffff && read32(a + 16) == 0xffffffff && read64(a + 24) == ~0ull;
}

static void check_beyond(void)
{
	const uint64_t at[] = {
		ram_low_end, ram_low_end + 4096, ram_low_end + 2 * MIB, ram_low_end + GIB, 0xbffff000, 0xc0000000, 0xdffff000,
		4 * GIB - 4096, 4 * GIB, 4 * GIB + 2 * MIB, 5 * GIB, 8 * GIB - 4096, 16 * GIB, 63 * GIB, 64 * GIB, 256 * GIB, 500 * GIB, 510 * GIB + 4096,
	};

	for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		ok(nothing_at(at[i]), "nothing at %llx", (unsigned long long)at[i]);
}

/* The whole width of an address, by the window. */
static void check_far(void)
{
	unsigned bits = cpuid(0x80000008, 0).eax & 0xff;

	for (unsigned bit = 39; bit < bits; bit++)
		ok(nothing_at(window_map(2, 1ull << bit, PTE_P | PTE_W)), "nothing at 1 << %u", bit);
	ok(nothing_at(window_map(2, (1ull << bits) - 4096, PTE_P | PTE_W)), "nothing on the last page of %u bits", bits);
}

static void check_edge(void)
{
	uint64_t v, end = ram_low_end;

	write64(end - 8, 0x8877665544332211);
	v = read64(end - 4);
	ok_eq(v, 0xffffffff88776655, "a read over the end: memory, then ones");
	write64(end - 4, 0xaaaaaaaabbbbbbbb);
	ok_eq(read64(end - 8), 0xbbbbbbbb44332211, "a write over the end: the part in memory lands");
	ok_eq(read64(end - 4), 0xffffffffbbbbbbbb, "and the rest nowhere");
	__asm__ volatile("lock xaddl %k0, (%1)" : "+r"(v) : "r"(end - 2) : "memory");
	ok_eq((uint32_t)v, 0xffffbbbb, "XADD over the end");
}

/* Copies into and out of what is not there, by one instruction. */
static void check_strings(void)
{
	static uint8_t buf[1024];
	void *to = buf;
	const void *from = buf;
	uint64_t n = sizeof(buf), si = ram_low_end, di = ram_low_end, ones = 0;

	__asm__ volatile("rep movsb" : "+S"(si), "+D"(to), "+c"(n) : : "memory");
	for (unsigned i = 0; i < sizeof(buf); i++)
		ones += buf[i] == 0xff;
	ok_eq(ones, sizeof(buf), "REP MOVSB from beyond the end");
	n = sizeof(buf) / 8;
	__asm__ volatile("rep movsq" : "+S"(from), "+D"(di), "+c"(n) : : "memory");
	ok(n == 0 && di == ram_low_end + sizeof(buf), "REP MOVSQ to beyond the end");
	/* Half in memory, half not. */
	di = ram_low_end - 64;
	n = 128;
	__asm__ volatile("rep stosb" : "+D"(di), "+c"(n) : "a"(0x77) : "memory");
	ok(n == 0 && read8(ram_low_end - 1) == 0x77 && read8(ram_low_end) == 0xff, "REP STOSB over the end");
}

/* RAM on both sides of the hole for devices, where there is so much. */
static void check_high(void)
{
	uint64_t dirty = 0, wrong = 0, end = ram_high_end;

	ok_eq(ram_low_end, 3 * GIB, "RAM below 4 GiB ends at the hole");
	for (uint64_t a = 4 * GIB; a < end; a += 5 * MIB)
		dirty += read64(a) != 0;
	for (uint64_t a = 4 * GIB; a < end; a += 5 * MIB)
		write64(a, ~a);
	write64(4 * GIB, 0x1111111111111111);
	write64(end - 8, 0x2222222222222222);
	for (uint64_t a = 4 * GIB + 5 * MIB; a < end - 8; a += 5 * MIB)
		wrong += read64(a) != ~a;
	ok(dirty == 0 && wrong == 0, "RAM above 4 GiB is zero, then what was written");
	ok_eq(read64(4 * GIB - 4), 0x11111111ffffffff, "a read into it: ones, then memory");
	ok(read64(end - 8) == 0x2222222222222222 && read64(end) == ~0ull && read64(end - 4) == 0xffffffff22222222, "nothing behind its end");
	ok_eq(read64(3 * GIB - 4) >> 32, 0xffffffff, "nothing behind the end of RAM below");
}

/* Low memory is memory; the loader's tables are there and may be overwritten. */
static void check_low(void)
{
	uint64_t wrong = 0;

	for (uint64_t a = 0x20000; a < 0x9f000; a += 4096)
		write64(a, a + 1);
	for (uint64_t a = 0x20000; a < 0x9f000; a += 4096)
		wrong += read64(a) != a + 1;
	ok_eq(wrong, 0, "memory below 640 KiB");
}

void guest_main(void)
{
	note("RAM ends at %llx and %llx", (unsigned long long)ram_low_end, (unsigned long long)ram_high_end);
	stride = option_number("stride", 1) * 4096;
	check_ram();
	check_low();
	if (!on_caisson) {
		skip("not in Caisson", "beyond the end");
		return;
	}
	if (ram_high_end)
		check_high();
	else
		check_beyond();
	check_far();
	check_edge();
	check_strings();
	check_kept();
}
