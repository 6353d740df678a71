/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware's memory map, honest and hostile, as regions. */
#include "tap.h"
#include "efi/boot/regions.c"
#include <stdlib.h>

#define MIB (1ull << 20)
#define STRIDE 48 /* as EDK II has it: 8 bytes more than the structure */
#define MAX_DESCS 2048

static struct boot_info bi;
static uint8_t map[MAX_DESCS * STRIDE];
static unsigned count;

static void begin(void)
{
	memset(map, 0xa5, sizeof map);
	count = 0;
}

static void add(uint32_t type, uint64_t base, uint64_t pages, uint64_t attr)
{
	struct efi_desc d = {.type = type, .base = base, .pages = pages, .attr = attr};

	memcpy(map + count++ * STRIDE, &d, sizeof d);
}

static void build(const struct boot_range *keeps, unsigned n)
{
	memset(&bi, 0x5a, sizeof bi);
	regions_build(&bi, map, count, STRIDE, keeps, n);
}

static bool sorted_and_disjoint(void)
{
	for (unsigned i = 0; i < bi.nregions; i++) {
		const struct boot_region *r = &bi.regions[i];

		if (!r->size || r->size > UINT64_MAX - r->base.v)
			return false;
		if (i && r->base.v < r[-1].base.v + r[-1].size)
			return false;
	}
	return true;
}

static bool region_is(unsigned i, uint64_t base, uint64_t size, enum boot_region_kind kind)
{
	return i < bi.nregions && bi.regions[i].base.v == base && bi.regions[i].size == size && bi.regions[i].kind == kind;
}

static void test_merge_and_carve(void)
{
	const struct boot_range keeps[] = {{3 * MIB, MIB}, {6 * MIB, 4 * MIB}};

	begin();
	add(CONVENTIONAL, 4 * MIB, 1024, ATTR_WB); /* unsorted on purpose */
	add(LOADER_CODE, 2 * MIB, 512, ATTR_WB);
	add(CONVENTIONAL, 0, 160, ATTR_WB);
	add(ACPI_NVS, 8 * MIB, 256, ATTR_WB);
	build(keeps, 2);
	ok_eq(bi.nregions, 7, "regions");
	ok(region_is(0, 0, 4096, BOOT_RESERVED), "page zero is reserved");
	ok(region_is(1, 4096, 159 * 4096, BOOT_RAM_FREE), "low memory");
	ok(region_is(2, 2 * MIB, MIB, BOOT_RAM_FREE), "free before what is kept");
	ok(region_is(3, 3 * MIB, MIB, BOOT_RAM_IMAGE), "kept");
	ok(region_is(4, 4 * MIB, 2 * MIB, BOOT_RAM_FREE), "free between");
	ok(region_is(5, 6 * MIB, 2 * MIB, BOOT_RAM_IMAGE), "kept, cut at the end of the descriptor");
	ok(region_is(6, 8 * MIB, MIB, BOOT_RAM_ACPI), "firmware memory is never carved");
}

static void test_neighbours(void)
{
	begin();
	add(BS_DATA, MIB, 16, ATTR_WB);
	add(CONVENTIONAL, MIB + 16 * 4096, 16, ATTR_WB | 0x7);
	add(RT_DATA, 2 * MIB, 1, ATTR_WB);
	add(RT_DATA, 2 * MIB + 4096, 1, ATTR_WB | 1ull << 63);
	add(RT_CODE, 2 * MIB + 8192, 1, ATTR_WB);
	build(NULL, 0);
	ok_eq(bi.nregions, 4, "free neighbours merge, firmware regions only when alike");
	ok(region_is(0, MIB, 32 * 4096, BOOT_RAM_FREE), "one free run");
	ok(region_is(2, 2 * MIB + 4096, 4096, BOOT_RAM_RUNTIME_DATA), "another attribute stays apart");
}

static void test_kinds(void)
{
	begin();
	add(CONVENTIONAL, 1 * MIB, 1, 0);
	add(CONVENTIONAL, 2 * MIB, 1, ATTR_WB | ATTR_SPECIFIC_PURPOSE);
	add(UNUSABLE, 3 * MIB, 1, ATTR_WB);
	add(MMIO, 4 * MIB, 1, 0);
	add(15, 5 * MIB, 1, ATTR_WB); /* unaccepted memory */
	add(0x80000001, 6 * MIB, 1, ATTR_WB);
	build(NULL, 0);
	ok(region_is(0, MIB, 4096, BOOT_RESERVED), "memory that cannot be cached is not ours");
	ok(region_is(1, 2 * MIB, 4096, BOOT_RESERVED), "nor memory set apart for a purpose");
	ok(region_is(2, 3 * MIB, 4096, BOOT_RESERVED), "nor broken memory");
	ok(region_is(3, 4 * MIB, 4096, BOOT_MMIO), "devices");
	ok(region_is(4, 5 * MIB, 4096, BOOT_RESERVED) && region_is(5, 6 * MIB, 4096, BOOT_RESERVED), "nor types that we do not know");
}

static void test_hostile(void)
{
	begin();
	add(CONVENTIONAL, MIB, 1024, ATTR_WB);
	add(RT_DATA, 2 * MIB, 16, ATTR_WB);            /* inside the one before */
	add(CONVENTIONAL, 4 * MIB, 1024, ATTR_WB);     /* overlaps its end */
	add(CONVENTIONAL, 16 * MIB, 0, ATTR_WB);       /* empty */
	add(CONVENTIONAL, 17 * MIB + 5, 4, ATTR_WB);   /* not on a page */
	add(CONVENTIONAL, UINT64_MAX - 4095, 2, ATTR_WB); /* wraps */
	add(CONVENTIONAL, 18 * MIB, UINT64_MAX / 4096, ATTR_WB);
	build(NULL, 0);
	ok(sorted_and_disjoint(), "overlaps are cut");
	ok(region_is(0, MIB, 7 * MIB, BOOT_RAM_FREE) && bi.nregions == 1, "what makes no sense is left out");
}

static void test_full(void)
{
	unsigned rt = 0;

	begin();
	for (unsigned i = 0; i < 900; i++)
		add(i % 20 ? CONVENTIONAL : RT_DATA, (i + 1) * 2 * MIB, 1, ATTR_WB);
	build(NULL, 0);
	for (unsigned i = 0; i < bi.nregions; i++)
		rt += bi.regions[i].kind == BOOT_RAM_RUNTIME_DATA;
	ok(bi.nregions <= BOOT_MAX_REGIONS && sorted_and_disjoint(), "a map with too many regions fits");
	ok_eq(rt, 45, "and loses free memory, not the firmware's");
}

static void test_random(void)
{
	bool all = true;

	srand(1);
	for (unsigned round = 0; round < 200; round++) {
		struct boot_range keeps[8];

		begin();
		for (unsigned i = 0; i < 300; i++)
			add((uint32_t)rand() % 17, ((uint64_t)rand() % 4096) * 65536, (uint64_t)rand() % 64, rand() % 4 ? ATTR_WB : 0);
		for (unsigned i = 0; i < 8; i++)
			keeps[i] = (struct boot_range){i * 32 * MIB, (uint64_t)rand() % 8 * 4096};
		build(keeps, 8);
		all &= sorted_and_disjoint();
	}
	ok(all, "random maps give sorted, disjoint regions");
}

static void test_table_pages(void)
{
	begin();
	add(CONVENTIONAL, 0, 8ull << 18, ATTR_WB); /* 8 GiB */
	ok(regions_table_pages(map, count, STRIDE) >= 8 + 1, "a directory for each GiB");
	begin();
	add(0, 1ull << 40, 1ull << 30, 0);
	ok_eq((int64_t)regions_table_pages(map, count, STRIDE), 0, "nothing for what is not mapped");
}

int main(void)
{
	test_merge_and_carve();
	test_neighbours();
	test_kinds();
	test_hostile();
	test_full();
	test_random();
	test_table_pages();
	return tap_done();
}
