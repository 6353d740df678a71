/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a flattened device tree (Devicetree Specification 0.4, 5) into memory that is large enough for what this monitor says. */
#ifndef BENCH_FDT_H
#define BENCH_FDT_H
#include <stddef.h>
#include <stdint.h>

struct fdt { uint8_t *p; size_t at, strings_len; char strings[512]; };

void fdt_begin(struct fdt *f, void *p);
void fdt_node(struct fdt *f, const char *name);
void fdt_node_end(struct fdt *f);
void fdt_prop(struct fdt *f, const char *name, const void *value, size_t len);
void fdt_string(struct fdt *f, const char *name, const char *value);
/* Numbers of 32 bits, by their values. */
void fdt_cells(struct fdt *f, const char *name, const uint32_t *cells, size_t n);
#define FDT_CELLS(f, name, ...) \
	fdt_cells(f, name, (const uint32_t[]){ __VA_ARGS__ }, sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))
void fdt_end(struct fdt *f);

#endif
