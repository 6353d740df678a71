/* SPDX-License-Identifier: Apache-2.0 */
/* Loading a kernel into guest memory: what the loaders of all architectures share. Images are hostile: each size and address is checked
 * against the guest's RAM. CPU 0, no vCPU running. Knows no format but ELF and gzip, and no architecture. */
#ifndef VMM_BOOT_BOOT_H
#define VMM_BOOT_BOOT_H
#include <core/err.h>
#include <vmm/gmem.h>
#include <vmm/vm.h>

#define BOOT_CHUNK (64 * 1024)

struct boot_ctx {
	struct gmem *mem;
	struct pool *pool;               /* for what a loader needs beside the chunk */
	uint64_t ram_end;                /* loaders use the RAM below this guest-physical address */
	const struct vm_source *kernel, *initrd;
	const char *cmdline;
	uint8_t *chunk;                  /* scratch of BOOT_CHUNK bytes, 8-byte aligned */
	char *why;                       /* VM_REASON_MAX bytes */
	/* found on the way */
	uint64_t initrd_addr;            /* 0: none */
};

/* Formats why and returns e. */
err_t boot_fail(struct boot_ctx *c, err_t e, const char *f, ...) __attribute__((format(printf, 3, 4)));
/* Reads [off, off+len) of the kernel. E_CORRUPT with why: it is cut short there; E_IO. */
err_t boot_read(struct boot_ctx *c, uint64_t off, void *dst, uint64_t len) MUST_CHECK;
/* Puts [off, off+len) of src into guest memory: by gmem_back where src can be peeked at and that has room, by a copy otherwise. */
err_t boot_copy(struct boot_ctx *c, const struct vm_source *src, uint64_t off, struct gpa to, uint64_t len) MUST_CHECK;
/* Places the initrd page-aligned at the top of RAM, not above max_end, not below kernel_end. E_RANGE with why. */
err_t boot_place_initrd(struct boot_ctx *c, uint64_t kernel_end, uint64_t max_end) MUST_CHECK;

/* ---- ELF64, little-endian (elf.c) */
#define BOOT_ELF_SEGMENTS 64
enum { BOOT_ELF_EXEC = 2, BOOT_ELF_DYN = 3, BOOT_ELF_LOAD = 1, BOOT_ELF_NOTE = 4 };
struct boot_elf_segment { uint32_t type; uint64_t offset, vaddr, paddr, filesz, memsz; };
struct boot_elf { uint16_t type; uint64_t entry; unsigned n; struct boot_elf_segment seg[BOOT_ELF_SEGMENTS]; };
/* Reads the headers of the kernel, which is for machine (EM_*), called name. E_CORRUPT with why. */
err_t boot_elf_headers(struct boot_ctx *c, uint16_t machine, const char *name, struct boot_elf *im) MUST_CHECK;
/* Loads the segments to their physical addresses plus bias, all of them at low or above; *end is where the last one ends. What lies beyond
 * filesz needs no zeroing: guest memory starts as zeros. E_RANGE, E_CORRUPT with why. */
err_t boot_elf_segments(struct boot_ctx *c, const struct boot_elf *im, uint64_t bias, uint64_t low, uint64_t *end) MUST_CHECK;

#endif
