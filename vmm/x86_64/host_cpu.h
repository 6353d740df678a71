/* SPDX-License-Identifier: Apache-2.0 */
/* The host CPU as the backends need it: privileged instructions as inline functions, what CPUID says of it, and what each CPU remembers
 * between two guests. Own CPU. For the backends alone. */
#ifndef VMM_X86_64_HOST_CPU_H
#define VMM_X86_64_HOST_CPU_H
#include <stdbool.h>
#include <stdint.h>

#define MSR_SPEC_CTRL 0x48u
#define MSR_PRED_CMD 0x49u
#define MSR_ARCH_CAPABILITIES 0x10au
#define MSR_FLUSH_CMD 0x10bu
#define MSR_PAT 0x277u
#define MSR_XSS 0xda0u
#define MSR_EFER 0xc0000080u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_TSC_AUX 0xc0000103u

struct cpu_leaf { uint32_t a, b, c, d; };

static inline struct cpu_leaf cpu_leaf(uint32_t leaf, uint32_t sub)
{
	struct cpu_leaf r;
	__asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
	return r;
}
/* In host_insn.S, since no program under an operating system may execute them. */
uint64_t cpu_rdmsr(uint32_t msr);
void cpu_wrmsr(uint32_t msr, uint64_t v);
uint64_t cpu_cr0(void);
uint64_t cpu_cr3(void);
uint64_t cpu_cr4(void);
void cpu_set_cr0(uint64_t v);
void cpu_set_cr4(uint64_t v);
struct host_tables {
	struct __attribute__((packed)) { uint16_t limit; uint64_t base; } gdt, idt;
	uint16_t cs, ss, tr;
};
_Static_assert(sizeof(struct host_tables) == 26, "host_insn.S");
void cpu_tables(struct host_tables *t);
void cpu_load_tables(const struct host_tables *t); /* GDT and IDT alone */
/* Runs the host's handler of machine checks: one has ended a guest run. It panics with what the banks tell. */
void cpu_machine_check(void);

static inline uint64_t cpu_rdtsc(void)
{
	uint32_t lo, hi;
	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}
/* Clears the CPU's buffers where CPUID says MD_CLEAR; the memory form with a writable segment does so. */
static inline void cpu_verw(void)
{
	uint16_t ss;

	__asm__ volatile("mov %%ss, %0\n\tverw %0" : "=m"(ss) : : "cc", "memory");
}
static inline uint64_t cpu_xgetbv(void)
{
	uint32_t lo, hi;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (uint64_t)hi << 32 | lo;
}
static inline void cpu_xsetbv(uint64_t v)
{
	__asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}
static inline void cpu_xsave(void *area, uint64_t mask)
{
	__asm__ volatile("xsave64 (%0)" : : "r"(area), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32)) : "memory");
}
static inline void cpu_xrstor(const void *area, uint64_t mask)
{
	__asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32)) : "memory");
}
static inline void cpu_fxsave(void *area) { __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory"); }
/* AMD's FXRSTOR and XRSTOR leave the last x87 instruction and data pointers as they are while no x87 exception is pending (APM 2 11.4.4.3),
 * so one guest would see another's. An x87 load from our own memory overwrites them; the next restore puts the rest right. */
static inline void cpu_fp_forget_pointers(void)
{
	static const int32_t own;

	__asm__ volatile("fnclex\n\temms\n\tfildl %0" : : "m"(own));
}
static inline void cpu_fxrstor(const void *area) { __asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory"); }

/* ---- host_cpu.c */
/* What CPUID says, the same on all CPUs; written by a backend's probe. */
struct host_features {
	uint64_t xcr0;           /* 0: no XSAVE, the area is FXSAVE's */
	uint32_t fp_size;
	bool rdtscp, ibpb;
	bool l1d_flush, verw;    /* before each entry: see host_leaks */
};
extern struct host_features host_features;

/* What a guest could read of others by speculation on this CPU, and what the CPU offers against it. Intel's documents "L1 Terminal Fault",
 * "Microarchitectural Data Sampling", "Processor MMIO Stale Data" and "Register File Data Sampling"; SDM 4 table 2-2. Pure. */
struct host_leaks { bool l1tf, buffers, l1d_flush, verw; };
/* leaf7_edx: CPUID 7.0 EDX; rtm: CPUID 7.0 EBX bit 11; arch_caps: IA32_ARCH_CAPABILITIES, 0 without. */
struct host_leaks host_leaks(bool intel, uint32_t leaf7_edx, bool rtm, uint64_t arch_caps);
void host_cpu_probe(void);
/* On a CPU that is being switched on. */
void host_cpu_init(void);
/* Base of the task state segment that tables point to (SDM 3A figure 8-4). */
uint64_t host_cpu_tss(const struct host_tables *t);
/* hal_counter() is the TSC plus what makes this CPU agree with the others: the difference, here. */
int64_t host_cpu_counter_delta(void);
/* Before the entry of a guest of VM id (never used again) where another vCPU ran: no branch target of one VM reaches another. */
void host_cpu_enter_vm(uint64_t id);
/* Before each entry: where the CPU leaks them, nothing of the host's or others' is left in its L1 data cache and buffers. */
void host_cpu_flush_leaks(void);
static inline void host_cpu_flush(void)
{
	if (host_features.l1d_flush | host_features.verw)
		host_cpu_flush_leaks();
}
/* RDTSCP and RDPID read the MSR itself. The host uses neither. */
void host_cpu_tsc_aux(uint64_t value);

#endif
