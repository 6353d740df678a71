/* SPDX-License-Identifier: Apache-2.0 */
/* What does a guest find in its memory? Fills all of it with its own pattern (seed=) and looks for anybody else's, in what it never
 * touched before, in what it wrote, and beyond its end. The test runs two at a time and lets them go on by a typed byte, so that
 * each looks while the other's memory is full; and one more in memory that a dead guest has left. */
#include "lib/guest.h"
#include "lib/places.h"

#define MARK 0xca15500000000000ull
static uint64_t seed;

static uint64_t value_at(uint64_t a) { return (MARK | seed << 40) ^ a; }
/* Some guest's pattern: the address under a mark. */
static bool is_pattern(uint64_t v, uint64_t a) { return ((v ^ a) & 0xfffff00000000000) == MARK; }

static void check_fresh(void)
{
	uint64_t foreign = 0, dirty = 0;

	for (uint64_t a = first_free(); a < ram_end(); a += 8) {
		uint64_t v = *(volatile uint64_t *)a;

		if (is_loaders(a))
			continue;
		dirty += v != 0;
		foreign += is_pattern(v, a);
	}
	ok_eq(foreign, 0, "nobody's pattern in fresh memory");
	if (on_caisson)
		ok_eq(dirty, 0, "fresh memory is zero");
}

static void fill(void)
{
	for (uint64_t a = first_free(); a < ram_end(); a += 8)
		*(volatile uint64_t *)a = value_at(a);
}

static void check_own(const char *when)
{
	uint64_t wrong = 0;

	for (uint64_t a = first_free(); a < ram_end(); a += 8)
		wrong += *(volatile uint64_t *)a != value_at(a);
	ok_eq(wrong, 0, "own memory is as it was written, %s", when);
}

/* Steps that miss no page of the first MiBs, and then go far. */
static void check_beyond(void)
{
	uint64_t other = 0, places = 0;

	for (uint64_t a = ram_end(); a < BEYOND_END; a += a < ram_end() + 0x200000 ? 4096 : a < 0x100000000 ? 0x800000 : 0x40000000) {
		if (is_device(a))
			continue;
		other += *(volatile uint64_t *)a != ~0ull;
		*(volatile uint64_t *)a = value_at(a);
		places++;
	}
	ok_eq(other, 0, "nothing at %llu places beyond the end", (unsigned long long)places);
}

void guest_main(void)
{
	seed = option_number("seed", 1);
	check_fresh();
	fill();
	check_own("just now");
	say("filled\n");
	if (option_number("wait", 0))
		(void)serial_read();
	if (on_caisson)
		check_beyond();
	check_own("after the other has been there");
}
