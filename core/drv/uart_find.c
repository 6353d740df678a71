/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the console's serial port in ACPI's Serial Port Console Redirection table (SPCR revision 4) and Debug Port Table 2
 * (DBG2 revision 0). Boot CPU. Pure decoding: every offset is checked against the table's length; touches no register. */
#include "uart_find.h"
#include <core/arith.h>

/* SPCR interface types and DBG2 subtypes are the same numbers. */
enum { PORT_16550 = 0, PORT_16550_SUBSET = 1, PORT_PL011 = 3, PORT_SBSA_32 = 0xd, PORT_SBSA = 0xe, PORT_16550_GAS = 0x12 };
#define DBG2_SERIAL 0x8000u

enum { INT_8259 = 1, INT_IOAPIC = 2, INT_GIC = 8 };

#define GAS_BYTES 12
#define GAS_MEMORY 0
#define GAS_IO 1

enum { SPCR_TYPE = 36, SPCR_GAS = 40, SPCR_INT_TYPE = 52, SPCR_IRQ = 53, SPCR_GSI = 54, SPCR_BAUD = 58, SPCR_BYTES = 80 };
enum { DBG2_OFFSET = 36, DBG2_COUNT = 40, DBG2_BYTES = 44 };
enum { DEV_LENGTH = 1, DEV_NGAS = 3, DEV_TYPE = 12, DEV_SUBTYPE = 14, DEV_GAS = 18, DEV_BYTES = 22 };

static bool uart_kind_of(unsigned type, enum uart_kind *kind)
{
	switch (type) {
	case PORT_16550: case PORT_16550_SUBSET: case PORT_16550_GAS: *kind = UART_KIND_16550; return true;
	case PORT_PL011: *kind = UART_KIND_PL011; return true;
	case PORT_SBSA_32: case PORT_SBSA: *kind = UART_KIND_SBSA; return true;
	default: return false;
	}
}

/* ACPI 6.5, 5.2.3.2 generic address: space, bit width, bit offset, access size (3: dword, 2: word), address. */
static err_t uart_decode_gas(const uint8_t *g, struct uart_place *out)
{
	uint64_t addr = get_le64(g + 4);

	if (g[0] == GAS_IO && addr != 0 && addr <= 0xfff8)
		out->mmio = false;
	else if (g[0] == GAS_MEMORY && addr != 0)
		out->mmio = true;
	else
		return E_UNSUPPORTED;
	if (out->kind != UART_KIND_16550 && !out->mmio)
		return E_UNSUPPORTED;
	out->addr = addr;
	/* Lines of devices in memory are level-triggered; a PC's COM ports are on edge-triggered ISA lines. */
	out->level = out->mmio;
	out->stride = out->mmio && g[3] == 3 ? 4 : out->mmio && g[3] == 2 ? 2 : 1;
	return OK;
}

err_t uart_find_spcr(const struct acpi_header *t, struct uart_place *out)
{
	const uint8_t *p = (const uint8_t *)t;
	struct uart_place u = {.gsi = -1};
	err_t e;

	if (t->length < SPCR_BYTES)
		return E_CORRUPT;
	if (!uart_kind_of(p[SPCR_TYPE], &u.kind))
		return E_UNSUPPORTED;
	e = uart_decode_gas(p + SPCR_GAS, &u);
	if (e != OK)
		return e;
	if (p[SPCR_INT_TYPE] & INT_8259)
		u.gsi = p[SPCR_IRQ];
	else if ((p[SPCR_INT_TYPE] & (INT_IOAPIC | INT_GIC)) && get_le32(p + SPCR_GSI) < 1024)
		u.gsi = (int)get_le32(p + SPCR_GSI);
	u.keep_baud = true; /* redirection is running at the rate that the table gives */
	*out = u;
	return OK;
}

err_t uart_find_dbg2(const struct acpi_header *t, struct uart_place *out)
{
	const uint8_t *p = (const uint8_t *)t;
	uint32_t off, count;

	if (t->length < DBG2_BYTES)
		return E_CORRUPT;
	off = get_le32(p + DBG2_OFFSET);
	count = get_le32(p + DBG2_COUNT);
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *d = p + off;
		struct uart_place u = {.gsi = -1};
		uint16_t len, gas;

		if (!range_within(off, DEV_BYTES, t->length))
			return E_CORRUPT;
		len = get_le16(d + DEV_LENGTH);
		gas = get_le16(d + DEV_GAS);
		if (len < DEV_BYTES || !range_within(off, len, t->length))
			return E_CORRUPT;
		if (get_le16(d + DEV_TYPE) == DBG2_SERIAL && uart_kind_of(get_le16(d + DEV_SUBTYPE), &u.kind) && d[DEV_NGAS] > 0 &&
		    range_within(gas, GAS_BYTES, len) && uart_decode_gas(d + gas, &u) == OK) {
			*out = u;
			return OK;
		}
		off += len;
	}
	return E_UNSUPPORTED;
}

err_t uart_find(struct uart_place *out)
{
	const struct acpi_header *t;

	if (acpi_find("SPCR", 0, &t) == OK && uart_find_spcr(t, out) == OK)
		return OK;
	if (acpi_find("DBG2", 0, &t) == OK && uart_find_dbg2(t, out) == OK)
		return OK;
	return uart_find_fdt(out) == OK ? OK : E_NOENT;
}
