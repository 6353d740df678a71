/* SPDX-License-Identifier: Apache-2.0 */
/* What all kernel loaders share: reasons, copying, placement of the initrd. See boot.h. */
#include "boot.h"
#include <core/arith.h>
#include <core/fmt.h>

err_t boot_fail(struct boot_ctx *c, err_t e, const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	fmt_vbuf(c->why, VM_REASON_MAX, f, ap);
	va_end(ap);
	return e;
}

err_t boot_read(struct boot_ctx *c, uint64_t off, void *dst, uint64_t len)
{
	if (!range_within(off, len, c->kernel->size))
		return boot_fail(c, E_CORRUPT, "kernel is cut short at %llu bytes", (unsigned long long)c->kernel->size);
	return c->kernel->read(c->kernel->ctx, off, dst, len) ? boot_fail(c, E_IO, "kernel image cannot be read") : OK;
}

static err_t copy(struct boot_ctx *c, const struct vm_source *src, uint64_t off, struct gpa to, uint64_t len)
{
	err_t e = OK;

	while (len && e == OK) {
		uint64_t part = MIN(len, (uint64_t)BOOT_CHUNK);

		e = src->read(src->ctx, off, c->chunk, part);
		if (e == OK)
			e = gmem_write(c->mem, to, c->chunk, part);
		off += part;
		to.v += part;
		len -= part;
	}
	return e;
}

err_t boot_copy(struct boot_ctx *c, const struct vm_source *src, uint64_t off, struct gpa to, uint64_t len)
{
	err_t e = E_LIMIT;

	if (!range_within(off, len, src->size))
		return boot_fail(c, E_CORRUPT, "image is cut short: needs %llu bytes, has %llu", (unsigned long long)(off + len),
				 (unsigned long long)src->size);
	if (src->peek)
		e = gmem_back(c->mem, to, len, &(struct gmem_source){ src->peek, src->ctx }, off);
	if (e == E_LIMIT)
		e = copy(c, src, off, to, len);
	return e ? boot_fail(c, e, "cannot copy the image to guest memory: %s", err_name(e)) : OK;
}

err_t boot_place_initrd(struct boot_ctx *c, uint64_t kernel_end, uint64_t max_end)
{
	uint64_t end = MIN(c->ram_end, max_end), size = c->initrd->size;

	c->initrd_addr = 0;
	if (size == 0)
		return OK;
	if (size > end || align_down(end - size, PAGE_SIZE) < kernel_end)
		return boot_fail(c, E_RANGE, "initrd of %llu KiB does not fit between the kernel's end and %llu MiB of memory",
				 (unsigned long long)(size / KIB), (unsigned long long)(end / MIB));
	c->initrd_addr = align_down(end - size, PAGE_SIZE);
	return boot_copy(c, c->initrd, 0, GPA(c->initrd_addr), size);
}
