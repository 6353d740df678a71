/* SPDX-License-Identifier: Apache-2.0 */
/* musl's thread pointer on x86_64: the FS base of CPU 0. On other CPUs it stays 0, so that a stray use of errno or
 * of malloc faults at page zero. */
#include "../libc/libc_impl.h"
#include "insn.h"

int __set_thread_area(void *p);

int __set_thread_area(void *p)
{
	insn_wrmsr(MSR_FS_BASE, (uint64_t)p);
	return 0;
}

/* x86 programs ask the CPU itself. */
unsigned long libc_hwcap(void)
{
	return 0;
}
