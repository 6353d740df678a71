/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the firmware's device tree by libfdt (Devicetree Specification 0.4, 2.3). Boot CPU. The blob was copied by the way in, into pages that
 * stay; fdt_check_full walks all of it once, so that later walks end. Walks up a tree of bounded depth. */
#include <core/fdt.h>
#include <core/arith.h>
#include <core/boot_info.h>
#include <core/hal.h>
#include <core/log.h>
#include <libfdt.h>
#include <string.h>

#define MAX_DEPTH 16
#define MAX_CELLS 2 /* 64 bits */
enum { GIC_SPI = 0, GIC_PPI = 1, GIC_CELLS = 3, GIC_EDGE = 3 };

const void *fdt_tree(void)
{
	static const struct boot_info *seen;
	static const void *tree;
	const void *blob;

	if (seen == boot_info)
		return tree;
	seen = boot_info;
	tree = NULL;
	if (!boot_info->fdt.v)
		return NULL;
	blob = hal_direct(boot_info->fdt);
	if (boot_info->fdt_size <= FDT_MAX_BYTES && fdt_check_full(blob, boot_info->fdt_size) == 0)
		tree = blob;
	else
		log_error("fdt", "the device tree at 0x%llx is malformed", (unsigned long long)boot_info->fdt.v);
	return tree;
}

int fdt_next_compatible(int start, const char *const *compatible, unsigned n)
{
	const void *t = fdt_tree();

	for (int node = t ? fdt_next_node(t, start, NULL) : -1; node >= 0; node = fdt_next_node(t, node, NULL))
		for (unsigned i = 0; i < n; i++)
			if (fdt_node_check_compatible(t, node, compatible[i]) == 0)
				return node;
	return -1;
}

bool fdt_is_enabled(int node)
{
	int len;
	const char *status = fdt_getprop(fdt_tree(), node, "status", &len);

	return !status || (len > 0 && (strncmp(status, "okay", (size_t)len) == 0 || strncmp(status, "ok", (size_t)len) == 0));
}

bool fdt_cell(int node, const char *property, unsigned i, uint32_t *out)
{
	int len;
	const fdt32_t *p = fdt_getprop(fdt_tree(), node, property, &len);

	if (!p || len < 0 || !range_within((uint64_t)i * 4, 4, (uint64_t)len))
		return false;
	*out = fdt32_ld(p + i);
	return true;
}

/* n cells at p as one number. */
static uint64_t cells(const fdt32_t *p, int n)
{
	return n == 2 ? (uint64_t)fdt32_ld(p) << 32 | fdt32_ld(p + 1) : n == 1 ? fdt32_ld(p) : 0;
}

struct widths { int address, size; };

static bool widths_of(int bus, struct widths *w)
{
	w->address = fdt_address_cells(fdt_tree(), bus);
	w->size = fdt_size_cells(fdt_tree(), bus);
	return w->address >= 1 && w->address <= MAX_CELLS && w->size >= 0 && w->size <= MAX_CELLS;
}

/* One step up: an address of bus in terms of its parent, by bus's ranges (2.3.8); an empty one changes nothing. */
static bool translate(int bus, int parent, uint64_t *base, uint64_t size)
{
	struct widths in, out;
	int len, entry;
	const fdt32_t *p = fdt_getprop(fdt_tree(), bus, "ranges", &len);

	if (!p || !widths_of(bus, &in) || !widths_of(parent, &out))
		return false;
	if (len == 0)
		return true;
	entry = in.address + out.address + in.size;
	for (int i = 0; i + entry <= len / 4; i += entry) {
		uint64_t child = cells(p + i, in.address), to = cells(p + i + in.address, out.address);
		uint64_t span = cells(p + i + in.address + out.address, in.size);

		if (*base >= child && range_within(*base - child, size, span))
			return add_ok(to, *base - child, base);
	}
	return false;
}

bool fdt_reg(int node, unsigned index, uint64_t *base, uint64_t *size)
{
	const void *t = fdt_tree();
	int len, bus = fdt_parent_offset(t, node);
	const fdt32_t *p = fdt_getprop(t, node, "reg", &len);
	uint64_t entry, end;
	struct widths w;

	if (!p || len < 0 || bus < 0 || !widths_of(bus, &w))
		return false;
	entry = (uint64_t)(w.address + w.size) * 4;
	if (!range_within(index * entry, entry, (uint64_t)len))
		return false;
	p += index * (entry / 4);
	*base = cells(p, w.address);
	*size = cells(p + w.address, w.size);
	for (unsigned depth = 0; bus > 0; depth++) {
		int parent = fdt_parent_offset(t, bus);

		if (parent < 0 || depth == MAX_DEPTH || !translate(bus, parent, base, *size))
			return false;
		bus = parent;
	}
	return add_ok(*base, *size, &end);
}

bool fdt_gic_interrupt(int node, unsigned index, uint32_t *intid, bool *edge)
{
	uint32_t type, number, flags;

	if (!fdt_cell(node, "interrupts", index * GIC_CELLS, &type) || !fdt_cell(node, "interrupts", index * GIC_CELLS + 1, &number) ||
	    !fdt_cell(node, "interrupts", index * GIC_CELLS + 2, &flags))
		return false;
	if (type == GIC_SPI && number < 988)
		*intid = 32 + number;
	else if (type == GIC_PPI && number < 16)
		*intid = 16 + number;
	else
		return false;
	*edge = (flags & GIC_EDGE) != 0;
	return true;
}
