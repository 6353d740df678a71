/* SPDX-License-Identifier: Apache-2.0 */
/* The host's interrupt controller as the monitor sees it: private interrupts of a CPU and what it has for guests (IHI0069). Device
 * interrupts go by hal.h. The controller runs with EOImode 1: dispatching drops the priority, and deactivates as a second step. */
#ifndef CORE_AARCH64_GIC_H
#define CORE_AARCH64_GIC_H
#include <core/err.h>
#include <core/hal.h>
#include <stdbool.h>

/* Architecture version of the controller: 2 or 3 (4 counts as 3). After hal_init. */
unsigned gic_version(void);
/* INTIDs (16..31) of the maintenance interrupt and of the EL1 virtual timer, from the firmware's tables; 0: there is none. */
unsigned gic_maintenance_ppi(void);
unsigned gic_vtimer_ppi(void);

/* Enables private interrupt intid on the calling CPU; fn runs in the window like every handler, and is the same on all CPUs that
 * enable it. forwarded: dispatching leaves it active, because a guest will deactivate it (HW bit of its list register), or
 * gic_ppi_deactivate. E_INVAL: not 16..31; E_EXIST: another fn has it. */
err_t gic_ppi_enable(unsigned intid, bool forwarded, hal_irq_fn fn, void *ctx) MUST_CHECK;
void gic_ppi_disable(unsigned intid);
/* The active state on the calling CPU, for an interrupt that is linked to a guest which leaves or enters this CPU. */
void gic_ppi_set_active(unsigned intid, bool active);

#endif
