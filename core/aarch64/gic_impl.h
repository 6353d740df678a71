/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the interrupt controller share: one driver for each architecture version behind gic_ops, and the tables of handlers
 * (gic.c). Within core/aarch64 only. */
#ifndef CORE_AARCH64_GIC_IMPL_H
#define CORE_AARCH64_GIC_IMPL_H
#include "percpu.h"
#include <core/aarch64/gic.h>
#include <stdbool.h>

/* Software-generated interrupts between our CPUs. */
enum { SGI_WAKE = 0, SGI_STOP = 1 };
/* INTIDs (IHI0069 2.2). */
enum { INTID_PPI = 16, INTID_SPI = 32, INTID_SPI_END = 1020, INTID_NONE = 1023, INTID_LPI = 8192 };
#define GIC_PRIORITY 0xa0u

struct gic_ops {
	err_t (*init)(void);                 /* boot CPU, once: the distributor */
	err_t (*cpu_prepare)(struct percpu *p); /* boot CPU, before p starts: finds what belongs to it */
	err_t (*cpu_init)(struct percpu *p); /* on p */
	/* Acknowledges the best pending interrupt; its INTID in the low bits, the whole to be handed back. INTID_NONE and near it: none. */
	uint32_t (*ack)(void);
	void (*drop)(uint32_t iar);          /* lets others of its priority in */
	void (*deactivate)(uint32_t iar);
	void (*send_sgi)(const struct percpu *to, unsigned sgi);
	/* Own CPU. */
	void (*ppi_enable)(unsigned intid, bool on);
	void (*ppi_active)(unsigned intid, bool on);
	/* A shared interrupt to a CPU, enabled. E_NOENT: the controller has no such line. */
	err_t (*spi_route)(unsigned intid, bool edge, const struct percpu *to);
};
extern const struct gic_ops gicv3_ops, gicv2_ops;

/* Boot CPU: finds the controller that the platform describes and takes it over. E_UNSUPPORTED. */
err_t gic_init(void) MUST_CHECK;
err_t gic_cpu_prepare(struct percpu *p) MUST_CHECK;
err_t gic_cpu_init(struct percpu *p) MUST_CHECK;
/* Takes all pending interrupts of this CPU. */
void gic_dispatch(void);
/* No effect before gic_init. */
void gic_send_sgi(unsigned cpu, unsigned sgi);
/* Routes a shared line that nobody has yet to a CPU. E_NOENT, E_EXIST. */
err_t gic_spi_take(unsigned intid, bool edge, const struct percpu *to, hal_irq_fn fn, void *ctx) MUST_CHECK;
/* A free locality-specific interrupt, below limit. */
err_t gic_lpi_take(unsigned limit, hal_irq_fn fn, void *ctx, unsigned *intid) MUST_CHECK;

/* gicv3_lpi.c: tables of locality-specific interrupts. init: after the distributor; bits is GICD_TYPER's number of INTID bits. */
err_t lpi_init(unsigned bits) MUST_CHECK;
unsigned lpi_limit(void);
err_t lpi_cpu_prepare(struct percpu *p) MUST_CHECK;
err_t lpi_cpu_init(struct percpu *p) MUST_CHECK;
void lpi_configure(unsigned intid);
/* its.c: the interrupt translation service. */
err_t its_init(void) MUST_CHECK;
bool its_present(void);
/* Nobody's messages arrive from now on: boot CPU, before any was asked for. */
void its_give_up(void);
err_t its_cpu_init(const struct percpu *p) MUST_CHECK;
err_t its_msi_alloc(uint32_t requester, unsigned cpu, hal_irq_fn fn, void *ctx, struct hal_msi *out) MUST_CHECK;
/* gicv2m.c */
void v2m_init(void);
bool v2m_present(void);
err_t v2m_msi_alloc(unsigned cpu, hal_irq_fn fn, void *ctx, struct hal_msi *out) MUST_CHECK;

#endif
