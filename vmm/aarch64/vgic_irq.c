/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's GIC: the states of one interrupt, where they send it, and who is told (IHI0069 4.1). All under the vgic's lock, on any
 * CPU. Knows no register and no list register. */
#include "vgic_internal.h"

void vgic_irq_reset(struct vgic_irq *q, unsigned intid, uint8_t target)
{
	/* A device goes on driving its wire; the private ones are those of the vCPU's timers, which are reset as well. */
	*q = (struct vgic_irq){
		.edge = intid < VGIC_SGIS, .line = intid >= VGIC_PRIVATE && q->line, .target = target, .holder = VGIC_NOBODY,
		.queued = q->queued, .loaded = q->loaded,
	};
}

uint8_t vgic_vcpu_at(const struct vm *vm, uint64_t affinity)
{
	uint64_t index = (affinity & 0xf) | (affinity >> 8 & 0xff) << 4;

	return index < vm->nvcpus && VIRT_AFFINITY(index) == affinity ? (uint8_t)index : VGIC_NOBODY;
}

/* ---- who has to have it ---- */

bool vgic_irq_pending(const struct vgic_irq *q)
{
	return vgic_irq_has_input(q) || (q->loaded_latch && !(q->fix & FIX_NOT_PENDING));
}

static uint8_t vgic_irq_owner(const struct vgic_irq *q, bool due)
{
	if (q->loaded != VGIC_NOBODY)
		return q->loaded;
	if (q->active)
		return q->holder;
	return due ? q->target : VGIC_NOBODY;
}

static void queue_bit(struct vgic *g, uint8_t index, unsigned intid, bool on)
{
	struct vgic_cpu *c = index == VGIC_NOBODY ? NULL : vgic_cpu_of(&g->vm->vcpus[index]);
	uint64_t bit = 1ull << (intid % 64);

	if (!c)
		return;
	if (on)
		atomic_fetch_or(&c->queue[intid / 64], bit);
	else
		atomic_fetch_and(&c->queue[intid / 64], ~bit);
}

static void tell(struct vgic *g, uint8_t index)
{
	struct vcpu *v = &g->vm->vcpus[index];

	if (vgic_cpu_of(v)->quiet)
		vgic_cpu_of(v)->news = true;
	else
		vcpu_kick(v);
}

void vgic_irq_update(struct vgic *g, struct vgic_irq *q, unsigned intid)
{
	bool due = vgic_irq_due(g, q);
	uint8_t owner = vgic_irq_owner(q, due);
	bool news = due && (!q->due || owner != q->queued);

	if (owner != q->queued) {
		queue_bit(g, q->queued, intid, false);
		queue_bit(g, owner, intid, true);
		q->queued = owner;
	}
	q->due = due;
	if (news && owner != VGIC_NOBODY)
		tell(g, owner);
}

void vgic_irq_recall(struct vgic *g, const struct vgic_irq *q)
{
	if (q->loaded != VGIC_NOBODY)
		vcpu_kick(&g->vm->vcpus[q->loaded]);
}

/* ---- what changes it ---- */

void vgic_irq_enable(struct vgic *g, struct vgic_irq *q, unsigned intid, bool on)
{
	q->enabled = on;
	vgic_irq_update(g, q, intid);
	if (!on)
		vgic_irq_recall(g, q);
}

void vgic_irq_set_pending(struct vgic *g, struct vgic_irq *q, unsigned intid, bool on)
{
	q->latch = on;
	if (!on && q->loaded_latch) {
		q->fix |= FIX_NOT_PENDING;
		vgic_irq_recall(g, q);
	}
	vgic_irq_update(g, q, intid);
}

void vgic_irq_set_active(struct vgic *g, struct vgic_irq *q, unsigned intid, bool on)
{
	if (q->loaded != VGIC_NOBODY) {
		q->fix = (uint8_t)((q->fix & FIX_NOT_PENDING) | (on ? FIX_ACTIVE : FIX_NOT_ACTIVE));
		vgic_irq_recall(g, q);
	} else {
		if (on && !q->active)
			q->holder = q->target == VGIC_NOBODY ? 0 : q->target;
		q->active = on;
		q->linked = q->linked && on;
	}
	vgic_irq_update(g, q, intid);
}

void vgic_irq_route(struct vgic *g, struct vgic_irq *q, unsigned intid, uint64_t route)
{
	q->route = route;
	q->target = vgic_vcpu_at(g->vm, route);
	vgic_irq_update(g, q, intid);
	vgic_irq_recall(g, q);
}

void vgic_irq_input(struct vgic *g, struct vgic_irq *q, unsigned intid, bool message, bool level)
{
	bool *input = message ? &q->message : &q->line;
	bool rose = level && !*input, fell = !level && *input;

	*input = level;
	if (q->edge && rose)
		q->latch = true;
	vgic_irq_update(g, q, intid);
	if (!q->edge && fell)
		vgic_irq_recall(g, q);
}

/* GICD_SETSPI_NSR: an edge-triggered interrupt is pending by each write, until it is activated or cleared; a level-sensitive one is until it is cleared. */
bool vgic_message(struct vgic *g, uint32_t intid, bool set)
{
	struct vgic_irq *q = vgic_irq_at(g, NULL, intid);

	if (!q)
		return false;
	if (q->edge)
		vgic_irq_set_pending(g, q, intid, set);
	else
		vgic_irq_input(g, q, intid, true, set);
	return true;
}
