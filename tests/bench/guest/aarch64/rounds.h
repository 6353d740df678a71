/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of the exit guest on aarch64: x19 and x20 as the rounds begin; x0 to x3, which a firmware call may change, and x4 are free. */
#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H

#define ROUNDS_ASM(body, first, second, rounds) \
	do { \
		register uint64_t a_ __asm__("x19") = (first), b_ __asm__("x20") = (second), n_ __asm__("x21") = (rounds); \
		__asm__ volatile("1: " body "\n subs x21, x21, #1\n b.ne 1b" : "+r"(a_), "+r"(b_), "+r"(n_) : : \
				 "x0", "x1", "x2", "x3", "x4", "memory", "cc"); \
	} while (0)

#endif
