/* SPDX-License-Identifier: Apache-2.0 */
/* Packed numbers of GICv3 against the manual's field tables (IHI0069 12.2.20, 5.3.1 to 5.3.17). */
#include "tap.h"
#include "core/aarch64/gicv3_calc.h"

int main(void)
{
	struct its_cmd c;

	ok_eq(gicv3_sgi1r(0, 0), 1, "SGI 0 to 0.0.0.0");
	ok_eq(gicv3_sgi1r(3, 1), 1ull << 24 | 1 << 3, "SGI 1 to 0.0.0.3");
	ok_eq(gicv3_sgi1r(0x12, 15), 1ull << 44 | 15ull << 24 | 1 << 2, "Aff0 above 15 goes by range selector");
	ok_eq(gicv3_sgi1r(0x0500040302ull, 2), 5ull << 48 | 4ull << 32 | 2ull << 24 | 3ull << 16 | 1 << 2, "all affinity fields");
	c = its_mapd(0x1234, 5, 0x40200000);
	ok(c.w[0] == (0x8 | 0x1234ull << 32) && c.w[1] == 4 && c.w[2] == (1ull << 63 | 0x40200000), "MAPD: device id, size less one, table");
	c = its_mapc(7, 0x30000);
	ok(c.w[0] == 0x9 && c.w[1] == 0 && c.w[2] == (1ull << 63 | 0x30007), "MAPC: collection and target");
	c = its_mapti(0x10, 3, 8200, 2);
	ok(c.w[0] == (0xa | 0x10ull << 32) && c.w[1] == (8200ull << 32 | 3) && c.w[2] == 2, "MAPTI: event, INTID, collection");
	c = its_inv(0x10, 3);
	ok(c.w[0] == (0xc | 0x10ull << 32) && c.w[1] == 3 && c.w[2] == 0, "INV: device and event");
	c = its_sync(0x30000);
	ok(c.w[0] == 0x5 && c.w[2] == 0x30000, "SYNC: target");
	return tap_done();
}
