/* SPDX-License-Identifier: Apache-2.0 */
/* Loading a kernel into an aarch64 guest: Linux's Image as it is or gzip-compressed, or an ELF program; with a device tree. CPU 0, no vCPU
 * running. Knows no virtualisation hardware: the result is an entry state. */
#ifndef VMM_BOOT_AARCH64_BOOT_VIRT_H
#define VMM_BOOT_AARCH64_BOOT_VIRT_H
#include "../boot.h"

/* At EL1h, MMU off, interrupts masked; x0 is the device tree, x1 to x3 are 0 (Linux Documentation/arch/arm64/booting.rst 4). */
struct boot_entry { uint64_t pc, fdt; };

/* Recognises the format, loads kernel and initrd above VIRT_KERNEL_MIN and the tree to VIRT_FDT. nvcpus: for the tree. E_CORRUPT with why: not
 * a kernel we can start; E_RANGE with why: does not fit; E_NOMEM. */
err_t boot_load(struct boot_ctx *c, unsigned nvcpus, struct boot_entry *out) MUST_CHECK;

/* The parts, one file each: they place the kernel; *end is the first address that it does not need. */
err_t boot_image(struct boot_ctx *c, uint64_t *entry, uint64_t *end) MUST_CHECK;
err_t boot_image_gz(struct boot_ctx *c, uint64_t *entry, uint64_t *end) MUST_CHECK;
err_t boot_program(struct boot_ctx *c, uint64_t *entry, uint64_t *end) MUST_CHECK;

/* Writes the device tree of a machine with RAM [VIRT_RAM, c->ram_end) to VIRT_FDT. E_RANGE with why. */
err_t boot_fdt(struct boot_ctx *c, unsigned nvcpus) MUST_CHECK;

#endif
