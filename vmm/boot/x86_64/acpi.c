/* SPDX-License-Identifier: Apache-2.0 */
/* The guest PC's ACPI tables: RSDP, XSDT, FADT, MADT, MCFG, DSDT (ACPI 6.5 5.2), built in a scratch buffer and copied to
 * PC_ACPI_BASE. CPU 0, no vCPU running. */
#include <core/arith.h>
#include <string.h>
#include <vmm/pci_bus.h>
#include <vmm/x86_64/ioapic.h>
#include <vmm/x86_64/lapic.h>
#include <vmm/x86_64/pc_layout.h>
#include "../x86_64/pc_io.h"
#include "aml.h"
#include "boot_pc.h"

enum { BUILD_MAX = 16 * 1024, HEADER = 36, RSDP_SIZE = 36, NTABLES = 3, FADT_SIZE = 276 };
_Static_assert(BUILD_MAX <= PC_ACPI_SIZE, "tables fit their region");

static uint8_t sum(const uint8_t *p, size_t n)
{
	uint8_t s = 0;

	while (n--)
		s = (uint8_t)(s + *p++);
	return (uint8_t)-s;
}

/* Opens a table at the next 16-byte boundary; returns its offset. */
static size_t table_open(struct aml *a, const char sig[4], uint8_t revision)
{
	uint8_t h[HEADER] = {0};
	size_t at = align_up(a->len, 16);

	while (a->len < at && !a->overflow)
		aml_u8(a, 0);
	memcpy(h, sig, 4);
	h[8] = revision;
	memcpy(h + 10, "CAISSN", 6);
	memcpy(h + 16, "CAISSON ", 8);
	put_le32(h + 24, 1);
	memcpy(h + 28, "CAIS", 4);
	put_le32(h + 32, 1);
	aml_bytes(a, h, sizeof(h));
	return at;
}

static void table_close(struct aml *a, size_t at)
{
	if (a->overflow)
		return;
	put_le32(a->buf + at + 4, (uint32_t)(a->len - at));
	a->buf[at + 9] = sum(a->buf + at, a->len - at);
}

static void dsdt_pci(struct aml *a)
{
	size_t dev = aml_device_open(a, "PCI0"), crs;

	aml_name_eisaid(a, "_HID", "PNP0A08");
	aml_name_eisaid(a, "_CID", "PNP0A03");
	aml_name_int(a, "_UID", 0);
	aml_name_int(a, "_BBN", 0);
	aml_name_int(a, "_SEG", 0);
	crs = aml_crs_open(a);
	aml_crs_bus_numbers(a, 0, 0);
	aml_crs_io(a, 0xcf8, 8);
	aml_crs_window_io(a, PC_PCI_IO_WINDOW, PC_PCI_IO_WINDOW_SIZE);
	aml_crs_window32(a, PC_PCI_WINDOW, PC_PCI_WINDOW_SIZE);
	aml_crs_close(a, crs);
	aml_close(a, dev);
}

static void dsdt_device(struct aml *a, const char seg[4], const char id[7], uint16_t port, uint8_t len, unsigned irq)
{
	size_t dev = aml_device_open(a, seg), crs;

	aml_name_eisaid(a, "_HID", id);
	aml_name_int(a, "_UID", 1);
	crs = aml_crs_open(a);
	aml_crs_io(a, port, len);
	if (irq)
		aml_crs_irq(a, irq);
	aml_crs_close(a, crs);
	aml_close(a, dev);
}

/* The motherboard resource that reserves ECAM: Linux uses MCFG only when something claims its range. */
static void dsdt_reserved(struct aml *a)
{
	size_t dev = aml_device_open(a, "RES0"), crs;

	aml_name_eisaid(a, "_HID", "PNP0C02");
	aml_name_int(a, "_UID", 2);
	crs = aml_crs_open(a);
	aml_crs_memory32(a, PC_ECAM_BASE, PCI_ECAM_SIZE);
	aml_crs_io(a, PM_PORT, PM_SIZE);
	aml_crs_close(a, crs);
	aml_close(a, dev);
}

static size_t build_dsdt(struct aml *a)
{
	static const uint8_t s5[4] = {PM_SLP_TYP_S5, PM_SLP_TYP_S5, 0, 0};
	size_t at = table_open(a, "DSDT", 2), scope;

	aml_name_package(a, "_S5_", s5, sizeof(s5));
	scope = aml_scope_open(a, "\\_SB_", 5);
	dsdt_pci(a);
	dsdt_device(a, "COM1", "PNP0501", PC_COM1, 8, PC_GSI_COM1);
	dsdt_device(a, "RTC0", "PNP0B00", RTC_PORT, 2, 0);
	dsdt_reserved(a);
	aml_close(a, scope);
	table_close(a, at);
	return at;
}

/* Generic address structure (5.2.3.2) in system I/O space. */
static void gas_io(uint8_t *p, uint16_t port, uint8_t bytes)
{
	p[0] = 1;
	p[1] = (uint8_t)(bytes * 8);
	p[3] = bytes == 1 ? 1 : bytes == 2 ? 2 : 3;
	put_le64(p + 4, port);
}

static size_t build_fadt(struct aml *a, uint64_t dsdt)
{
	enum {
		WBINVD = 1u << 0, SLEEP_BUTTON_NONE = 1u << 5, RTC_NONE = 1u << 6, TMR_32BIT = 1u << 8, RESET_REG = 1u << 10,
		BOOT_NO_VGA = 1u << 2,
	};
	size_t at = table_open(a, "FACP", 6);
	uint8_t body[FADT_SIZE] = {0}, *p = body; /* offsets as in table 5.9, from the header's start */

	put_le32(p + 40, (uint32_t)dsdt);
	put_le16(p + 46, PC_GSI_SCI);
	put_le32(p + 56, PM1_EVT_PORT);
	put_le32(p + 64, PM1_CNT_PORT);
	put_le32(p + 76, PM_TMR_PORT);
	p[88] = 4; /* lengths of the three blocks */
	p[89] = 2;
	p[91] = 4;
	put_le16(p + 96, 0xffff); /* no C2, no C3 */
	put_le16(p + 98, 0xffff);
	p[108] = 0x32;            /* century */
	put_le16(p + 109, BOOT_NO_VGA);
	put_le32(p + 112, WBINVD | SLEEP_BUTTON_NONE | RTC_NONE | TMR_32BIT | RESET_REG);
	gas_io(p + 116, RESET_PORT, 1);
	p[128] = 6;
	put_le64(p + 140, dsdt);
	gas_io(p + 148, PM1_EVT_PORT, 4);
	gas_io(p + 172, PM1_CNT_PORT, 2);
	gas_io(p + 208, PM_TMR_PORT, 4);
	memcpy(p + 268, "CAISSON", 8);
	aml_bytes(a, body + HEADER, FADT_SIZE - HEADER);
	table_close(a, at);
	return at;
}

static size_t build_madt(struct aml *a, unsigned nvcpus)
{
	size_t at = table_open(a, "APIC", 5);

	aml_u32(a, LAPIC_DEFAULT_BASE);
	aml_u32(a, 0); /* no PCAT_COMPAT: there is no 8259 */
	for (unsigned i = 0; i < nvcpus; i++) {
		uint8_t lapic[8] = {0, 8, (uint8_t)i, (uint8_t)i, 1, 0, 0, 0};

		aml_bytes(a, lapic, sizeof(lapic));
	}
	uint8_t ioapic[12] = {1, 12, 0, 0};
	put_le32(ioapic + 4, IOAPIC_BASE);
	aml_bytes(a, ioapic, sizeof(ioapic));
	uint8_t sci[10] = {2, 10, 0, PC_GSI_SCI};
	put_le32(sci + 4, PC_GSI_SCI);
	put_le16(sci + 8, 0xd); /* level, active high */
	aml_bytes(a, sci, sizeof(sci));
	table_close(a, at);
	return at;
}

static size_t build_mcfg(struct aml *a)
{
	size_t at = table_open(a, "MCFG", 1);
	uint8_t body[24] = {0};

	put_le64(body + 8, PC_ECAM_BASE); /* segment 0, buses 0..0 */
	aml_bytes(a, body, sizeof(body));
	table_close(a, at);
	return at;
}

static void build_rsdp(struct aml *a, uint64_t xsdt)
{
	uint8_t *p = a->buf;

	memcpy(p, "RSD PTR ", 8);
	memcpy(p + 9, "CAISSN", 6);
	p[15] = 2;
	put_le32(p + 20, RSDP_SIZE);
	put_le64(p + 24, xsdt);
	p[8] = sum(p, 20);
	p[32] = sum(p, RSDP_SIZE);
}

static err_t build_all(struct aml *a, unsigned nvcpus)
{
	static const uint8_t room[RSDP_SIZE];
	uint64_t tables[NTABLES];
	size_t xsdt;

	aml_bytes(a, room, RSDP_SIZE); /* filled in last */
	tables[0] = PC_ACPI_BASE + build_fadt(a, PC_ACPI_BASE + build_dsdt(a));
	tables[1] = PC_ACPI_BASE + build_madt(a, nvcpus);
	tables[2] = PC_ACPI_BASE + build_mcfg(a);
	xsdt = table_open(a, "XSDT", 1);
	aml_bytes(a, tables, sizeof(tables));
	table_close(a, xsdt);
	if (a->overflow)
		return E_RANGE;
	build_rsdp(a, PC_ACPI_BASE + xsdt);
	return OK;
}

err_t boot_acpi(struct gmem *mem, struct pool *scratch, unsigned nvcpus, uint64_t *rsdp)
{
	struct aml a = {.buf = pool_alloc(scratch, BUILD_MAX), .cap = BUILD_MAX};
	err_t e;

	if (!a.buf)
		return E_NOMEM;
	e = build_all(&a, nvcpus);
	if (e == OK)
		e = gmem_write(mem, GPA(PC_ACPI_BASE), a.buf, a.len);
	pool_free(scratch, a.buf, BUILD_MAX);
	if (e == OK)
		*rsdp = PC_ACPI_BASE;
	return e;
}
