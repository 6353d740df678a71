/* SPDX-License-Identifier: Apache-2.0 */
/* The block that each CPU's TPIDR_ELx points to: TPIDR_EL2 at EL2 and TPIDR_EL1 at EL1, since TPIDR_EL0 is libc's on CPU 0 and the guest's
 * meanwhile. Its own CPU reads and writes it; others only read what is constant after the CPU came up. Within core/aarch64 only. */
#ifndef CORE_AARCH64_PERCPU_H
#define CORE_AARCH64_PERCPU_H
#include "sysreg.h"
#include <core/err.h>
#include <core/hal.h>
#include <stdatomic.h>
#include <stddef.h>

#define PERCPU_EMERGENCY 0 /* traps.S */

struct percpu {
	uint64_t emergency_top; /* stack on which faults are reported: the CPU's own may be what is broken */
	unsigned id;
	uint64_t mpidr;         /* affinity fields */
	volatile void *gicr;    /* GICv3: this CPU's redistributor */
	uint64_t gicr_hpa;
	uint32_t gicr_number;   /* GICR_TYPER.Processor_Number */
	uint32_t target;        /* GICv2: this CPU's bit in GICD_ITARGETSR */
	void *lpi_pending;
	uint32_t ppi_forwarded; /* private interrupts that dispatching leaves active, a bit for each INTID */
	uint64_t timer_irqs, wake_irqs, spurious;
};
_Static_assert(offsetof(struct percpu, emergency_top) == PERCPU_EMERGENCY, "traps.S");

static inline struct percpu *this_cpu(void)
{
	return (struct percpu *)sysreg_tpidr();
}

/* NULL for a CPU that is not up. */
struct percpu *percpu_get(unsigned cpu);
/* The boot CPU's, before there are pools; its emergency stack is static until percpu_alloc_stack. */
struct percpu *percpu_boot(void);
/* Makes the block of the next CPU (id = number of CPUs that are up), with its emergency stack. */
err_t percpu_create(uint64_t mpidr, struct percpu **out) MUST_CHECK;
void percpu_destroy(struct percpu *p);
err_t percpu_alloc_stack(struct percpu *p) MUST_CHECK;
/* Publishes a CPU that came up: hal_cpu_count grows. */
void percpu_publish(struct percpu *p);

#endif
