/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions of a guest test as C: device registers, system registers, barriers; and the same with a fault caught. A caught
 * instruction leaves its exception class in cpu_self()->fault and goes on behind itself. */
#ifndef GUEST_CPU_H
#define GUEST_CPU_H
#include <stdbool.h>
#include <stdint.h>
#include "layout.h"

/* Exception classes, ESR_EL1.EC (DDI0487 D24.2.40). EC_NONE: nothing was caught. */
enum {
	EC_UNKNOWN = 0, EC_WFX = 1, EC_FP = 7, EC_SVC = 0x15, EC_HVC = 0x16, EC_SMC = 0x17, EC_SYS = 0x18, EC_SVE = 0x19, EC_SME = 0x1d, EC_IABT = 0x21, EC_PC = 0x22,
	EC_DABT = 0x25, EC_SP = 0x26, EC_STEP = 0x33, EC_WATCH = 0x35, EC_BRK = 0x3c, EC_NONE = -1,
};
/* ISS of an abort: fault status and the bits beside it (D24.2.40). */
enum { ISS_FSC = 0x3f, ISS_WNR = 1 << 6, ISS_S1PTW = 1 << 7, FSC_TRANSLATION = 4, FSC_ACCESS = 8, FSC_PERMISSION = 12 };

/* At the bottom of each CPU's stack, so that it is found without a system register, all of which some tests overwrite. */
struct cpu {
	unsigned index;
	volatile int fault;             /* EC of the last caught fault, EC_NONE */
	volatile uint64_t fault_error, fault_address; /* its ISS and FAR */
	volatile uint64_t catch_at;     /* an instruction that is no constant, or 0 */
	volatile bool online;
	void (*fn)(unsigned index);
	volatile unsigned rounds;       /* how often it came up */
	uint64_t entry_sctlr, entry_daif; /* as it came, the last time */
};
static inline struct cpu *cpu_self(void)
{
	uint64_t sp;

	__asm__ volatile("mov %0, sp" : "=r"(sp));
	return (struct cpu *)(sp & ~(uint64_t)(STACK_SIZE - 1));
}
struct cpu *cpu_of(unsigned index);

/* In an asm statement: the instruction at label 1 may fault, and ends at label 2. */
#define CATCH " .pushsection .extable, \"a\"; .quad 1b, 2b; .popsection\n"
/* Runs one instruction that touches no register; its class or EC_NONE. */
#define CAUGHT(insn) ({ cpu_self()->fault = EC_NONE; __asm__ volatile("1: " insn "\n2:\n" CATCH : : : "memory", "cc"); cpu_self()->fault; })

#define SYS_READ(reg) ({ uint64_t v_; __asm__ volatile("mrs %0, " reg : "=r"(v_) : : "memory"); v_; })
#define SYS_WRITE(reg, v) ({ uint64_t v_ = (v); __asm__ volatile("msr " reg ", %0; isb" : : "r"(v_) : "memory"); })
/* Class or EC_NONE; *p is untouched on a fault. */
#define SYS_READ_CATCH(reg, p) ({ uint64_t v_ = *(p); cpu_self()->fault = EC_NONE; __asm__ volatile("1: mrs %0, " reg "\n2:\n" CATCH : "+r"(v_) : : "memory"); *(p) = v_; cpu_self()->fault; })
#define SYS_WRITE_CATCH(reg, v) ({ uint64_t v_ = (v); cpu_self()->fault = EC_NONE; __asm__ volatile("1: msr " reg ", %0\n2: isb\n" CATCH : : "r"(v_) : "memory"); cpu_self()->fault; })

/* One access of that size, by the one form that a hypervisor is told of in full (ISV 1). */
static inline uint8_t read8(uint64_t a) { uint32_t v; __asm__ volatile("ldrb %w0, [%1]" : "=r"(v) : "r"(a) : "memory"); return (uint8_t)v; }
static inline uint16_t read16(uint64_t a) { uint32_t v; __asm__ volatile("ldrh %w0, [%1]" : "=r"(v) : "r"(a) : "memory"); return (uint16_t)v; }
static inline uint32_t read32(uint64_t a) { uint32_t v; __asm__ volatile("ldr %w0, [%1]" : "=r"(v) : "r"(a) : "memory"); return v; }
static inline uint64_t read64(uint64_t a) { uint64_t v; __asm__ volatile("ldr %0, [%1]" : "=r"(v) : "r"(a) : "memory"); return v; }
static inline void write8(uint64_t a, uint8_t v) { __asm__ volatile("strb %w0, [%1]" : : "r"((uint32_t)v), "r"(a) : "memory"); }
static inline void write16(uint64_t a, uint16_t v) { __asm__ volatile("strh %w0, [%1]" : : "r"((uint32_t)v), "r"(a) : "memory"); }
static inline void write32(uint64_t a, uint32_t v) { __asm__ volatile("str %w0, [%1]" : : "r"(v), "r"(a) : "memory"); }
static inline void write64(uint64_t a, uint64_t v) { __asm__ volatile("str %0, [%1]" : : "r"(v), "r"(a) : "memory"); }
/* The same with a fault caught: class or EC_NONE. A read leaves *v untouched then. */
static inline int read32_catch(uint64_t a, uint32_t *v)
{
	cpu_self()->fault = EC_NONE;
	__asm__ volatile("1: ldr %w0, [%1]\n2:\n" CATCH : "+r"(*v) : "r"(a) : "memory");
	return cpu_self()->fault;
}
static inline int write32_catch(uint64_t a, uint32_t v)
{
	cpu_self()->fault = EC_NONE;
	__asm__ volatile("1: str %w0, [%1]\n2: dsb sy\n" CATCH : : "r"(v), "r"(a) : "memory");
	return cpu_self()->fault;
}

/* What was written to memory is there, for everybody, before what comes. */
static inline void memory_barrier(void) { __asm__ volatile("dsb sy" ::: "memory"); }
static inline void isb(void) { __asm__ volatile("isb" ::: "memory"); }
static inline void pause(void) { __asm__ volatile("yield" ::: "memory"); }
static inline void irq_on(void) { __asm__ volatile("msr daifclr, #2; isb" ::: "memory"); }
static inline void irq_off(void) { __asm__ volatile("msr daifset, #2; isb" ::: "memory"); }
static inline void wfi(void) { __asm__ volatile("dsb sy; wfi" ::: "memory"); }
/* Takes what is pending. */
static inline void irq_window(void) { __asm__ volatile("msr daifclr, #2; isb; nop; msr daifset, #2; isb" ::: "memory"); }
/* Sleeps until an interrupt is there, and takes it; interrupts are off before and after. */
static inline void halt_once(void) { wfi(); irq_window(); }
/* Forgets a page's translation on all CPUs (DDI0487 D8.16.5). */
static inline void tlb_forget(uint64_t a) { __asm__ volatile("dsb ishst; tlbi vaae1is, %0; dsb ish; isb" : : "r"(a >> 12 & 0xfffffffffff) : "memory"); }
static inline void tlb_forget_all(void) { __asm__ volatile("dsb ishst; tlbi vmalle1is; dsb ish; isb" ::: "memory"); }

#endif
