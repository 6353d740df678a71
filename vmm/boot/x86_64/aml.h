/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the few AML constructs that the guest's DSDT needs (ACPI 6.5 20.2) into a bounded buffer. Pure. A buffer that is too small sets
 * overflow and loses the rest: the caller checks once at the end. */
#ifndef VMM_BOOT_AML_H
#define VMM_BOOT_AML_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aml { uint8_t *buf; size_t cap, len; bool overflow; };

void aml_bytes(struct aml *a, const void *p, size_t n);
void aml_u8(struct aml *a, uint8_t v);
void aml_u16(struct aml *a, uint16_t v);
void aml_u32(struct aml *a, uint32_t v);
/* Objects with a length: open returns a mark, close fills in the length. seg: exactly four characters. */
size_t aml_scope_open(struct aml *a, const char *path, size_t path_len);
size_t aml_device_open(struct aml *a, const char seg[4]);
void aml_close(struct aml *a, size_t mark);
/* Name (seg, value) */
void aml_name_int(struct aml *a, const char seg[4], uint32_t v);
void aml_name_eisaid(struct aml *a, const char seg[4], const char id[7]); /* "PNP0A08" */
void aml_name_package(struct aml *a, const char seg[4], const uint8_t *v, unsigned n);
/* Name (_CRS, ResourceTemplate) */
size_t aml_crs_open(struct aml *a);
void aml_crs_io(struct aml *a, uint16_t base, uint8_t len);
void aml_crs_irq(struct aml *a, unsigned irq);
void aml_crs_memory32(struct aml *a, uint32_t base, uint32_t len);         /* used by the device itself */
void aml_crs_window32(struct aml *a, uint32_t base, uint32_t len);         /* passed on to the bus below */
void aml_crs_window_io(struct aml *a, uint16_t base, uint16_t len);         /* the same, of ports */
void aml_crs_bus_numbers(struct aml *a, uint16_t first, uint16_t last);
void aml_crs_close(struct aml *a, size_t mark);

#endif
