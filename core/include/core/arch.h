/* SPDX-License-Identifier: Apache-2.0 */
/* The only place that tests for the architecture: tiny inline primitives. */
#ifndef CORE_ARCH_H
#define CORE_ARCH_H

#if defined(__x86_64__)
static inline void arch_relax(void) { __asm__ volatile("pause"); }
/* Order device writes before a later doorbell, device reads before later loads (x86: TSO, compiler only). */
static inline void arch_io_barrier(void) { __asm__ volatile("" ::: "memory"); }
/* UEFI's calling convention (UEFI 2.10 2.3.4, 2.3.6). */
#define ARCH_EFIAPI __attribute__((ms_abi))
#define ARCH_NAME "x86_64"
#elif defined(__aarch64__)
static inline void arch_relax(void) { __asm__ volatile("yield"); }
static inline void arch_io_barrier(void) { __asm__ volatile("dmb osh" ::: "memory"); }
#define ARCH_EFIAPI
#define ARCH_NAME "aarch64"
#else
#error "unknown architecture"
#endif

#endif
