/* SPDX-License-Identifier: Apache-2.0 */
/* Takes the place of musl's file of the same name when musl is built for the firmware (-iquote wins):
 * a system call becomes a call of libc_syscall (core/libc), in the caller's context, on CPU 0 alone.
 * Numbers and structures are Linux's for the architecture. Must not know what answers them. */
#ifndef CAISSON_SYSCALL_ARCH_H
#define CAISSON_SYSCALL_ARCH_H

#define __SYSCALL_LL_E(x) (x)
#define __SYSCALL_LL_O(x) (x)

/* Returns the result or a negated errno, as the kernel would. */
__attribute__((__visibility__("hidden")))
long libc_syscall(long n, long a, long b, long c, long d, long e, long f);

static __inline long __syscall0(long n)
{
	return libc_syscall(n, 0, 0, 0, 0, 0, 0);
}

static __inline long __syscall1(long n, long a)
{
	return libc_syscall(n, a, 0, 0, 0, 0, 0);
}

static __inline long __syscall2(long n, long a, long b)
{
	return libc_syscall(n, a, b, 0, 0, 0, 0);
}

static __inline long __syscall3(long n, long a, long b, long c)
{
	return libc_syscall(n, a, b, c, 0, 0, 0);
}

static __inline long __syscall4(long n, long a, long b, long c, long d)
{
	return libc_syscall(n, a, b, c, d, 0, 0);
}

static __inline long __syscall5(long n, long a, long b, long c, long d, long e)
{
	return libc_syscall(n, a, b, c, d, e, 0);
}

static __inline long __syscall6(long n, long a, long b, long c, long d, long e, long f)
{
	return libc_syscall(n, a, b, c, d, e, f);
}

/* System V IPC is not there; the macro only has to exist. */
#define IPC_64 0

#endif
