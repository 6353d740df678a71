/* SPDX-License-Identifier: Apache-2.0 */
/* What both kernel formats share: recognition, copying, initrd placement, command line, memory map. See boot.h. */
#include <core/arith.h>
#include <core/fmt.h>
#include <string.h>
#include <vmm/x86_64/pc_layout.h>
#include <vmm/pci_bus.h>
#include "boot.h"

err_t boot_fail(struct boot_ctx *c, err_t e, const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	fmt_vbuf(c->why, VM_REASON_MAX, f, ap);
	va_end(ap);
	return e;
}

err_t boot_copy(struct boot_ctx *c, const struct vm_source *src, uint64_t off, struct gpa to, uint64_t len)
{
	if (!range_within(off, len, src->size))
		return boot_fail(c, E_CORRUPT, "image is cut short: needs %llu bytes, has %llu", (unsigned long long)(off + len),
				 (unsigned long long)src->size);
	while (len) {
		uint64_t part = MIN(len, (uint64_t)BOOT_CHUNK);
		err_t e = src->read(src->ctx, off, c->chunk, part);

		if (e == OK)
			e = gmem_write(c->mem, to, c->chunk, part);
		if (e)
			return boot_fail(c, e, "cannot copy the image to guest memory: %s", err_name(e));
		off += part;
		to.v += part;
		len -= part;
	}
	return OK;
}

err_t boot_place_initrd(struct boot_ctx *c, uint64_t kernel_end, uint64_t max_end)
{
	uint64_t end = MIN(c->low_ram, max_end), size = c->initrd->size;

	c->initrd_addr = 0;
	if (size == 0)
		return OK;
	if (size > end || align_down(end - size, PAGE_SIZE) < kernel_end)
		return boot_fail(c, E_RANGE, "initrd of %llu KiB does not fit between the kernel's end and %llu MiB of memory",
				 (unsigned long long)(size / KIB), (unsigned long long)(end / MIB));
	c->initrd_addr = align_down(end - size, PAGE_SIZE);
	return boot_copy(c, c->initrd, 0, GPA(c->initrd_addr), size);
}

err_t boot_cmdline(struct boot_ctx *c, uint64_t max_len)
{
	uint64_t len = strlen(c->cmdline);

	if (len > max_len)
		return boot_fail(c, E_RANGE, "command line has %llu bytes, the kernel takes at most %llu", (unsigned long long)len,
				 (unsigned long long)max_len);
	return gmem_write(c->mem, GPA(PC_CMDLINE), c->cmdline, len + 1);
}

unsigned boot_memory_map(const struct boot_ctx *c, struct boot_range map[BOOT_MAP_MAX])
{
	unsigned n = 0;

	map[n++] = (struct boot_range){0, PC_LOW_RAM_END, E820_RAM};
	map[n++] = (struct boot_range){PC_ACPI_BASE, PC_ACPI_SIZE, E820_RESERVED};
	map[n++] = (struct boot_range){PC_KERNEL_MIN, c->low_ram - PC_KERNEL_MIN, E820_RAM};
	map[n++] = (struct boot_range){PC_ECAM_BASE, PCI_ECAM_SIZE, E820_RESERVED};
	if (c->high_ram)
		map[n++] = (struct boot_range){PC_HIGH_RAM, c->high_ram, E820_RAM};
	return n;
}

err_t boot_load(struct boot_ctx *c, struct boot_entry *out)
{
	uint8_t head[0x206];

	if (c->kernel->size < sizeof(head))
		return boot_fail(c, E_CORRUPT, "kernel has %llu bytes: expected a bzImage or an x86-64 vmlinux",
				 (unsigned long long)c->kernel->size);
	if (c->kernel->read(c->kernel->ctx, 0, head, sizeof(head)))
		return boot_fail(c, E_IO, "kernel image cannot be read");
	if (memcmp(head, "\177ELF", 4) == 0)
		return boot_pvh(c, out);
	if (get_le16(head + 0x1fe) == 0xaa55 && memcmp(head + 0x202, "HdrS", 4) == 0)
		return boot_bzimage(c, out);
	return boot_fail(c, E_CORRUPT, "kernel is neither a bzImage (\"HdrS\" at 0x202) nor an ELF vmlinux");
}
