/* SPDX-License-Identifier: Apache-2.0 */
/* Static ACPI tables: RSDP, XSDT or RSDT, and look-up by signature (ACPI 6.5, 5.2). Boot CPU, before and after the
 * page allocator; allocates nothing. Every address and length is firmware's word: a table must lie whole in one
 * run of memory that the memory map names, have a sane length and sum to zero, or it is not handed out. Knows no AML. */
#include <core/acpi.h>
#include <core/arith.h>
#include <core/boot_info.h>
#include <core/hal.h>
#include <core/log.h>
#include <string.h>

#define ACPI_MAX_TABLES 128
#define ACPI_MAX_LENGTH (4 * MIB)
#define RSDP_V1_BYTES 20
#define RSDP_V2_BYTES 36
#define RSDP_MAX_BYTES 256
#define MADT_FIRST_ENTRY 44

_Static_assert(sizeof(struct acpi_header) == 36, "ACPI 6.5, table 5.4");

static struct {
	uint64_t table[ACPI_MAX_TABLES];
	unsigned ntables;
} acpi;

static bool acpi_is_ram(enum boot_region_kind k)
{
	return k == BOOT_RAM_ACPI || k == BOOT_RAM_IMAGE || k == BOOT_RAM_RUNTIME_CODE || k == BOOT_RAM_RUNTIME_DATA;
}

/* A readable view of [addr, addr+len), NULL unless the memory map has it. Adjacent regions count as one run; memory
 * that the page allocator owns does not count, for it would be overwritten later. */
static const uint8_t *acpi_view(uint64_t addr, uint64_t len)
{
	uint64_t end, covered = addr;
	bool reserved = false;
	volatile void *map;

	if (addr == 0 || len == 0 || !add_ok(addr, len, &end))
		return NULL;
	for (unsigned i = 0; i < boot_info->nregions && covered < end; i++) {
		const struct boot_region *r = &boot_info->regions[i];
		uint64_t r_end;

		if (!add_ok(r->base.v, r->size, &r_end) || covered < r->base.v || covered >= r_end)
			continue;
		if (!acpi_is_ram(r->kind) && r->kind != BOOT_RESERVED)
			return NULL;
		reserved |= r->kind == BOOT_RESERVED;
		covered = r_end;
	}
	if (covered < end)
		return NULL;
	if (!reserved)
		return hal_direct(HPA(addr));
	if (hal_map_device(HPA(addr), len, 0, &map) != OK)
		return NULL;
	return (const uint8_t *)map;
}

static bool acpi_sum_ok(const uint8_t *p, uint32_t len)
{
	uint8_t sum = 0;

	for (uint32_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + p[i]);
	return sum == 0;
}

static err_t acpi_table_at(uint64_t addr, const struct acpi_header **out)
{
	const uint8_t *p = acpi_view(addr, sizeof(struct acpi_header));
	uint32_t length;

	if (!p)
		return E_CORRUPT;
	length = get_le32(p + offsetof(struct acpi_header, length));
	if (length < sizeof(struct acpi_header) || length > ACPI_MAX_LENGTH)
		return E_CORRUPT;
	p = acpi_view(addr, length);
	if (!p || !acpi_sum_ok(p, length))
		return E_CORRUPT;
	*out = (const struct acpi_header *)p;
	return OK;
}

/* Reads the root pointer (ACPI 6.5, 5.2.5.3): the address of the (X)SDT and the width of its entries. */
static err_t acpi_read_rsdp(uint64_t rsdp, uint64_t *sdt, unsigned *width)
{
	const uint8_t *p = acpi_view(rsdp, RSDP_V1_BYTES);
	uint32_t length;

	if (!p || memcmp(p, "RSD PTR ", 8) != 0 || !acpi_sum_ok(p, RSDP_V1_BYTES))
		return E_CORRUPT;
	if (p[15] >= 2 && (p = acpi_view(rsdp, RSDP_V2_BYTES)) != NULL) {
		length = get_le32(p + 20);
		if (length < RSDP_V2_BYTES || length > RSDP_MAX_BYTES)
			return E_CORRUPT;
		p = acpi_view(rsdp, length);
		if (!p || !acpi_sum_ok(p, length))
			return E_CORRUPT;
		if (get_le64(p + 24) != 0) {
			*sdt = get_le64(p + 24);
			*width = 8;
			return OK;
		}
	}
	p = acpi_view(rsdp, RSDP_V1_BYTES);
	if (!p || get_le32(p + 16) == 0)
		return E_CORRUPT;
	*sdt = get_le32(p + 16);
	*width = 4;
	return OK;
}

static void acpi_add(uint64_t addr)
{
	if (addr == 0 || acpi.ntables == ACPI_MAX_TABLES)
		return;
	acpi.table[acpi.ntables++] = addr;
}

err_t acpi_init(void)
{
	const struct acpi_header *root;
	uint64_t sdt = 0;
	unsigned width = 0, n;
	err_t e;

	acpi.ntables = 0;
	if (boot_info->rsdp.v == 0)
		return E_NOENT;
	e = acpi_read_rsdp(boot_info->rsdp.v, &sdt, &width);
	if (e != OK) {
		log_error("acpi", "root pointer at 0x%llx is malformed", (unsigned long long)boot_info->rsdp.v);
		return e;
	}
	e = acpi_table_at(sdt, &root);
	if (e == OK && memcmp(root->sig, width == 8 ? "XSDT" : "RSDT", 4) != 0)
		e = E_CORRUPT;
	if (e != OK) {
		log_error("acpi", "root table at 0x%llx is malformed", (unsigned long long)sdt);
		return e;
	}
	n = (unsigned)((root->length - sizeof(*root)) / width);
	if (n > ACPI_MAX_TABLES)
		log_warn("acpi", "%u tables; only the first %u are used", n, ACPI_MAX_TABLES);
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *entry = (const uint8_t *)(root + 1) + (size_t)i * width;

		acpi_add(width == 8 ? get_le64(entry) : get_le32(entry));
	}
	return OK;
}

err_t acpi_find(const char sig[4], unsigned n, const struct acpi_header **out)
{
	for (unsigned i = 0; i < acpi.ntables; i++) {
		const uint8_t *p = acpi_view(acpi.table[i], sizeof(struct acpi_header));
		err_t e;

		if (!p || memcmp(p, sig, 4) != 0 || n-- != 0)
			continue;
		e = acpi_table_at(acpi.table[i], out);
		if (e != OK)
			log_warn("acpi", "table %.4s has a wrong length or checksum: ignored", sig);
		return e;
	}
	return E_NOENT;
}

void acpi_madt_foreach(const struct acpi_header *madt,
                       void (*fn)(void *ctx, uint8_t type, const uint8_t *e, uint8_t len), void *ctx)
{
	const uint8_t *base = (const uint8_t *)madt;
	uint32_t off = MADT_FIRST_ENTRY;

	while (madt->length >= 2 && off <= madt->length - 2) {
		uint8_t type = base[off], len = base[off + 1];

		if (len < 2 || len > madt->length - off)
			return;
		fn(ctx, type, base + off, len);
		off += len;
	}
}
