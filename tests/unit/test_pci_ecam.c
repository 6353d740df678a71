/* SPDX-License-Identifier: Apache-2.0 */
/* Memory-mapped configuration space by MCFG: enumeration, the extended 4 KiB, windows that are not to be believed, and a
 * table that disagrees with the configuration ports. */
#include "../fake/fake.h"
#include "../fake/fake_pci.h"
#include "tap.h"
#include <core/acpi.h>
#include <core/arith.h>
#include <core/pci.h>
#include <stdlib.h>
#include <string.h>

#define ACPI_BASE 0x3000000ull
#define ECAM_BASE 0xb0000000ull
#define BUS_BYTES (1u << 20)

static const struct boot_region regions[] = {
	{.base = HPA(0x1000000), .size = 16 * MIB, .kind = BOOT_RAM_FREE},
	{.base = HPA(ACPI_BASE), .size = 4096, .kind = BOOT_RAM_ACPI},
};
static uint8_t *acpi_mem, *window; /* two buses */

static void fix_sum(uint8_t *p, uint32_t len, unsigned where)
{
	uint8_t s = 0;

	p[where] = 0;
	for (uint32_t i = 0; i < len; i++)
		s = (uint8_t)(s + p[i]);
	p[where] = (uint8_t)-s;
}

/* RSDP at 0, XSDT at 64, MCFG at 128 with n entries of the same window. */
static void tables(uint64_t base, uint16_t segment, uint8_t first, uint8_t last, unsigned n, unsigned cut)
{
	uint8_t *x = acpi_mem + 64, *m = acpi_mem + 128;

	memset(acpi_mem, 0, 4096);
	memcpy(acpi_mem, "RSD PTR ", 8);
	acpi_mem[15] = 2;
	put_le32(acpi_mem + 20, 36);
	put_le64(acpi_mem + 24, ACPI_BASE + 64);
	fix_sum(acpi_mem, 20, 8);
	fix_sum(acpi_mem, 36, 32);
	memcpy(x, "XSDT", 4);
	put_le32(x + 4, 44);
	put_le64(x + 36, ACPI_BASE + 128);
	fix_sum(x, 44, 9);
	memcpy(m, "MCFG", 4);
	put_le32(m + 4, 44 + 16 * n - cut);
	for (unsigned i = 0; i < n; i++) {
		put_le64(m + 44 + 16 * i, base);
		put_le16(m + 52 + 16 * i, segment);
		m[54 + 16 * i] = first;
		m[55 + 16 * i] = last;
	}
	fix_sum(m, 44 + 16 * n - cut, 9);
	if (acpi_init() != OK)
		ok(false, "tables");
}

static uint8_t *function(unsigned bus, unsigned dev, uint16_t id, uint32_t class_code, uint8_t header)
{
	uint8_t *c = window + bus * BUS_BYTES + (dev << 15);

	memset(c, 0, 4096);
	put_le16(c, 0x1234);
	put_le16(c + 2, id);
	put_le32(c + 8, class_code << 8);
	c[14] = header;
	return c;
}

static void test_window(void)
{
	uint8_t *bridge;

	memset(window, 0xff, 2 * BUS_BYTES);
	function(0, 0, 1, 0x060000, 0);
	bridge = function(0, 2, 2, 0x060400, 1);
	bridge[0x19] = 1;
	put_le32(function(1, 0, 3, 0x020000, 0) + 0x100, 0x12345678);
	tables(ECAM_BASE, 0, 0, 1, 1, 0);
	pci_init();
	ok_eq(pci_count(), 3, "functions");
	ok(pci_get(2)->bus == 1 && pci_get(2)->device == 3, "behind the bridge");
	ok_eq(pci_read(pci_get(2), 0x100, 4), 0x12345678, "extended space");
	ok_eq(pci_read(pci_get(2), 4096, 4), 0xffffffff, "and no further");
	bridge[0x19] = 200;
	pci_init();
	ok_eq(pci_count(), 3, "a bus behind no bridge is found as a root bus; one outside of the window is not touched");
	tables(ECAM_BASE, 5, 0, 1, 1, 0);
	pci_init();
	ok(pci_count() == 3 && pci_get(0)->segment == 5, "another segment");
}

static void test_unbelievable(void)
{
	tables(0x1000000, 0, 0, 0, 1, 0);
	pci_init();
	ok_eq(pci_count(), 0, "a window over RAM");
	tables(ECAM_BASE, 0, 1, 0, 1, 0);
	pci_init();
	ok_eq(pci_count(), 0, "last bus before first");
	tables(ECAM_BASE + 4096, 0, 0, 0, 1, 0);
	pci_init();
	ok_eq(pci_count(), 0, "an unaligned window");
	tables(0xfffffffffff00000, 0, 0, 255, 1, 0);
	pci_init();
	ok_eq(pci_count(), 0, "a window that wraps");
	tables(ECAM_BASE, 0, 0, 1, 1, 1);
	pci_init();
	ok_eq(pci_count(), 0, "a torn entry");
	tables(ECAM_BASE, 0, 0, 1, 20, 0);
	pci_init();
	ok_eq(pci_count() % 3, 0, "more windows than there is room for");
	tables(0xc0000000, 0, 0, 0, 1, 0);
	pci_init();
	ok_eq(pci_count(), 0, "a window that cannot be mapped");
}

static void test_disagree(void)
{
	static struct fake_pci_fn fn;

	fake_pci_describe(&fn, 0x5678, 1, 0x020000, 0);
	fake_pci_set(&fn, 1);
	tables(ECAM_BASE, 0, 0, 1, 1, 0);
	pci_init();
	ok(pci_count() == 1 && pci_get(0)->vendor == 0x5678, "where the table and the ports disagree, the ports are right");
	fake_pci_set(NULL, 0);
}

int main(void)
{
	fake_init_map(regions, ARRAY_LEN(regions), 1);
	acpi_mem = hal_direct(HPA(ACPI_BASE));
	fake_boot.rsdp = HPA(ACPI_BASE);
	window = malloc(2 * BUS_BYTES);
	fake_mmio_add(HPA(ECAM_BASE), 2 * BUS_BYTES, window);
	test_window();
	test_unbelievable();
	test_disagree();
	free(window);
	return tap_done();
}
