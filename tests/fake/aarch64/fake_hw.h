/* SPDX-License-Identifier: Apache-2.0 */
/* The instructions of EL2 on the host, and what the machine layer says of it: registers are cells, a test's function plays the guest between
 * entry and exit, and what was asked for is counted. */
#ifndef TESTS_FAKE_AARCH64_FAKE_HW_H
#define TESTS_FAKE_AARCH64_FAKE_HW_H
#include <core/hal.h>
#include "../../../vmm/aarch64/hw.h"

struct fake_hw {
	/* set by tests */
	bool present, vhe, forgets_branches;
	unsigned gic_version, maintenance_ppi, vtimer_ppi;
	unsigned next_intid;           /* the interrupt that waits for the host; 0: none */
	uint64_t id[ARM_ID_REGS], midr, revidr, vtr;
	struct hw_syndrome syndrome;
	/* The guest: changes the frame, cpu and syndrome as the CPU would until the next exit, and returns HW_EXIT_*. */
	unsigned (*run)(struct hw_frame *f);
	/* what the CPU holds */
	struct arch_regs cpu;          /* EL1's registers; the timer as it was started, with CTL 0 while it is stopped */
	struct hw_fp fp;
	struct hw_debug debug;
	struct hw_setup setup;
	uint64_t cptr, mdcr, vttbr, vmpidr, cntvoff;
	struct vgic_hw gic;
	/* seen */
	unsigned enters, loads, saves, fp_loads, fp_saves, debug_loads, gic_enables, gic_loads, enabled, disabled;
	unsigned branches_forgotten;
	unsigned flush_vm, flush_range, flush_stage1, flush_all, published, published_code;
	uint64_t flushed_vttbr, flushed_from, flushed_pages, published_bytes;
	/* private interrupts of the host */
	hal_irq_fn ppi_fn[32];
	bool ppi_forwarded[32], ppi_active[32];
	unsigned ppi_writes;
};
extern struct fake_hw fake_hw;
/* A machine with all that guests need: 44 bits, 8 bits of VMID, no VHE; guests exit by interrupts. */
void fake_hw_reset(void);

#endif
