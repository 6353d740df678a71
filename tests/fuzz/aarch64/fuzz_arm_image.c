/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of aarch64 guests as they come from outside: Image, gzip, ELF. Whatever the bytes say, loading ends, with an error or an entry inside
 * guest memory, and keeps nothing of the pool. The first byte may put a right gzip around the rest, so that headers are met inside as well. */
#include "../../unit/aarch64/arm_image.h"
#include "vmm/boot/aarch64/boot_virt.h"

#define RAM (16 * MIB)

static void load(struct gmem *mem, const uint8_t *data, size_t size)
{
	static uint8_t chunk[BOOT_CHUNK] __attribute__((aligned(8)));
	static char why[VM_REASON_MAX];
	struct bytes b = {data, size};
	const void *(*peek)(void *, uint64_t, uint64_t *) = size % 2 ? bytes_peek : NULL;
	struct vm_source kernel = {size, &b, bytes_read, peek}, initrd = {size / 2, &b, bytes_read, peek};
	struct boot_ctx c = {.mem = mem, .pool = &arm_pool, .ram_end = VIRT_RAM + RAM, .kernel = &kernel, .initrd = &initrd, .cmdline = "x",
			     .chunk = chunk, .why = why};
	struct boot_entry e;
	uint64_t used = arm_pool.used_pages;

	why[0] = '\0';
	if (boot_load(&c, 2, &e) != OK) {
		if (!why[0])
			abort();
	} else if (e.pc < VIRT_KERNEL_MIN || e.pc >= VIRT_RAM + RAM || e.pc % 4) {
		abort();
	}
	touch_all(mem, VIRT_RAM, RAM);
	gmem_clear(mem);
	if (arm_pool.used_pages != used)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t wrapped[70000];
	static struct gmem *mem;

	if (!mem) {
		fake_init(64 * MIB, 1);
		mem = arm_ram(RAM);
		gmem_clear(mem);
	}
	if (size && (data[0] & 1) && size < 60000)
		load(mem, wrapped, make_gzip(wrapped, data + 1, size - 1));
	else if (size)
		load(mem, data + 1, size - 1);
	return 0;
}
