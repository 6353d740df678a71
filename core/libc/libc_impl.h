/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the libc seam share. CPU 0 only. Results are a value or a negated errno, as Linux returns them. */
#ifndef CORE_LIBC_LIBC_IMPL_H
#define CORE_LIBC_LIBC_IMPL_H
#include <stddef.h>

/* The seam itself: musl calls it in place of every system call. */
long libc_syscall(long n, long a, long b, long c, long d, long e, long f);

void libc_mem_init(void);
long libc_mmap(void *hint, size_t len, int prot, int flags, int fd);
long libc_munmap(void *p, size_t len);
long libc_mremap(void *p, size_t old_len, size_t new_len, int flags);
long libc_madvise(void *p, size_t len, int advice);

/* Text of standard output and error goes to the log, line by line. */
long libc_output(int fd, const char *s, size_t len);

/* What AT_HWCAP says of the CPU; core/<arch>/libc_arch.c. */
unsigned long libc_hwcap(void);

#endif
