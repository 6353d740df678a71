/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions of a guest test as C: ports, MSRs, CPUID, control registers; and the same with a fault caught. A caught instruction
 * leaves its vector in cpu_self()->fault and goes on behind itself. */
#ifndef GUEST_CPU_H
#define GUEST_CPU_H
#include <stdbool.h>
#include <stdint.h>
#include "layout.h"

enum { VEC_DE = 0, VEC_DB = 1, VEC_NMI = 2, VEC_BP = 3, VEC_UD = 6, VEC_NM = 7, VEC_DF = 8, VEC_SS = 12, VEC_GP = 13, VEC_PF = 14, VEC_NONE = -1 };

/* At the bottom of each CPU's stack, so that it is found without GS, whose base some tests overwrite. */
struct cpu {
	unsigned index;
	volatile int fault;             /* vector of the last caught fault, VEC_NONE */
	volatile uint64_t fault_error, fault_address;
	volatile bool online;
	void (*fn)(unsigned index);
	volatile unsigned rounds;       /* how often it came up */
};
static inline struct cpu *cpu_self(void)
{
	uint64_t sp;

	__asm__ volatile("mov %%rsp, %0" : "=r"(sp));
	return (struct cpu *)(sp & ~(uint64_t)(STACK_SIZE - 1));
}
struct cpu *cpu_of(unsigned index);

/* In an asm statement: the instruction at label 1 may fault, and ends at label 2. */
#define CATCH " .pushsection .extable, \"a\"; .quad 1b, 2b; .popsection\n"
/* Runs one instruction without operands; its vector or VEC_NONE. */
#define CAUGHT(insn) CAUGHT_AT("1: " insn)
/* The same for several: the one that may fault has the label 1. */
#define CAUGHT_AT(insns) ({ cpu_self()->fault = VEC_NONE; __asm__ volatile(insns "\n2:\n" CATCH : : "b"(0) : "rax", "rcx", "rdx", "memory", "cc"); cpu_self()->fault; })

static inline uint8_t inb(uint16_t p) { uint8_t v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(p)); return v; }
static inline uint16_t inw(uint16_t p) { uint16_t v; __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(p)); return v; }
static inline uint32_t inl(uint16_t p) { uint32_t v; __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(p)); return v; }
static inline void outb(uint16_t p, uint8_t v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(p) : "memory"); }
static inline void outw(uint16_t p, uint16_t v) { __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(p) : "memory"); }
static inline void outl(uint16_t p, uint32_t v) { __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(p) : "memory"); }

static inline uint8_t read8(uint64_t a) { uint8_t v; __asm__ volatile("movb (%1), %0" : "=q"(v) : "r"(a) : "memory"); return v; }
static inline uint16_t read16(uint64_t a) { uint16_t v; __asm__ volatile("movw (%1), %0" : "=r"(v) : "r"(a) : "memory"); return v; }
static inline uint32_t read32(uint64_t a) { uint32_t v; __asm__ volatile("movl (%1), %0" : "=r"(v) : "r"(a) : "memory"); return v; }
static inline uint64_t read64(uint64_t a) { uint64_t v; __asm__ volatile("movq (%1), %0" : "=r"(v) : "r"(a) : "memory"); return v; }
static inline void write8(uint64_t a, uint8_t v) { __asm__ volatile("movb %0, (%1)" : : "q"(v), "r"(a) : "memory"); }
static inline void write16(uint64_t a, uint16_t v) { __asm__ volatile("movw %0, (%1)" : : "r"(v), "r"(a) : "memory"); }
static inline void write32(uint64_t a, uint32_t v) { __asm__ volatile("movl %0, (%1)" : : "r"(v), "r"(a) : "memory"); }
static inline void write64(uint64_t a, uint64_t v) { __asm__ volatile("movq %0, (%1)" : : "r"(v), "r"(a) : "memory"); }

struct regs { uint32_t eax, ebx, ecx, edx; };
static inline struct regs cpuid(uint32_t leaf, uint32_t sub)
{
	struct regs r;

	__asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(sub));
	return r;
}
static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}
/* Vector or VEC_NONE; *v is untouched on a fault. */
static inline int rdmsr_catch(uint32_t msr, uint64_t *v)
{
	uint32_t lo = 0, hi = 0;

	cpu_self()->fault = VEC_NONE;
	__asm__ volatile("1: rdmsr\n2:\n" CATCH : "+a"(lo), "+d"(hi) : "c"(msr) : "memory");
	if (cpu_self()->fault == VEC_NONE)
		*v = (uint64_t)hi << 32 | lo;
	return cpu_self()->fault;
}
static inline int wrmsr_catch(uint32_t msr, uint64_t v)
{
	cpu_self()->fault = VEC_NONE;
	__asm__ volatile("1: wrmsr\n2:\n" CATCH : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
	return cpu_self()->fault;
}
static inline uint64_t rdmsr(uint32_t msr) { uint64_t v = 0; (void)rdmsr_catch(msr, &v); return v; }
static inline void wrmsr(uint32_t msr, uint64_t v) { (void)wrmsr_catch(msr, v); }

/* What was written to memory is there before what comes. */
static inline void memory_barrier(void) { __asm__ volatile("mfence" ::: "memory"); }
static inline void pause(void) { __asm__ volatile("pause" ::: "memory"); }
static inline void irq_on(void) { __asm__ volatile("sti" ::: "memory"); }
static inline void irq_off(void) { __asm__ volatile("cli" ::: "memory"); }
/* Sleeps until an interrupt has been handled; interrupts are off before and after. */
static inline void halt_once(void) { __asm__ volatile("sti; hlt; cli" ::: "memory"); }
/* Takes what is pending. */
static inline void irq_window(void) { __asm__ volatile("sti; nop; nop; cli" ::: "memory"); }
static inline void invlpg(uint64_t a) { __asm__ volatile("invlpg (%0)" : : "r"(a) : "memory"); }

#endif
