/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's GIC distributor as it is seen by MMIO (IHI0069 12.8): one security state, affinity routing always on, message-based SPIs, no
 * LPIs. In the exit path under vm->lock; takes the vgic's. What is not there reads as zero and ignores writes. */
#include "vgic_internal.h"

enum {
	GICD_CTLR = 0x0000, GICD_TYPER = 0x0004, GICD_IIDR = 0x0008, GICD_SETSPI_NSR = 0x0040, GICD_CLRSPI_NSR = 0x0048,
	GICD_IROUTER = 0x6000, GICD_IROUTER_END = 0x8000,
	TYPER_MBIS = 1u << 16, TYPER_IDBITS_10 = 9u << 19, TYPER_NO_1_OF_N = 1u << 25,
};
#define ROUTER_AFFINITY 0xff00ffffffull /* Aff3, Aff2, Aff1, Aff0; no "any of them" (GICD_IROUTER<n>) */

/* Of every interrupt, after the group was switched. */
static void dist_update_all(struct vgic *g)
{
	for (unsigned intid = VGIC_PRIVATE; intid < VIRT_INTIDS; intid++) {
		vgic_irq_update(g, vgic_irq_at(g, NULL, intid), intid);
		vgic_irq_recall(g, vgic_irq_at(g, NULL, intid));
	}
	for (unsigned i = 0; i < g->vm->nvcpus; i++) {
		struct vgic_cpu *c = vgic_cpu_of(&g->vm->vcpus[i]);

		for (unsigned intid = 0; intid < VGIC_PRIVATE; intid++) {
			vgic_irq_update(g, &c->irq[intid], intid);
			vgic_irq_recall(g, &c->irq[intid]);
		}
	}
}

static void dist_write_ctlr(struct vgic *g, uint32_t v)
{
	uint32_t old = g->ctlr;

	g->ctlr = (v & (GICD_CTLR_GRP0 | GICD_CTLR_GRP1)) | GICD_CTLR_ARE | GICD_CTLR_DS;
	if ((old ^ g->ctlr) & GICD_CTLR_GRP1)
		dist_update_all(g);
}

static struct vgic_irq *router_irq(struct vgic *g, uint64_t off, unsigned size, unsigned *intid)
{
	if (off < GICD_IROUTER || off >= GICD_IROUTER_END || (size != 4 && size != 8) || !is_aligned(off, size))
		return NULL;
	*intid = (unsigned)(off - GICD_IROUTER) / 8;
	return vgic_irq_at(g, NULL, *intid);
}

static uint64_t dist_register(struct vgic *g, uint64_t off, unsigned size)
{
	unsigned intid;
	const struct vgic_irq *q = router_irq(g, off, size, &intid);

	if (q)
		return q->route >> (off % 8 * 8);
	if (size != 4)
		return vgic_fields_read(g, NULL, off, size);
	switch (off) {
	case GICD_CTLR: return g->ctlr;
	case GICD_TYPER: return (VIRT_INTIDS / 32 - 1) | TYPER_MBIS | TYPER_IDBITS_10 | TYPER_NO_1_OF_N;
	case GICD_IIDR: return VGIC_IIDR;
	default: return off >= 0x8000 ? vgic_id_register(off) : vgic_fields_read(g, NULL, off, size);
	}
}

static uint64_t dist_read(void *ctx, uint64_t off, unsigned size)
{
	struct vgic *g = ctx;
	uint64_t v;

	spin_lock(&g->lock);
	v = dist_register(g, off, size);
	spin_unlock(&g->lock);
	return v;
}

static void dist_write_router(struct vgic *g, struct vgic_irq *q, unsigned intid, uint64_t off, unsigned size, uint64_t v)
{
	if (size == 4)
		v = off % 8 ? (q->route & 0xffffffff) | v << 32 : (q->route & ~0xffffffffull) | (v & 0xffffffff);
	vgic_irq_route(g, q, intid, v & ROUTER_AFFINITY);
}

static void dist_set(struct vgic *g, uint64_t off, unsigned size, uint64_t v)
{
	unsigned intid;
	struct vgic_irq *q = router_irq(g, off, size, &intid);

	if (q)
		dist_write_router(g, q, intid, off, size, v);
	else if (off == GICD_CTLR && size == 4)
		dist_write_ctlr(g, (uint32_t)v);
	else if ((off == GICD_SETSPI_NSR || off == GICD_CLRSPI_NSR) && (size == 2 || size == 4))
		(void)vgic_message(g, (uint32_t)v & 0x1fff, off == GICD_SETSPI_NSR);
	else
		vgic_fields_write(g, NULL, off, size, v);
}

static void dist_write(void *ctx, uint64_t off, unsigned size, uint64_t v)
{
	struct vgic *g = ctx;

	spin_lock(&g->lock);
	dist_set(g, off, size, v);
	spin_unlock(&g->lock);
}
const struct bus_ops vgic_dist_ops = {.read = dist_read, .write = dist_write};

/* A device's message is what the guest wrote into its MSI-X table: only the doorbell counts, with the number of an SPI. */
static void msi_write(void *ctx, uint64_t address, uint32_t data)
{
	struct vm *vm = ctx;
	struct vgic *g = vgic_of(vm);
	bool known = false;

	if (address == VIRT_GICD + GICD_SETSPI_NSR) {
		spin_lock(&g->lock);
		known = vgic_message(g, data, true);
		spin_unlock(&g->lock);
	}
	if (!known)
		atomic_fetch_add_explicit(&vm->counters.spurious_msis, 1, memory_order_relaxed);
}

struct msi_sink vgic_msi_sink(struct vm *vm)
{
	return (struct msi_sink){.send = msi_write, .ctx = vm};
}
