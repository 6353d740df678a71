/* SPDX-License-Identifier: Apache-2.0 */
/* Checked arithmetic at its edges. */
#include "tap.h"
#include <core/arith.h>
#include <core/err.h>

static void test_checked(void)
{
	uint64_t r = 0;
	uint32_t s = 0;

	ok(add_ok(UINT64_MAX - 1, 1ull, &r) && r == UINT64_MAX, "add up to the maximum");
	ok(!add_ok(UINT64_MAX, 1ull, &r), "add beyond it");
	ok(sub_ok(5ull, 5ull, &r) && r == 0, "subtract to zero");
	ok(!sub_ok(4ull, 5ull, &r), "subtract below it");
	ok(mul_ok(1ull << 32, (1ull << 32) - 1, &r), "multiply below 2^64");
	ok(!mul_ok(1ull << 32, 1ull << 32, &r), "multiply to 2^64");
	ok(!add_ok(0xffffffffull, 1ull, &s), "a result too large for its type");
}

static void test_ranges(void)
{
	ok(range_within(0, 10, 10) && range_within(10, 0, 10) && range_within(3, 7, 10), "ranges inside");
	ok(!range_within(0, 11, 10) && !range_within(11, 0, 10) && !range_within(10, 1, 10), "ranges outside");
	ok(!range_within(UINT64_MAX, 2, 10) && !range_within(2, UINT64_MAX, 10), "ranges that wrap");
	ok(range_within(0, UINT64_MAX, UINT64_MAX), "everything");
}

static void test_bits(void)
{
	uint8_t b[9] = {0};

	ok_eq(align_up(4097, 4096), 8192, "align_up");
	ok_eq(align_down(8191, 4096), 4096, "align_down");
	ok(is_aligned(8192, 4096) && !is_aligned(8193, 4096), "is_aligned");
	ok(is_pow2(1) && is_pow2(1ull << 63) && !is_pow2(0) && !is_pow2(6), "is_pow2");
	put_le32(b + 1, 0x04030201);
	ok(b[1] == 1 && b[4] == 4 && get_le32(b + 1) == 0x04030201 && get_le16(b + 2) == 0x0302, "unaligned little-endian");
	put_le64(b + 1, 0x0102030405060708ull);
	ok(b[8] == 1 && get_le64(b + 1) == 0x0102030405060708ull, "64 bits of it");
}

int main(void)
{
	test_checked();
	test_ranges();
	test_bits();
	ok(index_clamp(0, 1) == 0 && index_clamp(6, 7) == 6 && index_clamp(UINT64_MAX / 2, 1ull << 63) == UINT64_MAX / 2, "an index within stays");
	ok(index_clamp(7, 7) == 0 && index_clamp(UINT64_MAX, 7) == 0 && index_clamp(1ull << 63, 7) == 0 && index_clamp(1ull << 63, 1ull << 63) == 0,
	   "one beyond is 0");
	ok_str(err_name(E_NOMEM), "E_NOMEM", "err_name");
	ok_str(err_name(OK), "OK", "err_name of OK");
	ok_str(err_name(-99), "E_UNKNOWN", "err_name of nonsense");
	return tap_done();
}
