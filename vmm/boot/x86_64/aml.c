/* SPDX-License-Identifier: Apache-2.0 */
/* AML writer (ACPI 6.5 20.2) and resource descriptors (6.4). See aml.h. */
#include <core/arith.h>
#include <string.h>
#include "aml.h"

enum {
	OP_ZERO = 0x00, OP_NAME = 0x08, OP_BYTE = 0x0a, OP_DWORD = 0x0c, OP_SCOPE = 0x10, OP_BUFFER = 0x11, OP_PACKAGE = 0x12, OP_EXT = 0x5b,
	OP_EXT_DEVICE = 0x82, OP_WORD = 0x0b,
	PKG_LENGTH_BYTES = 3, /* we always write the three-byte form: up to 1 MiB */
};

void aml_bytes(struct aml *a, const void *p, size_t n)
{
	if (!range_within(a->len, n, a->cap)) {
		a->overflow = true;
		return;
	}
	memcpy(a->buf + a->len, p, n);
	a->len += n;
}

void aml_u8(struct aml *a, uint8_t v) { aml_bytes(a, &v, 1); }
void aml_u16(struct aml *a, uint16_t v) { aml_bytes(a, &v, 2); }
void aml_u32(struct aml *a, uint32_t v) { aml_bytes(a, &v, 4); }

/* PkgLength counts itself. Three bytes: low nibble with the byte count on top, then two bytes (20.2.4). */
static size_t aml_open_length(struct aml *a)
{
	size_t mark = a->len;

	aml_bytes(a, "\0\0\0", PKG_LENGTH_BYTES);
	return mark;
}

void aml_close(struct aml *a, size_t mark)
{
	size_t n = a->len - mark;

	if (a->overflow)
		return;
	a->buf[mark] = (uint8_t)((PKG_LENGTH_BYTES - 1) << 6 | (n & 0xf));
	a->buf[mark + 1] = (uint8_t)(n >> 4);
	a->buf[mark + 2] = (uint8_t)(n >> 12);
}

size_t aml_scope_open(struct aml *a, const char *path, size_t path_len)
{
	size_t mark;

	aml_u8(a, OP_SCOPE);
	mark = aml_open_length(a);
	aml_bytes(a, path, path_len);
	return mark;
}

size_t aml_device_open(struct aml *a, const char seg[4])
{
	size_t mark;

	aml_u8(a, OP_EXT);
	aml_u8(a, OP_EXT_DEVICE);
	mark = aml_open_length(a);
	aml_bytes(a, seg, 4);
	return mark;
}

static void aml_name(struct aml *a, const char seg[4])
{
	aml_u8(a, OP_NAME);
	aml_bytes(a, seg, 4);
}

void aml_name_int(struct aml *a, const char seg[4], uint32_t v)
{
	aml_name(a, seg);
	aml_u8(a, OP_DWORD);
	aml_u32(a, v);
}

/* Compressed EISA id: three letters of five bits, four hex digits, big-endian (6.1.5). */
void aml_name_eisaid(struct aml *a, const char seg[4], const char id[7])
{
	uint32_t v = (uint32_t)((id[0] - '@') << 26 | (id[1] - '@') << 21 | (id[2] - '@') << 16);

	for (unsigned i = 0; i < 4; i++) {
		char d = id[3 + i];

		v |= (uint32_t)(d <= '9' ? d - '0' : d - 'A' + 10) << (12 - 4 * i);
	}
	aml_name_int(a, seg, __builtin_bswap32(v));
}

void aml_name_package(struct aml *a, const char seg[4], const uint8_t *v, unsigned n)
{
	size_t mark;

	aml_name(a, seg);
	aml_u8(a, OP_PACKAGE);
	mark = aml_open_length(a);
	aml_u8(a, (uint8_t)n);
	for (unsigned i = 0; i < n; i++) {
		aml_u8(a, OP_BYTE);
		aml_u8(a, v[i]);
	}
	aml_close(a, mark);
}

/* Buffer (size) { descriptors, end tag }: the size word follows the length. */
size_t aml_crs_open(struct aml *a)
{
	size_t mark;

	aml_name(a, "_CRS");
	aml_u8(a, OP_BUFFER);
	mark = aml_open_length(a);
	aml_u8(a, OP_WORD);
	aml_u16(a, 0);
	return mark;
}

void aml_crs_close(struct aml *a, size_t mark)
{
	static const uint8_t end_tag[2] = {0x79, 0};
	size_t first = mark + PKG_LENGTH_BYTES + 3;

	aml_bytes(a, end_tag, sizeof(end_tag));
	if (!a->overflow)
		put_le16(a->buf + first - 2, (uint16_t)(a->len - first));
	aml_close(a, mark);
}

void aml_crs_io(struct aml *a, uint16_t base, uint8_t len)
{
	aml_u8(a, 0x47); /* 6.4.2.5 */
	aml_u8(a, 1);    /* decodes 16 bits */
	aml_u16(a, base);
	aml_u16(a, base);
	aml_u8(a, 1);
	aml_u8(a, len);
}

void aml_crs_irq(struct aml *a, unsigned irq)
{
	aml_u8(a, 0x22); /* 6.4.2.1: edge, active high */
	aml_u16(a, (uint16_t)(1u << irq));
}

void aml_crs_memory32(struct aml *a, uint32_t base, uint32_t len)
{
	aml_u8(a, 0x86); /* 6.4.3.4 */
	aml_u16(a, 9);
	aml_u8(a, 1); /* read-write */
	aml_u32(a, base);
	aml_u32(a, len);
}

enum { PRODUCER_FIXED = 0x0c, RESOURCE_IO = 1, RESOURCE_BUS_NUMBERS = 2, IO_ENTIRE_RANGE = 3 }; /* minimum and maximum are fixed (6.4.3.5.1) */

void aml_crs_window32(struct aml *a, uint32_t base, uint32_t len)
{
	aml_u8(a, 0x87); /* 6.4.3.5.2 */
	aml_u16(a, 23);
	aml_u8(a, 0); /* memory */
	aml_u8(a, PRODUCER_FIXED);
	aml_u8(a, 1); /* read-write, not cacheable */
	aml_u32(a, 0);
	aml_u32(a, base);
	aml_u32(a, base + (len - 1));
	aml_u32(a, 0);
	aml_u32(a, len);
}

static void crs_window16(struct aml *a, uint8_t type, uint8_t type_flags, uint16_t first, uint16_t len)
{
	aml_u8(a, 0x88); /* 6.4.3.5.3 */
	aml_u16(a, 13);
	aml_u8(a, type);
	aml_u8(a, PRODUCER_FIXED);
	aml_u8(a, type_flags);
	aml_u16(a, 0);
	aml_u16(a, first);
	aml_u16(a, (uint16_t)(first + (len - 1)));
	aml_u16(a, 0);
	aml_u16(a, len);
}

void aml_crs_window_io(struct aml *a, uint16_t base, uint16_t len)
{
	crs_window16(a, RESOURCE_IO, IO_ENTIRE_RANGE, base, len);
}

void aml_crs_bus_numbers(struct aml *a, uint16_t first, uint16_t last)
{
	crs_window16(a, RESOURCE_BUS_NUMBERS, 0, first, (uint16_t)(last - first + 1));
}
