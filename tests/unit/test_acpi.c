/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI table look-up from root pointers and tables that are right, cut short, wrongly summed or point anywhere; and the
 * places of the serial port that SPCR and DBG2 give. */
#include "../../core/drv/uart_find.h"
#include "../fake/fake.h"
#include "tap.h"
#include <core/acpi.h>
#include <core/arith.h>
#include <core/boot_info.h>
#include <core/hal.h>
#include <string.h>

#define AREA 16384

/* ACPI memory has exactly AREA bytes; what lies behind faults. */
#define BASE 0x3000000ull
static const struct boot_region regions[] = {
	{.base = HPA(0x1000000), .size = 16 * MIB, .kind = BOOT_RAM_FREE},
	{.base = HPA(BASE), .size = AREA, .kind = BOOT_RAM_ACPI},
};
static uint8_t *area;
static unsigned used;

static void fix_sum(uint8_t *p, uint32_t len, unsigned at)
{
	uint8_t s = 0;

	p[at] = 0;
	for (uint32_t i = 0; i < len; i++)
		s = (uint8_t)(s + p[i]);
	p[at] = (uint8_t)-s;
}

static void clear(void)
{
	memset(area, 0, AREA);
	used = 64; /* the root pointer is at 0 */
	fake_boot.regions[1].kind = BOOT_RAM_ACPI;
	fake_boot.rsdp = HPA(BASE);
}

static uint64_t put_table(const char *sig, const void *body, uint32_t len)
{
	uint8_t *p = area + used;

	memcpy(p, sig, 4);
	put_le32(p + 4, 36 + len);
	if (len)
		memcpy(p + 36, body, len);
	fix_sum(p, 36 + len, 9);
	used = (unsigned)align_up(used + 36 + len, 16);
	return BASE + (uint64_t)(p - area);
}

static void put_rsdp(unsigned rev, uint64_t rsdt, uint64_t xsdt)
{
	memcpy(area, "RSD PTR ", 8);
	area[15] = (uint8_t)rev;
	put_le32(area + 16, (uint32_t)rsdt);
	put_le32(area + 20, 36);
	put_le64(area + 24, xsdt);
	fix_sum(area, 20, 8);
	fix_sum(area, 36, 32);
}

/* A machine with an XSDT that names two tables ABCD and one EFGH. */
static void put_machine(void)
{
	uint8_t list[24];

	clear();
	put_le64(list, put_table("ABCD", "one", 3));
	put_le64(list + 8, put_table("EFGH", NULL, 0));
	put_le64(list + 16, put_table("ABCD", "two", 3));
	put_rsdp(2, 0, put_table("XSDT", list, sizeof(list)));
}

static void test_xsdt(void)
{
	const struct acpi_header *t;

	put_machine();
	ok(acpi_init() == OK, "XSDT");
	ok(acpi_find("ABCD", 0, &t) == OK && !memcmp(t + 1, "one", 3), "first of its name");
	ok(acpi_find("ABCD", 1, &t) == OK && !memcmp(t + 1, "two", 3), "second of its name");
	ok(acpi_find("ABCD", 2, &t) == E_NOENT && acpi_find("ZZZZ", 0, &t) == E_NOENT, "no such table");
}

static void test_rsdt(void)
{
	const struct acpi_header *t;
	uint8_t list[4];

	clear();
	put_le32(list, (uint32_t)put_table("ABCD", NULL, 0));
	put_rsdp(0, put_table("RSDT", list, sizeof(list)), 0);
	ok(acpi_init() == OK && acpi_find("ABCD", 0, &t) == OK, "RSDT by a version 0 root pointer");
}

static void test_bad_root(void)
{
	clear();
	fake_boot.rsdp = HPA(0);
	ok(acpi_init() == E_NOENT, "no root pointer");
	put_machine();
	area[0] = 'X';
	ok(acpi_init() == E_CORRUPT, "wrong signature");
	put_machine();
	area[8]++;
	ok(acpi_init() == E_CORRUPT, "wrong first checksum");
	put_machine();
	area[33]++;
	ok(acpi_init() == E_CORRUPT, "wrong extended checksum");
	put_machine();
	put_le32(area + 20, 0xffffffff);
	ok(acpi_init() == E_CORRUPT, "a root pointer of 4 GiB");
	put_machine();
	put_rsdp(2, 0, 0);
	ok(acpi_init() == E_CORRUPT, "no table at all");
	put_machine();
	put_rsdp(2, 0, BASE + AREA - 8);
	ok(acpi_init() == E_CORRUPT, "the root table's header crosses the end");
	put_machine();
	put_rsdp(2, 0, UINT64_MAX - 7);
	ok(acpi_init() == E_CORRUPT, "an address that wraps");
	put_machine();
	fake_boot.rsdp = HPA(BASE + AREA - 10);
	ok(acpi_init() == E_CORRUPT, "the root pointer crosses the end");
	put_machine();
	fake_boot.regions[1].kind = BOOT_RAM_FREE;
	ok(acpi_init() == E_CORRUPT, "tables in memory that will be handed out");
	put_machine();
	fake_boot.regions[1].kind = BOOT_MMIO;
	ok(acpi_init() == E_CORRUPT, "tables in device memory");
}

static void test_bad_tables(void)
{
	static const uint32_t lengths[] = {0, 35, AREA, 0x7fffffff, 0xffffffff};
	const struct acpi_header *t = NULL;
	uint8_t list[16];
	uint8_t *x;

	for (unsigned i = 0; i < ARRAY_LEN(lengths); i++) {
		put_machine();
		put_le32(area + 64 + 4, lengths[i]);
		ok(acpi_init() == OK && acpi_find("ABCD", 0, &t) == E_CORRUPT && !t, "a table of length %u is not handed out", lengths[i]);
		ok(acpi_find("ABCD", 1, &t) == OK, "its namesake is");
		t = NULL;
	}
	put_machine();
	area[64 + 36] ^= 1;
	ok(acpi_init() == OK && acpi_find("ABCD", 0, &t) == E_CORRUPT, "a wrong checksum");
	clear();
	put_le64(list, 0);
	put_le64(list + 8, 0x123456789abcdef0);
	put_rsdp(2, 0, put_table("XSDT", list, sizeof(list)));
	ok(acpi_init() == OK && acpi_find("ABCD", 0, &t) == E_NOENT, "entries that point nowhere");
	clear();
	x = area + used;
	put_rsdp(2, 0, put_table("XSDT", "\x10\x20\x30", 3));
	ok(acpi_init() == OK && x[36] == 0x10, "a torn last entry is left alone");
}

/* The last byte of the last table is the last byte there is. */
static void test_edge(void)
{
	const struct acpi_header *t;
	uint8_t list[8];

	clear();
	used = AREA - 36 - 4;
	put_le64(list, put_table("ABCD", "last", 4));
	used = 64;
	put_rsdp(2, 0, put_table("XSDT", list, sizeof(list)));
	ok(acpi_init() == OK && acpi_find("ABCD", 0, &t) == OK, "a table up to the very end");
	put_le32(area + AREA - 36, 41);
	ok(acpi_find("ABCD", 0, &t) == E_CORRUPT, "one byte more is too much");
}

struct seen { unsigned n; uint8_t type[8], len[8]; };

static void see(void *ctx, uint8_t type, const uint8_t *e, uint8_t len)
{
	struct seen *s = ctx;

	(void)e;
	if (s->n < 8) {
		s->type[s->n] = type;
		s->len[s->n] = len;
	}
	s->n++;
}

static void test_madt(void)
{
	static const uint8_t good[] = {1, 2, 3, 4, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 1, 2};
	static const uint8_t zero[] = {1, 2, 3, 4, 0, 0, 0, 0, 0, 0};
	static const uint8_t longer[] = {1, 2, 3, 4, 0, 0, 0, 0, 9, 2, 0, 200};
	static const struct { const char *what; const uint8_t *body; unsigned len, n; } cases[] = {
		{"two entries", good, sizeof(good), 2}, {"a torn entry", good, sizeof(good) - 1, 1}, {"a length of 0", zero, sizeof(zero), 0},
		{"an entry beyond the end", longer, sizeof(longer), 1}, {"no entry", good, 8, 0}, {"no room for one", good, 3, 0},
	};
	const struct acpi_header *t;

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct seen s = {0};
		uint8_t list[8];

		clear();
		put_le64(list, put_table("APIC", cases[i].body, cases[i].len));
		put_rsdp(2, 0, put_table("XSDT", list, sizeof(list)));
		CHECK(acpi_init() == OK && acpi_find("APIC", 0, &t) == OK);
		acpi_madt_foreach(t, see, &s);
		ok_eq(s.n, cases[i].n, cases[i].what);
	}
}

static const struct acpi_header *one_table(const char *sig, const uint8_t *body, unsigned len)
{
	clear();
	return hal_direct(HPA(put_table(sig, body, len)));
}

static void test_spcr(void)
{
	uint8_t b[44] = {0, 0, 0, 0, 1, 8, 0, 1}; /* body starts at table offset 36 */
	struct uart_place u;

	put_le64(b + 8, 0x2f8);
	b[16] = 1;
	b[17] = 3;
	ok(uart_find_spcr(one_table("SPCR", b, sizeof(b)), &u) == OK && !u.mmio && u.addr == 0x2f8 && u.gsi == 3 && u.stride == 1,
	   "SPCR: a port");
	b[4] = 0;
	b[7] = 3;
	b[16] = 2;
	put_le64(b + 8, 0xfe034000);
	put_le32(b + 18, 34);
	ok(uart_find_spcr(one_table("SPCR", b, sizeof(b)), &u) == OK && u.mmio && u.addr == 0xfe034000 && u.gsi == 34 && u.stride == 4,
	   "SPCR: registers in memory, four bytes apart");
	put_le32(b + 18, 0xffffffff);
	ok(uart_find_spcr(one_table("SPCR", b, sizeof(b)), &u) == OK && u.gsi == -1, "SPCR: an impossible interrupt is none");
	b[0] = 3;
	ok(uart_find_spcr(one_table("SPCR", b, sizeof(b)), &u) == OK && u.kind == UART_KIND_PL011 && u.level, "SPCR: a PL011");
	b[0] = 2;
	ok(uart_find_spcr(one_table("SPCR", b, sizeof(b)), &u) == E_UNSUPPORTED, "SPCR: a port of another kind");
	ok(uart_find_spcr(one_table("SPCR", b, 20), &u) == E_CORRUPT, "SPCR: too short");
}

static void test_dbg2(void)
{
	uint8_t b[8 + 22 + 12] = {44, 0, 0, 0, 1}, *d = b + 8;
	struct uart_place u;

	put_le16(d + 1, 34);
	d[3] = 1;
	put_le16(d + 12, 0x8000);
	put_le16(d + 18, 22);
	d[22] = 1;
	put_le64(d + 26, 0x3e8);
	ok(uart_find_dbg2(one_table("DBG2", b, sizeof(b)), &u) == OK && u.addr == 0x3e8, "DBG2: a port");
	put_le16(d + 18, 30);
	ok(uart_find_dbg2(one_table("DBG2", b, sizeof(b)), &u) == E_UNSUPPORTED, "DBG2: its address outside of the entry");
	put_le16(d + 1, 35);
	ok(uart_find_dbg2(one_table("DBG2", b, sizeof(b)), &u) == E_CORRUPT, "DBG2: an entry beyond the table");
	put_le16(d + 1, 0);
	ok(uart_find_dbg2(one_table("DBG2", b, sizeof(b)), &u) == E_CORRUPT, "DBG2: an entry of no length");
	put_le32(b, 0xfffffff0);
	ok(uart_find_dbg2(one_table("DBG2", b, sizeof(b)), &u) == E_CORRUPT, "DBG2: entries that start outside");
	put_le32(b + 4, 0);
	ok(uart_find_dbg2(one_table("DBG2", b, sizeof(b)), &u) == E_UNSUPPORTED, "DBG2: no entries");
}

int main(void)
{
	fake_init_map(regions, ARRAY_LEN(regions), 1);
	area = hal_direct(HPA(BASE));
	test_xsdt();
	test_rsdt();
	test_bad_root();
	test_bad_tables();
	test_edge();
	test_madt();
	test_spcr();
	test_dbg2();
	return tap_done();
}
