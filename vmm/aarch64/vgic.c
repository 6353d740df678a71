/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's GIC: life, and what reaches it from devices, timers and other vCPUs. See vgic.h. Knows no hardware. */
#include "vgic_internal.h"
#include <core/page.h>

/* ---- distributor ---- */

err_t vgic_create(struct vm *vm)
{
	struct vgic *g = pool_alloc(&vm->pool, sizeof(*g));
	err_t e;

	if (!g)
		return E_NOMEM;
	g->vm = vm;
	spin_init(&g->lock);
	for (unsigned i = 0; i < VGIC_SPIS; i++)
		g->spi[i].queued = g->spi[i].loaded = VGIC_NOBODY;
	e = bus_claim(&vm->mmio, VIRT_GICD, VIRT_GICD_SIZE, &vgic_dist_ops, g, "gicd");
	if (e == OK)
		e = bus_claim(&vm->mmio, VIRT_GICR, VIRT_GICR_STRIDE * vm->nvcpus, &vgic_redist_ops, g, "gicr");
	vm->irqchip = g;
	if (e)
		vgic_destroy(vm);
	else
		vgic_reset(vm);
	return e;
}

void vgic_destroy(struct vm *vm)
{
	struct vgic *g = vgic_of(vm);

	if (!g)
		return;
	bus_unclaim(&vm->mmio, g, "gicd");
	bus_unclaim(&vm->mmio, g, "gicr");
	vm->irqchip = NULL;
	pool_free(&vm->pool, g, sizeof(*g));
}

void vgic_reset(struct vm *vm)
{
	struct vgic *g = vgic_of(vm);

	spin_lock(&g->lock);
	g->ctlr = GICD_CTLR_ARE | GICD_CTLR_DS;
	for (unsigned i = 0; i < VGIC_SPIS; i++) {
		vgic_irq_reset(&g->spi[i], VGIC_PRIVATE + i, vgic_vcpu_at(vm, 0));
		vgic_irq_update(g, &g->spi[i], VGIC_PRIVATE + i);
	}
	spin_unlock(&g->lock);
}

/* ---- a vCPU's part ---- */

err_t vgic_vcpu_init(struct vcpu *v)
{
	struct vgic_cpu *c = pool_alloc(&v->vm->pool, sizeof(*c));

	if (!c)
		return E_NOMEM;
	c->v = v;
	for (unsigned i = 0; i < VGIC_PRIVATE; i++)
		c->irq[i].queued = c->irq[i].loaded = VGIC_NOBODY;
	v->irqc = c;
	vgic_vcpu_reset(v);
	return OK;
}

void vgic_vcpu_fini(struct vcpu *v)
{
	if (v->irqc)
		pool_free(&v->vm->pool, v->irqc, sizeof(struct vgic_cpu));
	v->irqc = NULL;
}

/* The machine's part may not be there yet, and then nothing is queued. */
void vgic_vcpu_reset(struct vcpu *v)
{
	struct vgic *g = vgic_of(v->vm);
	struct vgic_cpu *c = vgic_cpu_of(v);

	if (g)
		spin_lock(&g->lock);
	for (unsigned i = 0; i < VGIC_PRIVATE; i++) {
		vgic_irq_reset(&c->irq[i], i, (uint8_t)v->index);
		if (g)
			vgic_irq_update(g, &c->irq[i], i);
	}
	c->waker = GICR_WAKER_SLEEP | GICR_WAKER_ASLEEP;
	c->hw = (struct vgic_hw){0};
	if (g)
		spin_unlock(&g->lock);
}

/* ---- from outside ---- */

static void line_set(void *ctx, unsigned intid, bool level)
{
	struct vgic *g = vgic_of(ctx);
	struct vgic_irq *q = vgic_irq_at(g, NULL, intid);

	if (!q || q->line == level)
		return; /* the wire is under vm->lock as well, so this look needs no more */
	spin_lock(&g->lock);
	vgic_irq_input(g, q, intid, false, level);
	spin_unlock(&g->lock);
}

struct irq_line vgic_line(struct vm *vm, unsigned intid)
{
	return (struct irq_line){.set = line_set, .ctx = vm, .line = intid};
}

void vgic_set_ppi(struct vcpu *v, unsigned intid, bool level, unsigned hw_intid)
{
	struct vgic *g = vgic_of(v->vm);
	struct vgic_irq *q;

	if (intid < VGIC_SGIS || intid >= VGIC_PRIVATE)
		return;
	q = &vgic_cpu_of(v)->irq[intid];
	if (q->line == level && q->hw == hw_intid)
		return; /* only its own CPU writes these two */
	spin_lock(&g->lock);
	q->hw = (uint8_t)hw_intid;
	q->linked = q->linked && hw_intid;
	vgic_irq_input(g, q, intid, false, level);
	spin_unlock(&g->lock);
}

void vgic_raise_ppi(struct vcpu *v, unsigned intid, unsigned hw_intid)
{
	struct vgic *g = vgic_of(v->vm);
	struct vgic_cpu *c = vgic_cpu_of(v);

	if (intid < VGIC_SGIS || intid >= VGIC_PRIVATE)
		return;
	spin_lock(&g->lock);
	c->quiet = true;
	c->irq[intid].hw = (uint8_t)hw_intid;
	vgic_irq_input(g, &c->irq[intid], intid, false, true);
	c->quiet = false;
	c->news = true; /* the model may think that it never fell while the guest ran */
	spin_unlock(&g->lock);
}

bool vgic_ppi_active(struct vcpu *v, unsigned intid)
{
	struct vgic *g = vgic_of(v->vm);
	struct vgic_cpu *c = vgic_cpu_of(v);
	bool active;

	if (intid >= VGIC_PRIVATE || !(atomic_load_explicit(&c->queue[0], memory_order_relaxed) >> intid & 1))
		return false; /* what is active is queued */
	spin_lock(&g->lock);
	active = c->irq[intid].active;
	spin_unlock(&g->lock);
	return active;
}

/* ICC_SGI1R_EL1: targets by affinity and a list of sixteen, or everyone else. The range selector has nothing to select here (GICD_TYPER.RSS 0). */
bool vgic_send_sgi(struct vcpu *v, uint64_t sgi1r)
{
	struct vm *vm = v->vm;
	struct vgic *g = vgic_of(vm);
	unsigned intid = (unsigned)(sgi1r >> 24) & 15;
	uint64_t cluster = (sgi1r >> 16 & 0xff) << 8 | (sgi1r >> 32 & 0xff) << 16 | (sgi1r >> 48 & 0xff) << 32;
	bool others = sgi1r >> 40 & 1, near = false;

	spin_lock(&g->lock);
	vgic_cpu_of(v)->quiet = vgic_may_refresh(v);
	for (unsigned i = 0; i < vm->nvcpus; i++) {
		uint64_t affinity = VIRT_AFFINITY(i);
		bool listed = (affinity & ~0xfull) == cluster && (sgi1r >> (affinity & 0xf) & 1);

		if (!(others ? i != v->index : listed))
			continue;
		vgic_irq_set_pending(g, &vgic_cpu_of(&vm->vcpus[i])->irq[intid], intid, true);
		near |= i != v->index && vm->vcpus[i].cpu == v->cpu;
	}
	vgic_cpu_of(v)->quiet = false;
	spin_unlock(&g->lock);
	return near;
}
