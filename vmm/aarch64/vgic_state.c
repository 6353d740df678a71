/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's GIC: its state as it travels. No vCPU runs, so nothing is in list registers. What is read back is checked like a guest's
 * words. */
#include "vgic_internal.h"

static struct vgic_irq_state irq_save(const struct vgic_irq *q)
{
	return (struct vgic_irq_state){
		.flags = (uint8_t)((q->enabled ? VGIC_F_ENABLED : 0) | (q->edge ? VGIC_F_EDGE : 0) | (q->active ? VGIC_F_ACTIVE : 0) |
				   (q->latch ? VGIC_F_LATCH : 0) | (q->line ? VGIC_F_LINE : 0) | (q->message ? VGIC_F_MESSAGE : 0)),
		.priority = q->priority, .holder = q->active ? q->holder : VGIC_NOBODY, .route = q->route,
	};
}

static bool irq_valid(const struct vm *vm, const struct vgic_irq_state *s, unsigned intid)
{
	static const uint8_t zeros[sizeof(s->reserved)];
	bool edge = s->flags & VGIC_F_EDGE;

	if (s->flags >> 6 || (s->priority & ~VGIC_PRIORITY_MASK) || __builtin_memcmp(s->reserved, zeros, sizeof(zeros)))
		return false;
	if (s->flags & VGIC_F_ACTIVE ? s->holder >= vm->nvcpus : s->holder != VGIC_NOBODY)
		return false;
	if (intid < VGIC_PRIVATE && ((intid < VGIC_SGIS) != edge || s->route || (s->flags & VGIC_F_MESSAGE)))
		return false;
	return !(s->route & ~0xff00ffffffull);
}

/* hw is the backend's to say again. */
static void irq_load(struct vgic *g, struct vgic_irq *q, const struct vgic_irq_state *s, unsigned intid, uint8_t target)
{
	q->enabled = s->flags & VGIC_F_ENABLED;
	q->edge = s->flags & VGIC_F_EDGE;
	q->active = s->flags & VGIC_F_ACTIVE;
	q->latch = s->flags & VGIC_F_LATCH;
	q->line = s->flags & VGIC_F_LINE;
	q->message = s->flags & VGIC_F_MESSAGE;
	q->priority = s->priority;
	q->holder = s->holder;
	q->route = s->route;
	q->target = target;
	q->hw = 0;
	q->linked = false;
	vgic_irq_update(g, q, intid);
}

void vgic_save(const struct vm *vm, struct vgic_state *out)
{
	const struct vgic *g = vgic_of(vm);
	struct vgic_state s = {.version = VGIC_STATE_VERSION, .ctlr = g->ctlr};

	for (unsigned i = 0; i < VGIC_SPIS; i++)
		s.spi[i] = irq_save(&g->spi[i]);
	*out = s;
}

err_t vgic_load(struct vm *vm, const struct vgic_state *in)
{
	struct vgic *g = vgic_of(vm);

	if (in->version != VGIC_STATE_VERSION)
		return E_CORRUPT;
	if ((in->ctlr & ~(uint32_t)(GICD_CTLR_GRP0 | GICD_CTLR_GRP1)) != (GICD_CTLR_ARE | GICD_CTLR_DS))
		return E_CORRUPT;
	for (unsigned i = 0; i < VGIC_SPIS; i++)
		if (!irq_valid(vm, &in->spi[i], VGIC_PRIVATE + i))
			return E_CORRUPT;
	g->ctlr = in->ctlr;
	for (unsigned i = 0; i < VGIC_SPIS; i++)
		irq_load(g, &g->spi[i], &in->spi[i], VGIC_PRIVATE + i, vgic_vcpu_at(vm, in->spi[i].route));
	return OK;
}

void vgic_vcpu_save(const struct vcpu *v, struct vgic_vcpu_state *out)
{
	const struct vgic_cpu *c = vgic_cpu_of(v);
	struct vgic_vcpu_state s = {.version = VGIC_VCPU_STATE_VERSION, .waker = c->waker, .vmcr = c->hw.vmcr};

	for (unsigned i = 0; i < VGIC_PRIVATE; i++)
		s.irq[i] = irq_save(&c->irq[i]);
	__builtin_memcpy(s.ap0r, c->hw.ap0r, sizeof(s.ap0r));
	__builtin_memcpy(s.ap1r, c->hw.ap1r, sizeof(s.ap1r));
	*out = s;
}

err_t vgic_vcpu_load(struct vcpu *v, const struct vgic_vcpu_state *in)
{
	struct vgic_cpu *c = vgic_cpu_of(v);

	if (in->version != VGIC_VCPU_STATE_VERSION || (in->waker && in->waker != (GICR_WAKER_SLEEP | GICR_WAKER_ASLEEP)))
		return E_CORRUPT;
	for (unsigned i = 0; i < VGIC_PRIVATE; i++)
		if (!irq_valid(v->vm, &in->irq[i], i) || ((in->irq[i].flags & VGIC_F_ACTIVE) && in->irq[i].holder != v->index))
			return E_CORRUPT;
	c->waker = in->waker;
	c->hw.vmcr = in->vmcr;
	__builtin_memcpy(c->hw.ap0r, in->ap0r, sizeof(in->ap0r));
	__builtin_memcpy(c->hw.ap1r, in->ap1r, sizeof(in->ap1r));
	for (unsigned i = 0; i < VGIC_PRIVATE; i++)
		irq_load(vgic_of(v->vm), &c->irq[i], &in->irq[i], i, (uint8_t)v->index);
	return OK;
}
