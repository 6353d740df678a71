/* SPDX-License-Identifier: Apache-2.0 */
/* Starts musl by hand: the stack image that a kernel would give a program (SysV AMD64 3.4.1) with synthetic program
 * headers for the TLS image, then __libc_start_main. CPU 0, once. */
#include "libc_impl.h"
#include <core/libc.h>
#include <core/panic.h>
#include <core/rng.h>
#include <elf.h>
#include <stdint.h>

#define HIDDEN extern __attribute__((visibility("hidden")))
HIDDEN const uint64_t __tls_info[3]; /* sizes of .tdata and .tbss, alignment: from the linker script */
HIDDEN const char __tdata_start[];

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
		      void (*fini)(void), void (*ldso_fini)(void));

static void (*start_next)(void);
static Elf64_Phdr phdrs[2];
static uint8_t random_bytes[16];
static char arg0[] = "caisson", env0[] = "TZ=UTC";
static uintptr_t stack_image[32];

static int libc_main(int argc, char **argv, char **envp)
{
	(void)argc;
	(void)argv;
	(void)envp;
	start_next();
	panic("libc: the program returned");
}

_Noreturn void libc_start(void (*next)(void))
{
	/* With PT_PHDR at its own address the load offset is 0: all addresses are absolute by now. */
	const uintptr_t image[] = {
		(uintptr_t)arg0, 0, (uintptr_t)env0, 0,
		AT_PHDR, (uintptr_t)phdrs, AT_PHENT, sizeof(phdrs[0]), AT_PHNUM, 2, AT_PAGESZ, 4096,
		AT_RANDOM, (uintptr_t)random_bytes, AT_UID, 0, AT_EUID, 0, AT_GID, 0, AT_EGID, 0, AT_SECURE, 0,
		AT_HWCAP, libc_hwcap(), AT_NULL, 0,
	};

	_Static_assert(sizeof(image) <= sizeof(stack_image), "stack image");
	start_next = next;
	libc_mem_init();
	rng_bytes(random_bytes, sizeof(random_bytes));
	phdrs[0] = (Elf64_Phdr){.p_type = PT_PHDR, .p_vaddr = (uintptr_t)phdrs};
	phdrs[1] = (Elf64_Phdr){.p_type = PT_TLS, .p_vaddr = (uintptr_t)__tdata_start, .p_filesz = __tls_info[0],
				.p_memsz = __tls_info[0] + __tls_info[1], .p_align = __tls_info[2] ? __tls_info[2] : 1};
	__builtin_memcpy(stack_image, image, sizeof(image));
	__libc_start_main(libc_main, 1, (char **)stack_image, 0, 0, 0);
	panic("libc: start returned");
}
