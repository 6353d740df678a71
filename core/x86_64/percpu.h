/* SPDX-License-Identifier: Apache-2.0 */
/* The block that each CPU's GS base points to. Its own CPU reads and writes it; others only read what is
 * constant after the CPU came up (id, apic_id) and the counters. Within core/x86_64 only. */
#ifndef CORE_X86_64_PERCPU_H
#define CORE_X86_64_PERCPU_H
#include <core/err.h>
#include <core/hal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* SDM 3A 8.7, APM 2 12.2.5: the 64-bit task state segment. */
struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, iomap;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "SDM 3A figure 8-11");

#define IRQ_FIRST_VECTOR 0x30
#define IRQ_LAST_VECTOR 0xef
#define IRQ_VECTORS (IRQ_LAST_VECTOR - IRQ_FIRST_VECTOR + 1)

struct irq_slot { hal_irq_fn fn; void *ctx; };

struct percpu {
	struct percpu *self;
	unsigned id;
	uint32_t apic_id;
	_Alignas(16) uint64_t gdt[8];
	struct tss tss;
	int64_t tsc_offset;         /* added to this CPU's TSC so that all agree */
	uint64_t nmis, spurious, timer_irqs, wake_irqs;
	uint64_t fault_va, fault_rip; /* the last page fault that was taken for a stale TLB entry */
	unsigned fault_repeats;
	struct irq_slot irqs[IRQ_VECTORS]; /* written under irq.c's lock before the vector can fire */
};

static inline struct percpu *this_cpu(void)
{
	struct percpu *p;
	__asm__("movq %%gs:0, %0" : "=r"(p));
	return p;
}

/* NULL for a CPU that is not up. */
struct percpu *percpu_get(unsigned cpu);
/* The boot CPU's, before there are pools. */
struct percpu *percpu_boot(void);
/* Makes the block of the next CPU (id = number of CPUs that are up). */
err_t percpu_create(uint32_t apic_id, struct percpu **out) MUST_CHECK;
void percpu_destroy(struct percpu *p);
/* Publishes a CPU that came up: hal_cpu_count grows. */
void percpu_publish(struct percpu *p);

#endif
