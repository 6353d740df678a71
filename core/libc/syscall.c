/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls that musl makes here, each a small function of core. CPU 0 only: libc's state has no locks and
 * its thread pointer is set there alone. What is missing answers ENOSYS, and the log names it once. */
#include "libc_impl.h"
#include <core/arith.h>
#include <core/clock.h>
#include <core/hal.h>
#include <core/log.h>
#include <core/panic.h>
#include <core/rng.h>
#include <core/task.h>
#include <errno.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#define SYSCALLS 512
#define FUTEX_OP_MASK 127
enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1 };

static long sys_writev(int fd, const struct iovec *v, long n)
{
	long total = 0;

	for (long i = 0; i < n; i++) {
		long r = libc_output(fd, v[i].iov_base, v[i].iov_len);

		if (r < 0)
			return r;
		total += r;
	}
	return total;
}

static long sys_clock_gettime(long id, struct timespec *ts)
{
	int64_t ns;

	if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)
		ns = clock_utc_ns();
	else if (id == CLOCK_MONOTONIC || id == CLOCK_BOOTTIME || id == CLOCK_MONOTONIC_RAW || id == CLOCK_MONOTONIC_COARSE)
		ns = (int64_t)hal_clock_ns();
	else
		return -EINVAL;
	ts->tv_sec = ns / (int64_t)NS_PER_S;
	ts->tv_nsec = ns % (int64_t)NS_PER_S;
	return 0;
}

/* One thread: a wait whose value has changed returns at once, any other would never end. */
static long sys_futex(const int *addr, long op, int value)
{
	switch (op & FUTEX_OP_MASK) {
	case FUTEX_WAIT:
		if (__atomic_load_n(addr, __ATOMIC_RELAXED) != value)
			return -EAGAIN;
		panic("libc: a futex wait that nobody can end (a lock taken across a yield?)");
	case FUTEX_WAKE:
		return 0;
	default:
		return -ENOSYS;
	}
}

static long sys_nanosleep(const struct timespec *ts)
{
	if (ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec >= (long)NS_PER_S)
		return -EINVAL;
	if (!task_current())
		return -EPERM; /* the loop itself must not sleep */
	task_sleep_until(hal_clock_ns() + (uint64_t)ts->tv_sec * NS_PER_S + (uint64_t)ts->tv_nsec);
	return 0;
}

static long sys_unknown(long n)
{
	static uint8_t seen[SYSCALLS / 8];

	if (n >= 0 && n < SYSCALLS && !(seen[n / 8] & 1u << n % 8)) {
		seen[n / 8] |= (uint8_t)(1u << n % 8);
		log_warn("libc", "system call %ld is not implemented", n);
	}
	return -ENOSYS;
}

long libc_syscall(long n, long a, long b, long c, long d, long e, long f)
{
	(void)f;
	if (hal_cpu_id() != 0)
		panic("libc: system call %ld on CPU %u; stateful libc belongs to CPU 0", n, hal_cpu_id());
	switch (n) {
	case SYS_write: return libc_output((int)a, (const char *)b, (size_t)c);
	case SYS_writev: return sys_writev((int)a, (const struct iovec *)b, c);
	case SYS_ioctl: return -ENOTTY; /* stdio asks whether its stream is a terminal */
	case SYS_brk: return 0;        /* no heap of that kind: malloc goes on with mmap */
	case SYS_mmap: return libc_mmap((void *)a, (size_t)b, (int)c, (int)d, (int)e);
	case SYS_munmap: return libc_munmap((void *)a, (size_t)b);
	case SYS_mremap: return libc_mremap((void *)a, (size_t)b, (size_t)c, (int)d);
	case SYS_madvise: return libc_madvise((void *)a, (size_t)b, (int)c);
	case SYS_mprotect: return 0; /* malloc's guard pages: our blocks are mapped as a whole */
	case SYS_clock_gettime: return sys_clock_gettime(a, (struct timespec *)b);
	case SYS_nanosleep: return sys_nanosleep((const struct timespec *)a);
	case SYS_clock_nanosleep: return b ? -EINVAL : sys_nanosleep((const struct timespec *)c);
	case SYS_getrandom: rng_bytes((void *)a, (size_t)b); return b;
	case SYS_futex: return sys_futex((const int *)a, b, (int)c);
	case SYS_set_tid_address: case SYS_gettid: case SYS_getpid: return 1;
	case SYS_rt_sigprocmask: return 0; /* there are no signals to mask */
	case SYS_exit: case SYS_exit_group: panic("libc: exit(%ld)", a);
	default: return sys_unknown(n);
	}
}
