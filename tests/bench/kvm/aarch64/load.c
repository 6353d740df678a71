/* SPDX-License-Identifier: Apache-2.0 */
/* A guest program (ELF) with a device tree at the beginning of RAM, which tells of the memory and the command line; the guest knows the rest of
 * the machine. */
#include "monitor.h"
#include <errno.h>
#include "fdt.h"

#define TREE_MAX 4096

struct entry load(struct guest *g, const char *kernel, const char *initrd, const char *cmdline)
{
	struct entry e = { .pc = load_elf(g, kernel, NULL), .info = MONITOR_RAM };
	struct fdt f;

	errno = ENOTSUP;
	if (initrd)
		die("an initrd");
	fdt_begin(&f, ram_at(g, MONITOR_RAM, TREE_MAX));
	FDT_CELLS(&f, "#address-cells", 2);
	FDT_CELLS(&f, "#size-cells", 2);
	fdt_node(&f, "memory@40000000");
	fdt_string(&f, "device_type", "memory");
	FDT_CELLS(&f, "reg", 0, MONITOR_RAM, 0, (uint32_t)g->ram_len);
	fdt_node_end(&f);
	fdt_node(&f, "chosen");
	fdt_string(&f, "bootargs", cmdline ? cmdline : "");
	fdt_node_end(&f);
	fdt_end(&f);
	return e;
}
