/* SPDX-License-Identifier: Apache-2.0 */
/* What is read from the MADT: CPUs, I/O APICs and overrides of honest and of nonsensical tables. */
#include "tap.h"
#include <core/acpi.h>

static err_t table_find(const char sig[4], unsigned n, const struct acpi_header **out);
#define acpi_find table_find
#include "core/x86_64/madt.c"
#undef acpi_find

static uint8_t table[8192];
static uint32_t len;
static bool missing;

static err_t table_find(const char sig[4], unsigned n, const struct acpi_header **out)
{
	if (missing || n || memcmp(sig, "APIC", 4))
		return E_NOENT;
	*out = (const struct acpi_header *)table;
	return OK;
}

static void begin(uint32_t lapic)
{
	memset(table, 0, sizeof table);
	memset(&madt, 0, sizeof madt);
	memcpy(table, "APIC", 4);
	put_le32(table + 36, lapic);
	len = 44;
	missing = false;
}

static void entry(uint8_t type, uint8_t n, const uint8_t *body)
{
	table[len] = type;
	table[len + 1] = n;
	if (n > 2)
		memcpy(table + len + 2, body, n - 2u);
	len += n;
}

static void parse(void)
{
	put_le32(table + 4, len);
	madt_parse();
}

static void add_lapic(uint8_t id, uint8_t enabled)
{
	entry(MADT_LAPIC, 8, (const uint8_t[]){1, id, enabled, 0, 0, 0});
}

static void test_honest(void)
{
	begin(0xfee00000);
	add_lapic(0, 1);
	add_lapic(4, 1);
	add_lapic(5, 0);
	entry(MADT_X2APIC, 16, (const uint8_t[]){0, 0, 0x00, 0x01, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0});
	entry(MADT_IOAPIC, 12, (const uint8_t[]){0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0});
	entry(MADT_ISA_OVERRIDE, 10, (const uint8_t[]){0, 0, 2, 0, 0, 0, 0, 0});
	entry(MADT_ISA_OVERRIDE, 10, (const uint8_t[]){0, 9, 9, 0, 0, 0, 0x0f, 0});
	entry(MADT_LAPIC_ADDRESS, 12, (const uint8_t[]){0, 0, 0, 0, 0xe0, 0xfe, 1, 0, 0, 0});
	parse();
	ok(madt.present && madt.ncpus == 3 && madt.cpus[0] == 0 && madt.cpus[1] == 4 && madt.cpus[2] == 0x100,
	   "enabled CPUs of both kinds");
	ok(madt.nioapics == 1 && madt.ioapics[0].address == 0xfec00000 && madt.ioapics[0].gsi_base == 0, "the I/O APIC");
	ok(madt.isa[0].gsi == 2 && !madt.isa[0].level && !madt.isa[0].active_low, "the timer's override");
	ok(madt.isa[9].gsi == 9 && madt.isa[9].level && madt.isa[9].active_low, "the SCI's override");
	ok(madt.isa[4].gsi == 4 && !madt.isa[4].level, "the others are what ISA has");
	ok(madt.lapic == 0x1fee00000ull, "the local APICs' address");
}

/* Lines that the firmware has made level triggered in the 8259s, where PCI's lines end without an override. */
static void test_pci_lines(void)
{
	begin(0xfee00000);
	entry(MADT_ISA_OVERRIDE, 10, (const uint8_t[]){0, 9, 9, 0, 0, 0, 0x0d, 0});
	parse();
	madt_give_to_pci(1 << 9 | 1 << 11);
	ok(madt.isa[11].level && madt.isa[11].active_low && madt.isa[11].gsi == 11, "a line of PCI is level, active low");
	ok(madt.isa[9].level && !madt.isa[9].active_low, "an override says more");
	ok(!madt.isa[4].level && !madt.isa[4].active_low, "the others stay");
	madt_give_to_pci(0xffff);
	ok(!madt.isa[4].level && !madt.isa[0].level, "registers that are not there say nothing");
}

static void test_nonsense(void)
{
	begin(0xfee00000);
	for (unsigned i = 0; i < 200; i++)
		add_lapic((uint8_t)i, 1);
	add_lapic(3, 1);
	parse();
	ok(madt.ncpus == HAL_MAX_CPUS && madt.ncpus_ignored == 200 - HAL_MAX_CPUS, "more CPUs than we take are counted");

	begin(0xfee00000);
	add_lapic(7, 1);
	add_lapic(7, 1);
	add_lapic(0xff, 1);
	for (unsigned i = 0; i < 40; i++)
		entry(MADT_IOAPIC, 12, (const uint8_t[]){0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0});
	entry(MADT_ISA_OVERRIDE, 10, (const uint8_t[]){0, 200, 2, 0, 0, 0, 0, 0});
	entry(MADT_ISA_OVERRIDE, 10, (const uint8_t[]){9, 1, 77, 0, 0, 0, 0, 0});
	entry(MADT_LAPIC, 4, (const uint8_t[]){1, 9});
	parse();
	ok(madt.ncpus == 1 && madt.cpus[0] == 7, "a CPU named twice, and one that cannot be, are dropped");
	ok(madt.nioapics == MADT_MAX_IOAPICS, "no more I/O APICs than fit");
	ok(madt.isa[1].gsi == 1, "an override of another bus is not for ISA");

	begin(0xfee00000);
	add_lapic(1, 1);
	entry(MADT_LAPIC, 0, NULL);
	len += 20;
	parse();
	ok(madt.ncpus == 1, "an entry of no length ends the table");

	begin(0xfee00000);
	len = 40;
	parse();
	ok(!madt.present && madt.lapic == 0xfee00000, "a table too short is none");
	missing = true;
	madt_parse();
	ok(!madt.present && madt.isa[15].gsi == 15, "no table: defaults");
}

int main(void)
{
	test_honest();
	test_pci_lines();
	test_nonsense();
	return tap_done();
}
