/* SPDX-License-Identifier: Apache-2.0 */
/* What both kernel formats of a PC share: recognition, command line, memory map. See boot_pc.h. */
#include <core/arith.h>
#include <string.h>
#include <vmm/x86_64/pc_layout.h>
#include <vmm/pci_bus.h>
#include "boot_pc.h"

err_t boot_cmdline(struct boot_ctx *c, uint64_t max_len)
{
	uint64_t len = strlen(c->cmdline);

	if (len > max_len)
		return boot_fail(c, E_RANGE, "command line has %llu bytes, the kernel takes at most %llu", (unsigned long long)len,
				 (unsigned long long)max_len);
	return gmem_write(c->mem, GPA(PC_CMDLINE), c->cmdline, len + 1);
}

unsigned boot_memory_map(const struct pc_boot *b, struct boot_range map[BOOT_MAP_MAX])
{
	unsigned n = 0;

	map[n++] = (struct boot_range){0, PC_LOW_RAM_END, E820_RAM};
	map[n++] = (struct boot_range){PC_ACPI_BASE, PC_ACPI_SIZE, E820_RESERVED};
	map[n++] = (struct boot_range){PC_KERNEL_MIN, b->c.ram_end - PC_KERNEL_MIN, E820_RAM};
	map[n++] = (struct boot_range){PC_ECAM_BASE, PCI_ECAM_SIZE, E820_RESERVED};
	if (b->high_ram)
		map[n++] = (struct boot_range){PC_HIGH_RAM, b->high_ram, E820_RAM};
	return n;
}

err_t boot_load(struct pc_boot *b, struct boot_entry *out)
{
	struct boot_ctx *c = &b->c;
	uint8_t head[0x206];

	if (c->kernel->size < sizeof(head))
		return boot_fail(c, E_CORRUPT, "kernel has %llu bytes: expected a bzImage or an x86-64 vmlinux",
				 (unsigned long long)c->kernel->size);
	if (c->kernel->read(c->kernel->ctx, 0, head, sizeof(head)))
		return boot_fail(c, E_IO, "kernel image cannot be read");
	if (memcmp(head, "\177ELF", 4) == 0)
		return boot_pvh(b, out);
	if (get_le16(head + 0x1fe) == 0xaa55 && memcmp(head + 0x202, "HdrS", 4) == 0)
		return boot_bzimage(b, out);
	return boot_fail(c, E_CORRUPT, "kernel is neither a bzImage (\"HdrS\" at 0x202) nor an ELF vmlinux");
}
