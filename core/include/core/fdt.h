/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware's flattened device tree (Devicetree Specification 0.4), checked as a whole before anything reads it. Boot CPU. Nodes are
 * libfdt's offsets. Every value is the firmware's word. */
#ifndef CORE_FDT_H
#define CORE_FDT_H
#include <stdbool.h>
#include <stdint.h>

#define FDT_MAX_BYTES (2u << 20) /* the same limit that Linux has */

/* The tree, NULL when the firmware gave none or one that is malformed. */
const void *fdt_tree(void);
/* The next node after start (-1: the first) with one of the compatible strings; negative when there is none. */
int fdt_next_compatible(int start, const char *const *compatible, unsigned n);
/* status is absent or "okay". */
bool fdt_is_enabled(int node);
/* Entry index of reg as CPU addresses, through the ranges of the buses above. */
bool fdt_reg(int node, unsigned index, uint64_t *base, uint64_t *size);
/* Cell i of a property of cells. */
bool fdt_cell(int node, const char *property, unsigned i, uint32_t *out);
/* Interrupt index of a node below an Arm GIC (three cells): its INTID, and whether it is edge-triggered. */
bool fdt_gic_interrupt(int node, unsigned index, uint32_t *intid, bool *edge);

#endif
