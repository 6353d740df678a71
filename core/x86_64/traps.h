/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions and interrupts on their way from the stubs (traps.S) to C. Within core/x86_64 only. */
#ifndef CORE_X86_64_TRAPS_H
#define CORE_X86_64_TRAPS_H
#include <stdint.h>

enum { TRAP_DB = 1, TRAP_NMI = 2, TRAP_BP = 3, TRAP_NM = 7, TRAP_DF = 8, TRAP_PF = 14, TRAP_MC = 18, TRAP_FIRST_IRQ = 32 };

#define TRAP_STUB_BYTES 16
extern const char trap_stubs[] __attribute__((visibility("hidden")));

/* As traps.S pushes it; above it lies what the CPU pushed (SDM 3A 6.14.2). */
struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

void trap_dispatch(struct trap_frame *f);

#endif
