/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest test sees on a PC beside what all have (lib/common.h) and instructions (cpu.h): the machine's facts, traps, time, other CPUs. */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H
#include "../../lib/common.h"
#include "cpu.h"

/* ---- machine.c */
struct ram { uint64_t base, size; };
#define MAX_RAM 8
extern struct ram ram[MAX_RAM];          /* E820 RAM as the loader told */
extern unsigned nram;
extern uint64_t ram_low_end, ram_high_end; /* first byte beyond RAM below and above 4 GiB; high 0: none */
/* Maps page i (0..511) of the window: a guest-physical page with these PTE bits (0: not present). Returns its address. */
uint64_t window_map(unsigned i, uint64_t gpa, uint64_t flags);
enum { PTE_P = 1, PTE_W = 2, PTE_U = 4 };
#define PTE_NX (1ull << 63)

/* ---- trap.c: in the order of the pushes of start.S */
struct frame { uint64_t rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15, vector, error, rip, cs, rflags, rsp, ss; };
typedef void (*trap_fn)(struct frame *f);
/* For all CPUs. Handlers of interrupts end with apic_eoi themselves. */
void trap_set(unsigned vector, trap_fn fn);
void trap_init(void);
void trap_load(void);

/* ---- apic.c */
enum {
	APIC_ID = 0x20, APIC_VERSION = 0x30, APIC_TPR = 0x80, APIC_PPR = 0xa0, APIC_EOI = 0xb0, APIC_LDR = 0xd0, APIC_DFR = 0xe0, APIC_SVR = 0xf0,
	APIC_ISR = 0x100, APIC_TMR = 0x180, APIC_IRR = 0x200, APIC_ESR = 0x280, APIC_ICR = 0x300, APIC_ICR_HIGH = 0x310, APIC_LVT_TIMER = 0x320,
	APIC_LVT_LINT0 = 0x350, APIC_TIMER_INITIAL = 0x380, APIC_TIMER_CURRENT = 0x390, APIC_TIMER_DIVIDE = 0x3e0, APIC_SELF = 0x3f0,
};
#define APIC_BASE 0xfee00000ull
#define MSR_APIC_BASE 0x1b
#define MSR_TSC_DEADLINE 0x6e0
extern bool apic_x2[MAX_CPUS];
uint32_t apic_read(unsigned reg);
void apic_write(unsigned reg, uint32_t v);
void apic_eoi(void);
void apic_enable(void);                  /* software enable, spurious vector 0xff */
void apic_enter_x2(void);
/* ICR: low word and destination (an APIC id, logical mask or ~0). */
void apic_ipi(uint32_t low, uint32_t dest);
enum { ICR_FIXED = 0, ICR_LOWEST = 0x100, ICR_NMI = 0x400, ICR_INIT = 0x4500, ICR_SIPI = 0x600, ICR_LOGICAL = 0x800, ICR_SELF = 0x40000, ICR_ALL = 0x80000, ICR_OTHERS = 0xc0000 };
enum { TIMER_ONESHOT = 0, TIMER_PERIODIC = 0x20000, TIMER_DEADLINE = 0x40000, LVT_MASKED = 0x10000 };

/* ---- smp.c */
/* Whatever it does now, it waits for SIPI. */
void cpu_init(unsigned index);

/* ---- clock.c */
extern uint64_t tsc_hz;
void clock_init(void);
uint32_t pm_timer(void);                 /* 24 bits count, 3579545 Hz */
uint32_t pm_elapsed(uint32_t since);     /* ticks, modulo 24 bits */
bool kvmclock_init(void);                /* false: not offered */
uint64_t kvmclock_ns(void);
/* A guard against hangs, not a measure: false when cond stayed false for many seconds of guest time. */
#define WAIT(cond) ({ uint64_t end_ = rdtsc() + 30 * tsc_hz; bool met_; while (!(met_ = (cond)) && rdtsc() < end_) pause(); met_; })

#endif
