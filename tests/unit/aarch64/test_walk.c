/* SPDX-License-Identifier: Apache-2.0 */
/* The walk of a guest's own tables: granules, sizes, both halves, blocks, and tables that lead astray. Host only. */
#include <stdlib.h>
#include <unit/tap.h>
#include "el2_bench.h"

#define L0 (BENCH_RAM + 0x10000)
#define L1 (BENCH_RAM + 0x20000)
#define L2 (BENCH_RAM + 0x30000)
#define L3 (BENCH_RAM + 0x40000)
#define TABLE 3ull
#define BLOCK 1ull
#define AF 0x400ull
#define NOWHERE INT64_MIN

static struct arm_stage1 s1;

static void put(uint64_t table, unsigned index, uint64_t e)
{
	if (gmem_write(bare.mem, GPA(table + index * 8), &e, 8) != OK)
		abort();
}

static uint64_t walk(uint64_t va)
{
	struct gpa out = GPA(0xbad);

	return arm_walk(bare.mem, &s1, va, &out) == OK ? out.v : (uint64_t)NOWHERE;
}

static void test_4k(void)
{
	s1 = (struct arm_stage1){ .sctlr = SCTLR_RESET | SCTLR_M, .tcr = 16 | 16ull << 16 | 2ull << 30 | 1ull << 38, .ttbr0 = L0 | 0x5aull << 48 | 1, .ttbr1 = L1 };
	put(L0, 1, L1 | TABLE);
	put(L1, 2, L2 | TABLE);
	put(L1, 3, 0x4c0000000 | BLOCK | AF);
	put(L2, 3, L3 | TABLE);
	put(L2, 4, 0x12345600000 | BLOCK | AF | 1ull << 54);
	put(L3, 5, 0x123456789000 | 3 | AF);
	put(L3, 6, 0x123456789000 | 1 | AF);
	ok_eq(walk(1ull << 39 | 2ull << 30 | 3ull << 21 | 5ull << 12 | 0x123), 0x123456789123, "four levels to a page");
	ok_eq(walk(1ull << 39 | 2ull << 30 | 4ull << 21 | 0x12345), 0x12345612345, "a block of 2 MiB");
	ok_eq(walk(1ull << 39 | 3ull << 30 | 0x1234567), 0x4c1234567, "a block of 1 GiB");
	ok_eq(walk(1ull << 39 | 2ull << 30 | 3ull << 21 | 6ull << 12), NOWHERE, "1 at the last level is reserved");
	ok_eq(walk(0), NOWHERE, "nothing there");
	ok_eq(walk(1ull << 48), NOWHERE, "between the halves");
	ok_eq(walk(0xff00ull << 48 | 1ull << 39 | 3ull << 30), NOWHERE, "a tag, which the lower half does not take");
	put(L1, 511, L2 | TABLE);
	ok_eq(walk(0xffffull << 48 | 511ull << 39 | 4ull << 21 | 7), NOWHERE, "the upper half has its own table");
	put(L1, 511, L1 | TABLE);
	put(L1, 0, L2 | TABLE);
	ok_eq(walk(0xffffull << 48 | 511ull << 39 | 4ull << 21 | 7), 0x12345600007, "in it, by 48 bits");
	ok_eq(walk(0x5affull << 48 | 511ull << 39 | 4ull << 21 | 7), 0x12345600007, "which ignores the top byte");
	s1.tcr |= 1 << 7;
	ok_eq(walk(1ull << 39 | 3ull << 30), NOWHERE, "walks of the lower half are off");
}

static void test_sizes(void)
{
	s1 = (struct arm_stage1){ .sctlr = SCTLR_M, .tcr = 25, .ttbr0 = L1 };
	put(L1, 3, 0x4c0000000 | BLOCK | AF);
	ok_eq(walk(3ull << 30 | 5), 0x4c0000005, "39 bits start at level 1");
	s1.tcr = 32;
	s1.ttbr0 = L1 + 0x20;
	put(L1 + 0x20, 2, 0x40000000 | BLOCK | AF);
	ok_eq(walk(2ull << 30 | 9), 0x40000009, "32 bits: a table of four entries");
	s1 = (struct arm_stage1){ .sctlr = SCTLR_M, .tcr = 16 | 2ull << 14, .ttbr0 = L0 };
	put(L0, 0, L1 | TABLE);
	put(L1, 1, L2 | TABLE);
	put(L2, 7, (L3 & ~0x3fffull) | TABLE);
	put(L3, 9, 0x123456788000 | 3);
	ok_eq(walk(1ull << 36 | 7ull << 25 | 9ull << 14 | 0x3210), 0x12345678b210, "16 KiB, 48 bits");
	s1.tcr = 22 | 1ull << 14;
	s1.ttbr0 = L1;
	put(L1, 1, L2 | TABLE);
	put(L2, 3, 0x1230000 | 3);
	put(L1, 2, 0x20000000 | BLOCK);
	ok_eq(walk(1ull << 29 | 3ull << 16 | 0x5432), 0x1235432, "64 KiB, 42 bits");
	ok_eq(walk(2ull << 29 | 0x12345), 0x20012345, "a block of 512 MiB");
}

static void test_astray(void)
{
	s1 = (struct arm_stage1){ .sctlr = SCTLR_RESET, .tcr = 16, .ttbr0 = 0x1000 };
	ok_eq(walk(0x40001234), 0x40001234, "MMU off: the address itself");
	s1.sctlr |= SCTLR_M;
	ok_eq(walk(0), NOWHERE, "tables outside of RAM");
	s1.ttbr0 = L0;
	put(L0, 0, L0 | TABLE);
	ok_eq(walk(0x123), (int64_t)((L0 & ~0xfffull) | 0x123), "a table of itself ends after four levels");
	put(L0, 0, 0x40000000 | BLOCK);
	ok_eq(walk(0), NOWHERE, "a block at level 0 does not exist");
	s1.tcr = 16 | 3ull << 14;
	ok_eq(walk(0), NOWHERE, "a granule that is reserved");
	for (unsigned sz = 0; sz < 64; sz++)
		for (unsigned tg = 0; tg < 4; tg++) {
			s1.tcr = sz | tg << 14 | (uint64_t)sz << 16 | (uint64_t)tg << 30;
			s1.ttbr1 = L0;
			(void)walk(0x123456789abcdef);
			(void)walk(~0ull - sz);
		}
	ok(true, "every size and granule ends");
	s1.sctlr |= SCTLR_EE;
	ok_eq(walk(0), NOWHERE, "big-endian tables are not read");
}

int main(void)
{
	if (!ok(bench_start(), "a VM"))
		return tap_done();
	test_4k();
	test_sizes();
	test_astray();
	ok(bench_end(), "everything came back");
	return tap_done();
}
