/* SPDX-License-Identifier: Apache-2.0 */
/* The random generator: the block function's published vector, and that nothing repeats. */
#include "../../core/rng/chacha.h"
#include "../fake/fake.h"
#include "tap.h"
#include <core/arith.h>
#include <core/rng.h>

/* RFC 8439 2.3.2. */
static void test_vector(void)
{
	static const uint32_t nonce[3] = { 0x09000000, 0x4a000000, 0 };
	static const uint8_t want[64] = {
		0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3, 0x20, 0x71, 0xc4,
		0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22, 0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e,
		0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa, 0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2,
		0xb5, 0x12, 0x9c, 0xd1, 0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e,
	};
	uint8_t key[32], out[64];

	for (unsigned i = 0; i < 32; i++)
		key[i] = (uint8_t)i;
	chacha_block(key, 1, nonce, out);
	ok_mem(out, want, 64, "ChaCha20 block, RFC 8439 2.3.2");
}

static void test_output(void)
{
	static uint8_t big[3 << 20];
	uint64_t seen[512];
	unsigned repeats = 0, ones = 0;
	uint8_t guard[5] = { 0, 0, 0, 0, 0xee };

	for (unsigned i = 0; i < 512; i++) {
		rng_bytes(&seen[i], 8); /* time stands still here: only the key changes */
		for (unsigned k = 0; k < i; k++)
			repeats += seen[k] == seen[i];
	}
	ok_eq(repeats, 0, "requests do not repeat");
	rng_bytes(big, sizeof big);
	for (size_t i = 0; i < sizeof big; i += 8)
		ones += (unsigned)__builtin_popcountll(get_le64(big + i));
	ok(ones > sizeof big * 4 - 20000 && ones < sizeof big * 4 + 20000, "half of three megabytes' bits are ones");
	ok(memcmp(big, big + (1 << 20), 64) && memcmp(big, big + (2 << 20), 64), "a long request does not repeat either");
	rng_bytes(guard, 4);
	ok_eq(guard[4], 0xee, "no byte too many");
	rng_bytes(guard, 0);
}

static void test_reseed(void)
{
	uint8_t a[32], b[32];

	fake_clock_advance(61 * NS_PER_S);
	rng_bytes(a, 32);
	fake_entropy_fail(true);
	fake_clock_advance(61 * NS_PER_S);
	rng_bytes(b, 32);
	ok(memcmp(a, b, 32), "goes on when the CPU's source fails");
	fake_boot.entropy_ok = false;
	rng_init();
	rng_bytes(a, 32);
	ok(memcmp(a, b, 32), "and starts on jitter alone, with a warning");
}

int main(void)
{
	test_vector();
	ok(FAKE_PANICS(rng_bytes((uint8_t[1]){0}, 1)), "no bytes before it is seeded");
	fake_init(8 * MIB, 1);
	test_output();
	test_reseed();
	return tap_done();
}
