/* SPDX-License-Identifier: Apache-2.0 */
/* Loading a Linux kernel into a guest PC: bzImage by the 64-bit boot protocol, vmlinux by PVH. CPU 0, no vCPU running. Knows no
 * virtualisation hardware: the result is an entry state. */
#ifndef VMM_BOOT_X86_64_BOOT_PC_H
#define VMM_BOOT_X86_64_BOOT_PC_H
#include "../boot.h"

struct boot_range { uint64_t base, size; uint32_t type; }; /* type: E820 */
enum { E820_RAM = 1, E820_RESERVED = 2 };

struct pc_boot {
	struct boot_ctx c;               /* RAM is [0, ram_end) ... */
	uint64_t high_ram;               /* ... and [4 GiB, 4 GiB + high_ram) */
	uint64_t rsdp;                   /* guest-physical */
};
enum boot_mode { BOOT_LONG_MODE, BOOT_PROTECTED_MODE };
struct boot_entry { enum boot_mode mode; uint64_t rip, rbx, rsi, rsp, cr3, gdt_base; uint16_t gdt_limit; };

/* Recognises the format, loads kernel, initrd, command line and boot data. E_CORRUPT with why: not a kernel we can start; E_RANGE with why:
 * does not fit; E_NOMEM. */
err_t boot_load(struct pc_boot *b, struct boot_entry *out) MUST_CHECK;

/* The parts, one file each. */
err_t boot_bzimage(struct pc_boot *b, struct boot_entry *out) MUST_CHECK;
err_t boot_pvh(struct pc_boot *b, struct boot_entry *out) MUST_CHECK;
err_t boot_cmdline(struct boot_ctx *c, uint64_t max_len) MUST_CHECK;
/* The memory map told to the guest; returns the number of entries, at most BOOT_MAP_MAX. */
#define BOOT_MAP_MAX 8
unsigned boot_memory_map(const struct pc_boot *b, struct boot_range map[BOOT_MAP_MAX]);

/* ACPI tables for nvcpus CPUs (APIC id == index) at PC_ACPI_BASE; *rsdp is the root's address. E_NOMEM, E_RANGE. */
err_t boot_acpi(struct gmem *mem, struct pool *scratch, unsigned nvcpus, uint64_t *rsdp) MUST_CHECK;

#endif
