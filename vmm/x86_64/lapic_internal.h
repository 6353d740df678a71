/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the lapic*.c files alone: the live APIC, register numbers and bits (SDM 3A 11.4, table 11-1). What other CPUs touch is
 * atomic; the rest belongs to the vCPU's own CPU. Must not be included elsewhere. */
#ifndef VMM_X86_64_LAPIC_INTERNAL_H
#define VMM_X86_64_LAPIC_INTERNAL_H
#include <core/arith.h>
#include <stdatomic.h>
#include <vmm/vm.h>
#include <vmm/x86_64/lapic.h>

/* Register numbers: offset in the xAPIC page / 16 == MSR - 0x800. */
enum {
	R_ID = 0x02, R_VERSION = 0x03, R_TPR = 0x08, R_APR = 0x09, R_PPR = 0x0a, R_EOI = 0x0b, R_RRD = 0x0c, R_LDR = 0x0d, R_DFR = 0x0e,
	R_SVR = 0x0f, R_ISR = 0x10, R_TMR = 0x18, R_IRR = 0x20, R_ESR = 0x28, R_ICR_LOW = 0x30, R_ICR_HIGH = 0x31, R_LVT = 0x32,
	R_TIMER_INITIAL = 0x38, R_TIMER_CURRENT = 0x39, R_TIMER_DIVIDE = 0x3e, R_SELF_IPI = 0x3f,
};
enum { LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR };

#define BASE_BSP (1ull << 8)
#define BASE_EXTD (1ull << 10)
#define BASE_EN (1ull << 11)
#define BASE_ADDR_MASK 0x000ffffffffff000ull

#define SVR_ENABLE (1u << 8)
#define SVR_MASK 0x3ffu /* vector, enable, focus */
#define LVT_MASKED (1u << 16)
#define LVT_VECTOR 0xffu
#define LVT_MODE_SHIFT 17
enum { TIMER_ONESHOT = 0, TIMER_PERIODIC = 1, TIMER_TSC_DEADLINE = 2 };

#define ESR_SEND_ILLEGAL (1u << 5)
#define ESR_RECV_ILLEGAL (1u << 6)
#define ESR_ILLEGAL_REGISTER (1u << 7)
#define ESR_MASK 0xe0u

enum { DM_FIXED = 0, DM_LOWEST = 1, DM_SMI = 2, DM_NMI = 4, DM_INIT = 5, DM_SIPI = 6, DM_EXTINT = 7 };

/* struct lapic.mode, read by senders */
#define MODE_ENABLED 1u /* APIC base EN */
#define MODE_X2 2u      /* APIC base EXTD */
#define MODE_SOFT 4u    /* SVR enable */

/* struct lapic.signals */
#define SIG_NMI 1u
#define SIG_INIT 2u
#define SIG_SIPI 4u
#define SIG_VECTOR_SHIFT 8
#define SIG_MASK 0xff07u

#define LAPIC_VERSION (0x14u | (LAPIC_LVTS - 1) << 16) /* integrated, highest LVT entry, no EOI suppression */
#define DEST_BROADCAST 0xffffffffu

enum { VECTOR_WORDS = 4 };

struct lapic {
	struct vcpu *v;
	/* any CPU. A bit a vector. irr: own_irr, or where the CPU itself takes posted interrupts from (lapic_irr_move). */
	_Atomic uint64_t *irr, own_irr[VECTOR_WORDS], tmr[VECTOR_WORDS];
	atomic_uint signals, esr_pending;
	atomic_uint mode, ldr, dfr;
	/* own CPU */
	uint64_t base_msr;
	uint32_t tpr, svr, esr, icr_low, icr_high;
	uint64_t isr[VECTOR_WORDS];
	uint32_t lvt[LAPIC_LVTS];
	uint32_t timer_divide, timer_initial;
	uint64_t timer_start_ns, timer_deadline_ns, tsc_deadline; /* as in struct lapic_state */
	struct lapic_deadline { uint64_t tsc, host_ns; int64_t offset; } tsc_host; /* what a TSC deadline is in the host's time, at that offset */
	bool wait_sipi;
};

struct lapic_message { uint32_t dest; bool logical, level; uint8_t mode, vector; };

static inline struct lapic *lapic_of(const struct vcpu *v) { return v->irqc; }
static inline uint64_t vector_bit(unsigned vector) { return 1ull << (vector % 64); } /* in word vector / 64 */
/* One of the eight registers that they are to the guest. */
static inline uint32_t vector_reg(uint64_t word, unsigned reg) { return (uint32_t)(word >> (reg % 2 * 32)); }
/* -1: none. */
static inline int vectors_highest(const uint64_t words[VECTOR_WORDS])
{
	for (int i = VECTOR_WORDS - 1; i >= 0; i--)
		if (words[i])
			return i * 64 + 63 - __builtin_clzll(words[i]);
	return -1;
}
static inline bool lapic_is_x2(const struct lapic *l) { return l->base_msr & BASE_EXTD; }

/* lapic.c */
void lapic_init_state(struct lapic *l);               /* as after INIT: all but base MSR */
void lapic_mode_update(struct lapic *l);              /* after base_msr or svr changed */
void lapic_accept(struct lapic *l, uint8_t vector, bool level); /* any CPU */
void lapic_signal(struct lapic *l, uint32_t set, uint32_t clear); /* any CPU */
void lapic_error(struct lapic *l, uint32_t esr_bit);
void lapic_eoi(struct lapic *l);
uint32_t lapic_ppr(const struct lapic *l);
uint32_t lapic_ldr_value(const struct lapic *l);
/* lapic_ipi.c */
void lapic_icr_send(struct lapic *l, uint32_t low, uint32_t dest);
/* Returns how many vCPUs it reached. */
unsigned lapic_send(struct vm *vm, const struct lapic_message *msg);
/* lapic_regs.c */
err_t lapic_reg_write(struct lapic *l, unsigned reg, uint32_t v) MUST_CHECK;
/* lapic_timer.c */
void lapic_timer_stop(struct lapic *l);
void lapic_timer_lvt_write(struct lapic *l, uint32_t v);
void lapic_timer_initial_write(struct lapic *l, uint32_t v);
void lapic_timer_divide_write(struct lapic *l, uint32_t v);
uint32_t lapic_timer_current(struct lapic *l);
void lapic_timer_tsc_write(struct lapic *l, uint64_t v);
uint64_t lapic_timer_tsc_read(struct lapic *l);

#endif
