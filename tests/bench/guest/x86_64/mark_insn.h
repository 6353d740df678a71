/* SPDX-License-Identifier: Apache-2.0 */
/* A mark on x86_64: a NOP of 7 bytes with its number and a signature in its displacement (SDM 2B, NOP). */
#ifndef BENCH_MARK_INSN_H
#define BENCH_MARK_INSN_H

#define MARK(number) __asm__ volatile("nopl 0x4d4b0000 + %c0(%%rax)" : : "i"(number) : "memory")

#endif
