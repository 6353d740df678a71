/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the console's serial port by a device tree: /chosen's stdout-path (Devicetree Specification 0.4, 3.6). Boot CPU; touches no register. */
#include "uart_find.h"
#include <core/fdt.h>
#include <libfdt.h>
#include <string.h>

#define PATH_MAX_BYTES 128

/* The node that stdout-path names: a path or an alias, options after a colon. */
static int stdout_node(const void *t)
{
	int len, chosen = fdt_path_offset(t, "/chosen");
	const char *path = chosen >= 0 ? fdt_getprop(t, chosen, "stdout-path", &len) : NULL;
	size_t n;

	if (!path || len <= 0 || len > PATH_MAX_BYTES || path[len - 1] != '\0')
		return -1;
	n = strcspn(path, ":");
	return fdt_path_offset_namelen(t, path, (int)n);
}

static bool kind_of(const void *t, int node, enum uart_kind *kind)
{
	static const struct { const char *compatible; enum uart_kind kind; } known[] = {
		{"arm,sbsa-uart", UART_KIND_SBSA}, {"arm,pl011", UART_KIND_PL011}, {"ns16550a", UART_KIND_16550}, {"ns16550", UART_KIND_16550},
		{"snps,dw-apb-uart", UART_KIND_16550},
	};

	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (fdt_node_check_compatible(t, node, known[i].compatible) == 0) {
			*kind = known[i].kind;
			return true;
		}
	return false;
}

err_t uart_find_fdt(struct uart_place *out)
{
	const void *t = fdt_tree();
	struct uart_place u = {.mmio = true, .stride = 1, .gsi = -1, .level = true, .keep_baud = true};
	uint32_t shift, intid;
	uint64_t size;
	bool edge;
	int node;

	if (!t)
		return E_NOENT;
	node = stdout_node(t);
	if (node < 0 || !kind_of(t, node, &u.kind) || !fdt_reg(node, 0, &u.addr, &size) || u.addr == 0)
		return E_UNSUPPORTED;
	if (fdt_cell(node, "reg-shift", 0, &shift)) {
		if (shift > 2)
			return E_UNSUPPORTED;
		u.stride = 1u << shift;
	}
	if (fdt_gic_interrupt(node, 0, &intid, &edge)) {
		u.gsi = (int)intid;
		u.level = !edge;
	}
	*out = u;
	return OK;
}
