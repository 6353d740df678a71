/* SPDX-License-Identifier: Apache-2.0 */
/* A mark on aarch64: a move of its number into the highest part of the zero register, which no compiler makes (DDI0487 C6.2, MOVZ). */
#ifndef BENCH_MARK_INSN_H
#define BENCH_MARK_INSN_H

#define MARK(number) __asm__ volatile("movz xzr, #%c0, lsl #48" : : "i"(number) : "memory")

#endif
