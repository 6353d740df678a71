/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of the exit guest on x86_64: RBX and RDX as the rounds begin; RAX and RCX are free. */
#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H

#define ROUNDS_ASM(body, rbx, rdx, rounds) \
	do { \
		uint64_t b_ = (rbx), d_ = (rdx), n_ = (rounds); \
		__asm__ volatile("1: " body "\n dec %%rsi\n jnz 1b" : "+b"(b_), "+d"(d_), "+S"(n_) : : "rax", "rcx", "memory", "cc"); \
	} while (0)

#endif
