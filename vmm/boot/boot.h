/* SPDX-License-Identifier: Apache-2.0 */
/* Loading a Linux kernel into guest memory, x86_64: bzImage by the 64-bit boot protocol, vmlinux by PVH. Images are hostile: each size and
 * address is checked against the guest's RAM. CPU 0, no vCPU running. Knows no virtualisation hardware: the result is an entry state. */
#ifndef VMM_BOOT_BOOT_H
#define VMM_BOOT_BOOT_H
#include <core/err.h>
#include <vmm/gmem.h>
#include <vmm/vm.h>

#define BOOT_CHUNK (64 * 1024)

struct boot_range { uint64_t base, size; uint32_t type; }; /* type: E820 */
enum { E820_RAM = 1, E820_RESERVED = 2 };

struct boot_ctx {
	struct gmem *mem;
	uint64_t low_ram;                /* RAM is [0, low_ram) ... */
	uint64_t high_ram;               /* ... and [4 GiB, 4 GiB + high_ram) */
	const struct vm_source *kernel, *initrd;
	const char *cmdline;
	uint64_t rsdp;                   /* guest-physical */
	uint8_t *chunk;                  /* scratch of BOOT_CHUNK bytes */
	char *why;                       /* VM_REASON_MAX bytes */
	/* found on the way */
	uint64_t initrd_addr;
};
enum boot_mode { BOOT_LONG_MODE, BOOT_PROTECTED_MODE };
struct boot_entry { enum boot_mode mode; uint64_t rip, rbx, rsi, rsp, cr3, gdt_base; uint16_t gdt_limit; };

/* Recognises the format, loads kernel, initrd, command line and boot data. E_CORRUPT with why: not a kernel we can start; E_RANGE with why:
 * does not fit; E_NOMEM. */
err_t boot_load(struct boot_ctx *c, struct boot_entry *out) MUST_CHECK;

/* The parts, one file each. */
err_t boot_bzimage(struct boot_ctx *c, struct boot_entry *out) MUST_CHECK;
err_t boot_pvh(struct boot_ctx *c, struct boot_entry *out) MUST_CHECK;
/* Copies [off, off+len) of src to guest memory. */
err_t boot_copy(struct boot_ctx *c, const struct vm_source *src, uint64_t off, struct gpa to, uint64_t len) MUST_CHECK;
/* Places the initrd page-aligned at the top of low RAM, not above max_end, not below kernel_end. */
err_t boot_place_initrd(struct boot_ctx *c, uint64_t kernel_end, uint64_t max_end) MUST_CHECK;
err_t boot_cmdline(struct boot_ctx *c, uint64_t max_len) MUST_CHECK;
/* The memory map told to the guest; returns the number of entries, at most BOOT_MAP_MAX. */
#define BOOT_MAP_MAX 8
unsigned boot_memory_map(const struct boot_ctx *c, struct boot_range map[BOOT_MAP_MAX]);
/* Formats why and returns e. */
err_t boot_fail(struct boot_ctx *c, err_t e, const char *f, ...) __attribute__((format(printf, 3, 4)));

/* ACPI tables for nvcpus CPUs (APIC id == index) at PC_ACPI_BASE; *rsdp is the root's address. E_NOMEM, E_RANGE. */
err_t boot_acpi(struct gmem *mem, struct pool *scratch, unsigned nvcpus, uint64_t *rsdp) MUST_CHECK;

#endif
