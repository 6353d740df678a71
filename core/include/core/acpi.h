/* SPDX-License-Identifier: Apache-2.0 */
/* Static ACPI tables (no AML): found from the RSDP, length- and checksum-checked, copied views. Boot CPU. */
#ifndef CORE_ACPI_H
#define CORE_ACPI_H
#include <core/err.h>
#include <stddef.h>
#include <stdint.h>

struct acpi_header { char sig[4]; uint32_t length; uint8_t rev, sum; char oem[6], oem_table[8]; uint32_t oem_rev, creator, creator_rev; } __attribute__((packed));

/* Validates RSDP and (X)SDT. E_NOENT: no ACPI, E_CORRUPT. */
err_t acpi_init(void) MUST_CHECK;
/* The n-th table with this signature, whole and with a right checksum; stays valid. E_NOENT, E_CORRUPT. */
err_t acpi_find(const char sig[4], unsigned n, const struct acpi_header **out) MUST_CHECK;

/* Calls fn for each subtable of a MADT-like table (type, length bytes); stops on a malformed one. */
void acpi_madt_foreach(const struct acpi_header *madt, void (*fn)(void *ctx, uint8_t type, const uint8_t *e, uint8_t len), void *ctx);

#endif
