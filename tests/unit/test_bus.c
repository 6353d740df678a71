/* SPDX-License-Identifier: Apache-2.0 */
/* Address claims: overlaps, edges, look-up. */
#include "tap.h"
#include <core/arith.h>
#include <vmm/bus.h>

static uint64_t last_off;
static unsigned last_size;
static uint64_t reader(void *ctx, uint64_t off, unsigned size) { last_off = off; last_size = size; return 0x1122334455667788ull + (uintptr_t)ctx; }
static void writer(void *ctx, uint64_t off, unsigned size, uint64_t v) { (void)ctx; last_off = off; last_size = size; last_off += v << 32; }
static const struct bus_ops ops = {.read = reader, .write = writer};

int main(void)
{
	static struct bus b;
	uint64_t v = 7;
	unsigned n = 0;

	bus_init(&b, 0x10000);
	ok_eq(bus_claim(&b, 0x100, 0, &ops, NULL, "x"), E_INVAL, "an empty claim");
	ok_eq(bus_claim(&b, 0xffff, 2, &ops, NULL, "x"), E_INVAL, "a claim beyond the space");
	ok_eq(bus_claim(&b, UINT64_MAX, 2, &ops, NULL, "x"), E_INVAL, "a claim that wraps");
	ok_eq(bus_claim(&b, 0x100, 0x10, &ops, NULL, "mid"), OK, "a claim");
	ok_eq(bus_claim(&b, 0x10f, 1, &ops, NULL, "x"), E_EXIST, "its last byte is taken");
	ok_eq(bus_claim(&b, 0x80, 0x200, &ops, NULL, "x"), E_EXIST, "one that covers it");
	ok_eq(bus_claim(&b, 0xf0, 0x11, &ops, NULL, "x"), E_EXIST, "one that reaches into it");
	ok_eq(bus_claim(&b, 0x110, 8, &ops, NULL, "after"), OK, "right after it");
	ok_eq(bus_claim(&b, 0xf8, 8, &ops, NULL, "before"), OK, "right before it");
	ok_eq(bus_claim(&b, 0xffff, 1, &ops, NULL, "last"), OK, "the last byte of the space");
	ok(bus_read(&b, 0x104, 4, &v) && v == 0x55667788 && last_off == 4 && last_size == 4, "a read is cut to its size");
	ok(!bus_read(&b, 0x10e, 4, &v) && v == 0x55667788, "a read across two claims belongs to none");
	ok(!bus_read(&b, 0x120, 1, &v), "a read of nothing");
	ok(bus_read(&b, 0xffff, 1, &v) && !bus_read(&b, 0xffff, 2, &v), "the last byte, and one more");
	ok(bus_write(&b, 0x110, 1, 0x1ff) && last_off == (0xffull << 32), "a write is cut to its size");
	bus_unclaim(&b, NULL, "mid");
	ok(!bus_read(&b, 0x104, 1, &v) && bus_read(&b, 0x110, 1, &v), "an unclaimed one is gone, its neighbour is not");
	while (bus_claim(&b, 0x1000 + 2 * n, 1, &ops, NULL, "many") == OK)
		n++;
	ok_eq(n + 3, BUS_MAX_CLAIMS, "the table is bounded");
	return tap_done();
}
