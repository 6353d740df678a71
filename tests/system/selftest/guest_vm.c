/* SPDX-License-Identifier: Apache-2.0 */
/* VMs for the self-test, each with the program of guest_code.S as its kernel, and waiting for what they do. CPU 0's task. */
#include "guest_vm.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/log.h>
#include <core/panic.h>
#include <core/task.h>
#include <string.h>
#include "guest_place.h" /* of the architecture */
#include "guest_tlb.h"

#define MEMORY (17 * MIB)             /* the last MiB has no room for a large page */
#define LIMIT_NS (120 * NS_PER_S)     /* against a hang */

extern const uint8_t guest_code[], guest_code_end[];

bool guest_failed;

/* ---- the guest's kernel: an ELF file of one segment, and a PVH note for the architecture that wants one */

enum { HEADERS = 64 + 2 * 56, NOTE = HEADERS, NOTE_SIZE = 20, CODE = 256 };
static uint8_t kernel[1024]; /* no smaller one is taken for a kernel */

static void program_header(uint8_t *p, uint32_t type, uint64_t offset, uint64_t at, uint64_t size)
{
	put_le32(p, type);
	put_le64(p + 8, offset);
	put_le64(p + 16, at);
	put_le64(p + 24, at);
	put_le64(p + 32, size);
	put_le64(p + 40, size);
}

static void kernel_build(void)
{
	uint64_t size = (uint64_t)(guest_code_end - guest_code);

	memcpy(kernel, "\x7f" "ELF\x02\x01\x01", 7);
	put_le16(kernel + 16, 2);  /* an executable */
	put_le16(kernel + 18, GUEST_ELF_MACHINE);
	put_le64(kernel + 24, GUEST_CODE);
	put_le64(kernel + 32, 64);
	put_le16(kernel + 54, 56);
	put_le16(kernel + 56, 2);
	program_header(kernel + 64, 1, CODE, GUEST_CODE, size);
	program_header(kernel + 64 + 56, 4, NOTE, 0, NOTE_SIZE);
	put_le32(kernel + NOTE, 4);
	put_le32(kernel + NOTE + 4, 4);
	put_le32(kernel + NOTE + 8, 18); /* XEN_ELFNOTE_PHYS32_ENTRY */
	memcpy(kernel + NOTE + 12, "Xen", 4);
	put_le32(kernel + NOTE + 16, GUEST_CODE);
	BUG_ON(size > sizeof kernel - CODE);
	memcpy(kernel + CODE, guest_code, size);
}

static err_t kernel_read(void *ctx, uint64_t off, void *dst, uint64_t len)
{
	(void)ctx;
	memcpy(dst, kernel + off, len);
	return OK;
}

static size_t console_write(struct chardev *c, const void *buf, size_t n)
{
	(void)c, (void)buf;
	return n;
}
static const struct chardev_ops console_ops = { .write = console_write };
static struct chardev console = { .ops = &console_ops };

/* ---- its life */

bool guest_wait(bool (*met)(void))
{
	uint64_t end = hal_clock_ns() + LIMIT_NS;

	while (!met()) {
		if (hal_clock_ns() > end || guest_failed)
			return !(guest_failed = true);
		task_yield();
	}
	return true;
}

uint32_t guest_mail(struct vm *vm, unsigned index, unsigned word)
{
	uint32_t v = 0;

	if (gmem_load32(vm->mem, GPA(GUEST_MAIL + ((uint64_t)index << MAIL_SHIFT) + word), &v) != OK)
		guest_failed = true;
	return v;
}

static struct vm *starting;
static bool is_running(void) { return vm_state(starting) == VM_RUNNING; }

bool guest_start(const char *name, unsigned vcpus, struct vm **out)
{
	const struct vm_config config = {
		.name = name, .vcpus = vcpus, .memory_bytes = MEMORY, .weight = 100, .console = &console,
		.kernel = { .size = sizeof kernel, .read = kernel_read },
	};
	char why[VM_REASON_MAX] = "";

	kernel_build();
	if (vm_create(&config, &starting, why) == OK && vm_start(starting, why) == OK && guest_wait(is_running)) {
		*out = starting;
		return true;
	}
	log_error("selftest", "the guest does not start: %s", why);
	return false;
}
