/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the ACPI table code: the input is a piece of "ACPI memory" whose first bytes are the root pointer. Checksums are
 * mended first, or nothing would ever get past them; addresses are taken relative to the piece. Host only. */
#include "../../core/drv/uart_find.h"
#include "../fake/fake.h"
#include <core/acpi.h>
#include <core/arith.h>
#include <core/hal.h>
#include <string.h>

#define AREA 4096

/* What lies behind the piece faults. */
#define BASE 0x3000000ull
static const struct boot_region regions[] = {
	{.base = HPA(0x1000000), .size = 16 * MIB, .kind = BOOT_RAM_FREE},
	{.base = HPA(BASE), .size = AREA, .kind = BOOT_RAM_ACPI},
};
static uint8_t *area;
static volatile unsigned sink;

static void fix_sum(uint8_t *p, uint64_t len, unsigned at)
{
	uint8_t s = 0;

	p[at] = 0;
	for (uint64_t i = 0; i < len; i++)
		s = (uint8_t)(s + p[i]);
	p[at] = (uint8_t)-s;
}

static void fix_table(uint64_t off)
{
	if (range_within(off, 36, AREA) && range_within(off, get_le32(area + off + 4), AREA) && get_le32(area + off + 4) >= 36)
		fix_sum(area + off, get_le32(area + off + 4), 9);
}

/* Small numbers become offsets into the piece. */
static uint64_t relocate(uint64_t v)
{
	return v < AREA ? BASE + v : v;
}

static void mend(void)
{
	uint64_t xsdt = get_le64(area + 24), len;

	memcpy(area, "RSD PTR ", 8);
	area[15] = 2;
	put_le32(area + 20, 36);
	put_le64(area + 24, relocate(xsdt));
	if (range_within(xsdt, 36, AREA)) {
		len = MIN(get_le32(area + xsdt + 4), AREA - xsdt);
		memcpy(area + xsdt, "XSDT", 4);
		for (uint64_t i = 36; i + 8 <= len; i += 8) {
			uint64_t t = get_le64(area + xsdt + i);

			put_le64(area + xsdt + i, relocate(t));
			fix_table(t);
		}
		fix_table(xsdt);
	}
	fix_sum(area, 20, 8);
	fix_sum(area, 36, 32);
}

static void entry(void *ctx, uint8_t type, const uint8_t *e, uint8_t len)
{
	(void)ctx;
	sink += type + e[len - 1];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct acpi_header *t;
	struct uart_place u;

	if (!area) {
		fake_init_map(regions, ARRAY_LEN(regions), 1);
		area = hal_direct(HPA(BASE));
		fake_boot.rsdp = HPA(BASE);
	}
	memset(area, 0, AREA);
	memcpy(area, data, MIN(size, AREA));
	mend();
	if (acpi_init() != OK)
		return 0;
	for (unsigned n = 0; acpi_find("APIC", n, &t) == OK; n++)
		acpi_madt_foreach(t, entry, NULL);
	if (acpi_find("SPCR", 0, &t) == OK && uart_find_spcr(t, &u) == OK)
		sink += u.stride;
	if (acpi_find("DBG2", 0, &t) == OK && uart_find_dbg2(t, &u) == OK)
		sink += u.stride;
	return 0;
}
