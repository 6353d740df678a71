/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts: which handler an INTID has, and taking them. Handlers are handed out once and never taken back but for private ones. They run
 * in the window of their CPU's loop, where pending interrupts are acknowledged by asking: the CPU's mask is never opened. */
#include "gic_impl.h"
#include "../machine/panic_impl.h"
#include "platform.h"
#include <core/log.h>
#include <core/spinlock.h>

#define MAX_LPIS 1024
#define DISPATCH_MAX 64 /* a line that nobody quiets must not keep the loop from its work */

struct irq_slot { hal_irq_fn fn; void *ctx; };

static const struct gic_ops *gic;
static struct irq_slot ppis[INTID_SPI - INTID_PPI], spis[INTID_SPI_END - INTID_SPI], lpis[MAX_LPIS];
static struct spinlock irq_lock; /* writers of the tables; readers see fn last */

err_t gic_init(void)
{
	err_t e;

	gic = platform.gic_version >= 3 ? &gicv3_ops : &gicv2_ops;
	e = gic->init();
	if (e != OK)
		gic = NULL;
	return e;
}

err_t gic_cpu_prepare(struct percpu *p)
{
	return gic->cpu_prepare(p);
}

err_t gic_cpu_init(struct percpu *p)
{
	return gic->cpu_init(p);
}

unsigned gic_version(void)
{
	return platform.gic_version >= 3 ? 3 : 2;
}

unsigned gic_maintenance_ppi(void)
{
	return platform.ppi_maintenance;
}

unsigned gic_vtimer_ppi(void)
{
	return platform.ppi_vtimer;
}

/* ---- taking interrupts */

static struct irq_slot *slot_of(unsigned intid)
{
	if (intid >= INTID_PPI && intid < INTID_SPI)
		return &ppis[intid - INTID_PPI];
	if (intid >= INTID_SPI && intid < INTID_SPI_END)
		return &spis[intid - INTID_SPI];
	if (intid >= INTID_LPI && intid - INTID_LPI < MAX_LPIS)
		return &lpis[intid - INTID_LPI];
	return NULL;
}

static void run_handler(struct percpu *p, unsigned intid)
{
	const struct irq_slot *s = slot_of(intid);
	hal_irq_fn fn = s ? __atomic_load_n(&s->fn, __ATOMIC_ACQUIRE) : NULL;

	if (intid == SGI_WAKE)
		p->wake_irqs++;
	else if (intid == SGI_STOP && panic_in_progress())
		panic_stopped((uint64_t)__builtin_return_address(0), *(uint64_t *)__builtin_frame_address(0));
	else if (fn)
		fn(s->ctx);
	else
		p->spurious++;
}

void gic_dispatch(void)
{
	struct percpu *p = this_cpu();

	for (unsigned n = 0; n < DISPATCH_MAX; n++) {
		uint32_t iar = gic->ack();
		unsigned intid = iar & 0xffffff;

		if (intid >= INTID_SPI_END && intid <= INTID_NONE)
			return;
		run_handler(p, intid);
		gic->drop(iar);
		/* LPIs have no active state (IHI0069 5.1). */
		if (intid < INTID_SPI && (p->ppi_forwarded >> intid & 1))
			continue;
		if (intid < INTID_LPI)
			gic->deactivate(iar);
	}
}

/* What a device reported by SError since the last window comes out here, as a panic; it is masked meanwhile as interrupts are. ISB: a pending one
 * is taken before what follows (DDI0487, Asynchronous exceptions). */
static void serror_window(void)
{
	__asm__ volatile("msr daifclr, #4; isb; msr daifset, #4" : : : "memory");
}

void hal_irq_window(void)
{
	serror_window();
	gic_dispatch();
}

void hal_idle(void)
{
	/* WFI ends for a pending interrupt although PSTATE masks it (DDI0487, Wait for Interrupt), also for one that came just before. */
	dsb_sy();
	__asm__ volatile("wfi" : : : "memory");
	gic_dispatch();
}

void gic_send_sgi(unsigned cpu, unsigned sgi)
{
	const struct percpu *p = percpu_get(cpu);

	if (!gic || !p)
		return;
	/* What the receiver shall see was stored before (IHI0069 4.4.1: the SGI register is not ordered with memory). */
	dsb_sy();
	gic->send_sgi(p, sgi);
	isb();
}

void hal_ipi_wake(unsigned cpu)
{
	gic_send_sgi(cpu, SGI_WAKE);
}

/* ---- handing them out */

static void slot_set(struct irq_slot *s, hal_irq_fn fn, void *ctx)
{
	s->ctx = ctx;
	__atomic_store_n(&s->fn, fn, __ATOMIC_RELEASE);
}

static err_t slot_claim(struct irq_slot *s, hal_irq_fn fn, void *ctx)
{
	err_t e = E_EXIST;

	spin_lock(&irq_lock);
	if (!s->fn) {
		slot_set(s, fn, ctx);
		e = OK;
	}
	spin_unlock(&irq_lock);
	return e;
}

err_t gic_ppi_enable(unsigned intid, bool forwarded, hal_irq_fn fn, void *ctx)
{
	struct irq_slot *s;
	err_t e;

	if (intid < INTID_PPI || intid >= INTID_SPI || !fn)
		return E_INVAL;
	s = slot_of(intid);
	e = slot_claim(s, fn, ctx);
	if (e != OK && (s->fn != fn || s->ctx != ctx))
		return e;
	if (forwarded)
		this_cpu()->ppi_forwarded |= 1u << intid;
	else
		this_cpu()->ppi_forwarded &= ~(1u << intid);
	gic->ppi_enable(intid, true);
	return OK;
}

void gic_ppi_disable(unsigned intid)
{
	gic->ppi_enable(intid, false);
	this_cpu()->ppi_forwarded &= ~(1u << intid);
}

void gic_ppi_set_active(unsigned intid, bool active)
{
	gic->ppi_active(intid, active);
}

err_t gic_spi_take(unsigned intid, bool edge, const struct percpu *to, hal_irq_fn fn, void *ctx)
{
	err_t e;

	if (intid < INTID_SPI || intid >= INTID_SPI_END)
		return E_NOENT;
	e = slot_claim(slot_of(intid), fn, ctx);
	if (e != OK)
		return e;
	e = gic->spi_route(intid, edge, to);
	if (e != OK)
		slot_set(slot_of(intid), NULL, NULL);
	return e;
}

err_t gic_lpi_take(unsigned limit, hal_irq_fn fn, void *ctx, unsigned *intid)
{
	for (unsigned i = 0; i < MAX_LPIS && INTID_LPI + i < limit; i++)
		if (slot_claim(&lpis[i], fn, ctx) == OK) {
			*intid = INTID_LPI + i;
			return OK;
		}
	return E_NOMEM;
}

err_t hal_msi_alloc(uint32_t requester, unsigned cpu, hal_irq_fn fn, void *ctx, struct hal_msi *out)
{
	if (!fn)
		return E_INVAL;
	if (!percpu_get(cpu))
		return E_NOENT;
	if (its_present())
		return its_msi_alloc(requester, cpu, fn, ctx, out);
	if (v2m_present())
		return v2m_msi_alloc(cpu, fn, ctx, out);
	return E_UNSUPPORTED;
}

/* On this architecture a global system interrupt is an INTID; ACPI describes them as level-triggered, active high unless told. */
err_t hal_gsi_route(unsigned isa_irq, hal_irq_fn fn, void *ctx)
{
	if (!fn)
		return E_INVAL;
	return gic_spi_take(isa_irq, false, percpu_get(0), fn, ctx);
}
