/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel images as they come from outside: whatever the bytes say, loading ends, with an error or an entry inside guest memory. */
#include "../unit/guest_ram.h"
#include "../unit/image_bytes.h"
#include "vmm/boot/x86_64/boot_pc.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct gmem *mem;
	static uint8_t chunk[BOOT_CHUNK] __attribute__((aligned(8)));
	static char why[VM_REASON_MAX];
	struct bytes b = {data, size};
	const void *(*peek)(void *, uint64_t, uint64_t *) = size % 2 ? bytes_peek : NULL;
	struct vm_source kernel = {size, &b, bytes_read, peek}, initrd = {size / 2, &b, bytes_read, peek};
	struct boot_entry e;

	if (!mem) {
		fake_init(64 * MIB, 1);
		mem = guest_ram(32 * MIB);
	}
	struct pc_boot p = {.c = {.mem = mem, .ram_end = 32 * MIB, .kernel = &kernel, .initrd = &initrd, .cmdline = "x", .chunk = chunk, .why = why}};
	if (boot_load(&p, &e) == OK && e.rip >= 32 * MIB)
		abort();
	touch_all(mem, 0, 32 * MIB);
	gmem_clear(mem);
	return 0;
}
