/* SPDX-License-Identifier: Apache-2.0 */
/* What aarch64 reads of the machine: by ACPI (MADT, GTDT, FADT, IORT) and by a device tree, of honest and of nonsensical tables. */
#include "../fake/fake.h"
#include "tap.h"
#include <core/acpi.h>
#include <core/arith.h>
#include <core/fdt.h>
#include <core/page.h>
#include <libfdt.h>
#include <stdlib.h>

static err_t table_find(const char sig[4], unsigned n, const struct acpi_header **out);
#define acpi_find table_find
#include "core/aarch64/platform.c"
#include "core/aarch64/platform_acpi.c"
#include "core/aarch64/platform_iort.c"
#include "core/aarch64/platform_fdt.c"
#undef acpi_find

/* What the test itself relies on. */
static void must(bool done)
{
	if (!done)
		abort();
}

/* ---- ACPI: tables by signature, each at the end of its memory, so that reading past one is seen */

enum { TABLES = 4 };
static struct { char sig[5]; uint8_t *p; uint32_t len; } tables[TABLES];
static uint8_t buf[4096];
static uint32_t len;

static err_t table_find(const char sig[4], unsigned n, const struct acpi_header **out)
{
	for (unsigned i = 0; i < TABLES && n == 0; i++)
		if (tables[i].p && !memcmp(sig, tables[i].sig, 4)) {
			*out = (const struct acpi_header *)tables[i].p;
			return OK;
		}
	return E_NOENT;
}

static void table_begin(uint32_t header)
{
	memset(buf, 0, sizeof(buf));
	len = header;
}

static void table_end(unsigned slot, const char *sig)
{
	free(tables[slot].p);
	memcpy(buf, sig, 4);
	put_le32(buf + 4, len);
	tables[slot].p = memcpy(malloc(len), buf, len);
	tables[slot].len = len;
	memcpy(tables[slot].sig, sig, 5);
}

/* A table that acpi_find hands out has its header at least. */
static void shorten(uint32_t n)
{
	len = n < len - 36 ? len - n : 36;
}

static void tables_drop(void)
{
	for (unsigned i = 0; i < TABLES; i++) {
		free(tables[i].p);
		tables[i].p = NULL;
	}
}

static void gicc_entry(uint32_t flags, uint64_t mpidr, uint64_t gicr, uint64_t base)
{
	uint8_t *e = buf + len;

	e[0] = 11;
	e[1] = 80;
	put_le32(e + 12, flags);
	put_le64(e + 32, base);
	put_le32(e + 56, 25);
	put_le64(e + 60, gicr);
	put_le64(e + 68, mpidr);
	len += 80;
}

static void short_entry(uint8_t type, uint8_t n, unsigned at, uint64_t v, unsigned at2, uint32_t v2)
{
	uint8_t *e = buf + len;

	e[0] = type;
	e[1] = n;
	put_le64(e + at, v);
	if (at2)
		put_le32(e + at2, v2);
	len += n;
}

static void madt_v3(void)
{
	table_begin(44);
	gicc_entry(1, 0x80000000, 0, 0);
	gicc_entry(1, 0x80000001, 0x80c0000, 0);
	gicc_entry(0, 2, 0, 0);          /* not usable */
	gicc_entry(1, 0x80000001, 0, 0); /* twice */
	short_entry(12, 24, 8, 0x8000000, 20, 3);
	short_entry(14, 16, 4, 0x80a0000, 12, 0xf60000);
	short_entry(15, 20, 8, 0x8080000, 4, 7);
	table_end(0, "APIC");
}

static void gtdt(uint32_t virtual, uint32_t hyp)
{
	table_begin(96);
	put_le32(buf + 64, virtual);
	put_le32(buf + 72, hyp);
	table_end(1, "GTDT");
}

static void fadt(uint16_t flags)
{
	table_begin(268);
	put_le16(buf + 129, flags);
	table_end(2, "FACP");
}

static void test_acpi(void)
{
	struct platform p;

	ok_eq(platform_from_acpi(&p), E_NOENT, "no MADT");
	madt_v3();
	gtdt(27, 26);
	fadt(3);
	ok_eq(platform_from_acpi(&p), OK, "a GICv3 machine");
	ok(p.ncpus == 2 && p.cpus[0].mpidr == 0 && p.cpus[1].mpidr == 1 && p.cpus[1].gicr == 0x80c0000, "two CPUs, by affinity fields alone");
	ok(p.gic_version == 3 && p.gicd == 0x8000000 && p.ngicr == 1 && p.gicr[0].size == 0xf60000 && p.nits == 1 && p.its[0].id == 7, "the controller's parts");
	ok(p.ppi_maintenance == 25 && p.ppi_vtimer == 27 && p.ppi_timer_el2 == 26, "private interrupts");
	ok_eq(p.psci, PSCI_HVC, "PSCI by HVC");
	fadt(1);
	gtdt(1000, 3);
	ok(platform_from_acpi(&p) == OK && p.psci == PSCI_SMC && p.ppi_vtimer == 0 && p.ppi_timer_el2 == 0, "by SMC; interrupts that are not private ones do not count");
	ok(platform_init() == OK && platform.ppi_vtimer == 27 && platform.ppi_timer_el2 == 26, "and the architecture's take their place");
	tables_drop();
	madt_v3();
	ok(platform_from_acpi(&p) == OK && p.psci == PSCI_NONE, "without FADT and GTDT");
	tables_drop();
}

static void test_acpi_v2(void)
{
	struct platform p;

	table_begin(44);
	gicc_entry(1, 0, 0, 0x8010000);
	short_entry(12, 24, 8, 0x8000000, 20, 0); /* version: ask the hardware */
	short_entry(13, 24, 8, 0x8020000, 16, 1);
	put_le16(buf + len - 4, 64);
	put_le16(buf + len - 2, 80);
	table_end(0, "APIC");
	ok(platform_from_acpi(&p) == OK && p.gic_version == 2 && p.gicc == 0x8010000, "without redistributors it is a GICv2");
	ok(p.nv2m == 1 && p.v2m[0].base == 0x8020000 && p.v2m[0].spi_first == 80 && p.v2m[0].spi_count == 64, "with a frame for messages");
	table_begin(44);
	gicc_entry(1, 0, 0, 0x8010000);
	table_end(0, "APIC");
	ok_eq(platform_from_acpi(&p), E_NOENT, "CPUs without a distributor are no machine");
	tables_drop();
}

/* Each shorter table is read without going past its end. */
static void test_acpi_cut(void)
{
	struct platform p;

	for (uint32_t cut = 0; cut < 400; cut++) {
		madt_v3();
		shorten(cut);
		table_end(0, "APIC");
		(void)platform_from_acpi(&p);
		gtdt(27, 26);
		shorten(cut);
		table_end(1, "GTDT");
		fadt(1);
		shorten(cut);
		table_end(2, "FACP");
		(void)platform_from_acpi(&p);
		tables_drop();
	}
	table_begin(44);
	for (unsigned i = 0; i < 40; i++)
		gicc_entry(1, i, 0, 0);
	short_entry(12, 24, 8, 0x8000000, 20, 3);
	table_end(0, "APIC");
	ok(platform_from_acpi(&p) == OK && p.ncpus == 40, "tables cut anywhere do no harm");
	tables_drop();
}

static void id_map(uint32_t first, uint32_t last, uint32_t out, uint32_t to)
{
	put_le32(buf + len, first);
	put_le32(buf + len + 4, last - first);
	put_le32(buf + len + 8, out);
	put_le32(buf + len + 12, to);
	len += 20;
}

/* An ITS group at 48, an SMMU at 72 with one mapping, a root complex behind it. */
static void iort(void)
{
	table_begin(48);
	put_le32(buf + 36, 3);
	put_le32(buf + 40, 48);
	buf[48] = 0;
	put_le16(buf + 49, 24);
	put_le32(buf + 64, 1);
	put_le32(buf + 68, 7);
	buf[72] = 4;
	put_le16(buf + 73, 68 + 20);
	put_le32(buf + 80, 1);
	put_le32(buf + 84, 68);
	len = 140;
	id_map(0x1000, 0x1fff, 0x20000, 48);
	buf[160] = 2;
	put_le16(buf + 161, 36 + 40);
	put_le32(buf + 168, 2);
	put_le32(buf + 172, 36);
	put_le32(buf + 188, 1);
	len = 196;
	id_map(0, 0xff, 0x1100, 72);
	id_map(0x100, 0xffff, 0x100, 48);
	table_end(3, "IORT");
}

static void test_iort(void)
{
	struct platform p;

	madt_v3();
	iort();
	ok(platform_from_acpi(&p) == OK && p.nid_maps == 2, "a root complex leads to the service in two ways");
	ok(p.id_maps[0].segment == 1 && p.id_maps[0].first == 0 && p.id_maps[0].count == 0x100 && p.id_maps[0].device == 0x20100 && p.id_maps[0].its == 7,
	   "through an SMMU, which renumbers");
	ok(p.id_maps[1].first == 0x100 && p.id_maps[1].count == 0xff00 && p.id_maps[1].device == 0x100, "and at once");
	for (uint32_t cut = 0; cut < 240; cut++) {
		iort();
		shorten(cut);
		table_end(3, "IORT");
		(void)platform_from_acpi(&p);
	}
	iort();
	for (uint32_t i = 36; i < len; i++) {
		tables[3].p[i] ^= 0xff;
		(void)platform_from_acpi(&p);
		tables[3].p[i] ^= 0xff;
	}
	ok(platform_from_acpi(&p) == OK && p.nid_maps == 2, "damaged ones do no harm");
	tables_drop();
}

/* ---- the device tree */

static uint8_t tree[8192];
static struct boot_info *fresh;

static void cell_prop(const char *name, unsigned n, const uint32_t *v)
{
	fdt32_t c[16];

	for (unsigned i = 0; i < n; i++)
		c[i] = cpu_to_fdt32(v[i]);
	must(fdt_property(tree, name, c, (int)(4 * n)) == 0);
}
#define CELLS(name, ...) cell_prop(name, sizeof((uint32_t[]){__VA_ARGS__}) / 4, (uint32_t[]){__VA_ARGS__})

/* Shows the tree to the reader as a new machine's. */
static void show(uint64_t size)
{
	struct hpa a;

	must(page_alloc(&pool_core, 2, PAGE_HOST, &a) == OK);
	memcpy(hal_direct(a), tree, sizeof(tree));
	free(fresh);
	fresh = malloc(sizeof(*fresh));
	*fresh = fake_boot;
	fresh->fdt = a;
	fresh->fdt_size = size;
	boot_info = fresh;
}

static void node(const char *name, const char *compatible)
{
	must(fdt_begin_node(tree, name) == 0);
	if (compatible)
		must(fdt_property_string(tree, "compatible", compatible) == 0);
}

static void build(bool v3)
{
	must(fdt_create(tree, sizeof(tree)) == 0 && fdt_finish_reservemap(tree) == 0);
	node("", NULL);
	CELLS("#address-cells", 2);
	CELLS("#size-cells", 2);
	node("chosen", NULL);
	fdt_property_string(tree, "stdout-path", "/bus/serial@1000:115200");
	fdt_end_node(tree);
	node("cpus", NULL);
	CELLS("#address-cells", 1);
	CELLS("#size-cells", 0);
	for (unsigned i = 0; i < 3; i++) {
		node(i == 0 ? "cpu@0" : i == 1 ? "cpu@100" : "cpu@101", "arm,cortex-a57");
		fdt_property_string(tree, "device_type", "cpu");
		CELLS("reg", i == 0 ? 0 : i == 1 ? 0x100 : 0x101);
		if (i == 2)
			fdt_property_string(tree, "status", "disabled");
		fdt_end_node(tree);
	}
	fdt_end_node(tree);
	node("psci", "arm,psci-1.0");
	fdt_property_string(tree, "method", "smc");
	fdt_end_node(tree);
	node("timer", "arm,armv8-timer");
	CELLS("interrupts", 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4);
	fdt_end_node(tree);
	node("gic", v3 ? "arm,gic-v3" : "arm,cortex-a15-gic");
	CELLS("#address-cells", 2);
	CELLS("#size-cells", 2);
	fdt_property(tree, "ranges", "", 0);
	CELLS("reg", 0, 0x8000000, 0, 0x10000, 0, v3 ? 0x80a0000 : 0x8010000, 0, 0xf60000);
	CELLS("interrupts", 1, 9, 4);
	node("child", v3 ? "arm,gic-v3-its" : "arm,gic-v2m-frame");
	CELLS("reg", 0, 0x8080000, 0, 0x20000);
	CELLS("phandle", 0x8003);
	fdt_end_node(tree);
	fdt_end_node(tree);
	node("pcie", "pci-host-ecam-generic");
	CELLS("reg", 0x40, 0x10000000, 0, 0x10000000);
	CELLS("msi-map", 0, 0x8003, 0x500, 0x10000);
	fdt_end_node(tree);
	node("bus", "simple-bus");
	CELLS("#address-cells", 1);
	CELLS("#size-cells", 1);
	CELLS("ranges", 0, 0, 0x9000000, 0x10000);
	node("serial@1000", "arm,pl011");
	CELLS("reg", 0x1000, 0x1000);
	CELLS("interrupts", 0, 1, 4);
	fdt_end_node(tree);
	fdt_end_node(tree);
	fdt_end_node(tree);
	must(fdt_finish(tree) == 0);
}

#include "core/drv/uart_find.h"

static void test_fdt(void)
{
	struct uart_place u = {0};
	struct platform p;

	ok_eq(platform_from_fdt(&p), E_NOENT, "no tree");
	build(true);
	show(fdt_totalsize(tree));
	ok_eq(platform_from_fdt(&p), OK, "a GICv3 machine by a device tree");
	ok(p.ncpus == 2 && p.cpus[1].mpidr == 0x100, "CPUs that are enabled");
	ok(p.gicd == 0x8000000 && p.ngicr == 1 && p.gicr[0].base == 0x80a0000 && p.nits == 1 && p.its[0].base == 0x8080000, "the controller's parts");
	ok(p.ppi_maintenance == 25 && p.ppi_vtimer == 27 && p.ppi_timer_el2 == 26 && p.psci == PSCI_SMC, "private interrupts and PSCI");
	ok(p.nid_maps == 1 && p.id_maps[0].device == 0x500 && p.id_maps[0].its == p.its[0].id && p.id_maps[0].count == 0x10000, "which requester is which device");
	ok(uart_find_fdt(&u) == OK && u.kind == UART_KIND_PL011 && u.addr == 0x9001000 && u.gsi == 33, "the console, through its bus's ranges");
	build(false);
	show(fdt_totalsize(tree));
	ok(platform_from_fdt(&p) == OK && p.gic_version == 2 && p.gicc == 0x8010000 && p.nv2m == 1 && p.v2m[0].base == 0x8080000, "a GICv2 machine");
}

/* A tree cut or damaged anywhere is refused or read without harm. */
static void test_fdt_hostile(void)
{
	struct uart_place u;
	struct platform p;
	uint32_t size;
	unsigned refused = 0;

	build(true);
	size = fdt_totalsize(tree);
	show(size);
	for (uint32_t cut = 1; cut < size; cut += 3) {
		struct boot_info *b = fresh;

		fresh = NULL;
		show(size);
		free(b);
		fresh->fdt_size = size - cut;
		refused += platform_from_fdt(&p) != OK;
		page_free(&pool_core, fresh->fdt, 2, PAGE_HOST);
	}
	ok_eq(refused, (size - 2) / 3 + 1, "a tree that is shorter than it says is refused");
	for (uint32_t i = 0; i < size; i += 2) {
		struct boot_info *b = fresh;

		tree[i] ^= 0x5a;
		fresh = NULL;
		show(size);
		free(b);
		if (platform_from_fdt(&p) == OK)
			(void)uart_find_fdt(&u);
		tree[i] ^= 0x5a;
		page_free(&pool_core, fresh->fdt, 2, PAGE_HOST);
	}
	fresh->fdt_size = FDT_MAX_BYTES + 1;
	ok(true, "damaged ones do no harm");
}

int main(void)
{
	fake_init(32 * MIB, 1);
	test_acpi();
	test_acpi_v2();
	test_acpi_cut();
	test_iort();
	test_fdt();
	test_fdt_hostile();
	return tap_done();
}
