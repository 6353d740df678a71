/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel images as they come from outside: whatever the bytes say, loading ends, with an error or an entry inside guest memory. */
#include "../unit/guest_ram.h"
#include "vmm/boot/x86_64/boot_pc.h"
#include <string.h>

struct bytes { const uint8_t *p; size_t n; };
static err_t bytes_read(void *ctx, uint64_t off, void *dst, uint64_t len)
{
	const struct bytes *b = ctx;

	if (!range_within(off, len, b->n))
		return E_RANGE;
	memcpy(dst, b->p + off, len);
	return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct gmem *mem;
	static uint8_t chunk[BOOT_CHUNK] __attribute__((aligned(8)));
	static char why[VM_REASON_MAX];
	struct bytes b = {data, size};
	struct vm_source kernel = {.size = size, .ctx = &b, .read = bytes_read}, initrd = {.size = size / 2, .ctx = &b, .read = bytes_read};
	struct boot_entry e;

	if (!mem) {
		fake_init(64 * MIB, 1);
		mem = guest_ram(32 * MIB);
	}
	struct pc_boot p = {.c = {.mem = mem, .ram_end = 32 * MIB, .kernel = &kernel, .initrd = &initrd, .cmdline = "x", .chunk = chunk, .why = why}};
	if (boot_load(&p, &e) == OK && e.rip >= 32 * MIB)
		abort();
	gmem_clear(mem);
	return 0;
}
