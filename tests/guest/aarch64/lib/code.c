/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions that a guest test makes at run time: each CPU has a page of places for one, each followed
 * by a return. */
#include "guest.h"

enum { RET = 0xd65f03c0, LINE = 16 };
static uint32_t code[MAX_CPUS][CODE_PLACES][2] __attribute__((aligned(CODE_SIZE)));

void code_written(const void *p, size_t n)
{
	uint64_t from = (uint64_t)p & ~(uint64_t)(LINE - 1), end = (uint64_t)p + n;

	for (uint64_t a = from; a < end; a += LINE)
		__asm__ volatile("dc cvau, %0" : : "r"(a) : "memory");
	__asm__ volatile("dsb ish" ::: "memory");
	for (uint64_t a = from; a < end; a += LINE)
		__asm__ volatile("ic ivau, %0" : : "r"(a) : "memory");
	__asm__ volatile("dsb ish; isb" ::: "memory");
}

void code_put(unsigned place, uint32_t insn)
{
	uint32_t *at = code[cpu_self()->index][place];

	at[0] = insn;
	at[1] = RET;
}

void code_ready(void)
{
	code_written(code[cpu_self()->index], CODE_SIZE);
}

int code_run(unsigned place, uint64_t *x0)
{
	struct cpu *c = cpu_self();
	register uint64_t v __asm__("x0") = *x0;
	register uint64_t at __asm__("x16") = (uint64_t)code[c->index][place];

	c->fault = EC_NONE;
	c->catch_at = (uint64_t)code[c->index][place];
	__asm__ volatile("blr %1" : "+r"(v), "+r"(at) : : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
			 "x15", "x17", "x18", "x30", "memory", "cc");
	c->catch_at = 0;
	*x0 = v;
	return c->fault;
}

int run_insn(uint32_t insn, uint64_t *x0)
{
	code_put(0, insn);
	code_written(code[cpu_self()->index][0], 8);
	return code_run(0, x0);
}
