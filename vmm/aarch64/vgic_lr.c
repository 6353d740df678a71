/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's GIC: what goes into the list registers before an entry and what comes out of them after (IHI0069 12.4, ICH_LR<n>_EL2; chapter 6 on
 * maintenance). Everything is taken out after each exit, so that the model alone has it while the host runs. Own CPU of the vCPU. */
#include "vgic_internal.h"

#define LR_PENDING (1ull << 62)
#define LR_ACTIVE (1ull << 63)
#define LR_HW (1ull << 61)
#define LR_GROUP1 (1ull << 60)
#define LR_EOI (1ull << 41) /* without HW: maintenance when the guest is done */
#define LR_PRIORITY_SHIFT 48
#define LR_HW_INTID_SHIFT 32
#define LR_INTID 0xffffffffull

enum { HCR_EN = 1u << 0, HCR_LRENPIE = 1u << 2, HCR_NPIE = 1u << 3, HCR_TDIR = 1u << 14, HCR_EOI_SHIFT = 27 };
enum { VMCR_VENG1 = 1u << 1, VMCR_VCBPR = 1u << 4, VMCR_VEOIM = 1u << 9, VMCR_VBPR1_SHIFT = 18, VMCR_VBPR0_SHIFT = 21, VMCR_VPMR_SHIFT = 24 };

static unsigned lr_count = 4, preemption_bits = 5; /* what vgic_probed said; constant while guests run */

void vgic_probed(unsigned list_registers)
{
	lr_count = MIN(list_registers, (unsigned)VGIC_LR_MAX);
}

void vgic_probed_preemption(unsigned bits)
{
	preemption_bits = bits < 5 ? 5 : MIN(bits, 7u);
}

/* The first queued interrupt from intid on, or VIRT_INTIDS. */
static unsigned queue_next(const struct vgic_cpu *c, unsigned intid)
{
	while (intid < VIRT_INTIDS) {
		uint64_t bits = atomic_load_explicit(&c->queue[intid / 64], memory_order_relaxed) >> (intid % 64);

		if (bits)
			return intid + (unsigned)__builtin_ctzll(bits);
		intid = (intid / 64 + 1) * 64;
	}
	return VIRT_INTIDS;
}

static unsigned queue_first(const struct vgic_cpu *c) { return queue_next(c, 0); }

/* ---- before an entry ---- */

struct pick { uint16_t rank; uint8_t intid; };
struct picks { struct pick p[VGIC_LR_MAX]; unsigned n; bool left_waiting, left_active; };

/* Could the guest acknowledge it, as far as the interrupt itself goes? */
static bool is_waiting(const struct vgic *g, const struct vgic_irq *q)
{
	return !q->active && vgic_irq_due(g, q);
}

/* Of those that wait the first, or VIRT_INTIDS. Of equals the lower number (4.8). */
static unsigned first_waiting(struct vgic *g, struct vgic_cpu *c)
{
	unsigned best = VIRT_INTIDS, priority = 0x100;

	for (unsigned intid = queue_first(c); intid < VIRT_INTIDS; intid = queue_next(c, intid + 1)) {
		const struct vgic_irq *q = vgic_irq_at(g, c, intid);

		if (q->priority < priority && is_waiting(g, q)) {
			best = intid;
			priority = q->priority;
		}
	}
	return best;
}

/* Lower goes first: the best that waits, since nothing else tells the guest of it; then what is active, so that the guest's deactivation
 * finds it; then the others that wait. */
static uint16_t pick_rank(const struct vgic_irq *q, bool first)
{
	if (first)
		return 0;
	return (uint16_t)((q->active ? 0x100 : 0x200) + q->priority);
}

static void pick_left_out(struct picks *s, struct vgic *g, const struct vgic_irq *q)
{
	s->left_active |= q->active;
	s->left_waiting |= is_waiting(g, q);
}

static void pick_insert(struct picks *s, struct vgic *g, struct vgic_cpu *c, unsigned intid, uint16_t rank)
{
	unsigned at = s->n;

	while (at && s->p[at - 1].rank > rank)
		at--;
	if (at == lr_count) {
		pick_left_out(s, g, vgic_irq_at(g, c, intid));
		return;
	}
	if (s->n == lr_count)
		pick_left_out(s, g, vgic_irq_at(g, c, s->p[--s->n].intid));
	for (unsigned i = s->n; i > at; i--)
		s->p[i] = s->p[i - 1];
	s->p[at] = (struct pick){rank, (uint8_t)intid};
	s->n++;
}

static uint64_t lr_load(struct vgic *g, struct vgic_irq *q, unsigned intid, uint8_t index, bool due)
{
	uint64_t lr = intid | LR_GROUP1 | (uint64_t)q->priority << LR_PRIORITY_SHIFT;

	if (q->active)
		lr |= LR_ACTIVE;
	else
		q->linked = q->hw && q->line;
	if (due) {
		lr |= LR_PENDING;
		q->loaded_latch = q->latch;
		q->latch = false;
	}
	if (q->linked)
		lr |= LR_HW | (uint64_t)q->hw << LR_HW_INTID_SHIFT;
	else if (!q->edge)
		lr |= LR_EOI;
	q->loaded = index;
	q->due = vgic_irq_due(g, q); /* it stays in the queue that it is loaded from */
	return lr;
}

/* Exactly one is queued: the usual case. */
static bool queue_single(const struct vgic_cpu *c, unsigned *intid)
{
	const uint64_t low = atomic_load_explicit(&c->queue[0], memory_order_relaxed), high = atomic_load_explicit(&c->queue[1], memory_order_relaxed);
	const uint64_t bits = low | high;

	if (!bits || (low && high) || (bits & (bits - 1)))
		return false;
	*intid = (unsigned)__builtin_ctzll(bits) + (low ? 0 : 64);
	return true;
}

static void flush_single(struct vgic *g, struct vgic_cpu *c, unsigned intid)
{
	struct vgic_irq *q = vgic_irq_at(g, c, intid);
	const bool due = vgic_irq_due(g, q);

	c->hw.used = q->active || due;
	if (c->hw.used)
		c->hw.lr[0] = lr_load(g, q, intid, (uint8_t)c->v->index, due);
}

static void flush_many(struct vgic *g, struct vgic_cpu *c)
{
	struct picks s = {.n = 0};
	unsigned first = first_waiting(g, c);

	for (unsigned intid = queue_first(c); intid < VIRT_INTIDS; intid = queue_next(c, intid + 1)) {
		const struct vgic_irq *q = vgic_irq_at(g, c, intid);

		/* Queued here for what it was in another vCPU's registers, or not yet taken off: nothing to load. */
		if (q->active || vgic_irq_due(g, q))
			pick_insert(&s, g, c, intid, pick_rank(q, intid == first));
	}
	for (unsigned i = 0; i < s.n; i++) {
		struct vgic_irq *q = vgic_irq_at(g, c, s.p[i].intid);

		c->hw.lr[i] = lr_load(g, q, s.p[i].intid, (uint8_t)c->v->index, vgic_irq_due(g, q));
	}
	c->hw.used = s.n;
	/* Ask to come back when the last that waited here was taken, or when the guest ends one that is not here. When one is left out that
	 * waits, another is here: no maintenance is due at once. */
	c->hw.hcr |= (s.left_waiting ? HCR_NPIE : 0) | (s.left_active ? HCR_LRENPIE : 0);
	/* With EOImode 1 it may deactivate in any order: then its word for it has to be heard. */
	c->hw.hcr |= s.left_active && (c->hw.vmcr & VMCR_VEOIM) ? HCR_TDIR : 0;
}

/* ---- after an exit ---- */

static void lr_unload(struct vgic *g, struct vgic_irq *q, unsigned intid, uint64_t lr, uint8_t index)
{
	if (q->fix & (FIX_ACTIVE | FIX_NOT_ACTIVE))
		q->active = q->fix & FIX_ACTIVE;
	else
		q->active = lr & LR_ACTIVE;
	if (q->active)
		q->holder = index;
	else
		q->linked = false;
	if ((lr & LR_PENDING) && q->loaded_latch && !(q->fix & FIX_NOT_PENDING))
		q->latch = true;
	q->loaded_latch = false;
	q->fix = 0;
	q->loaded = VGIC_NOBODY;
	vgic_irq_update(g, q, intid);
}

/* The guest ended an interrupt that was not in a list register: by the order of nesting it was the first of those that are active. (With
 * EOImode 1 it could be another, and ICC_DIR_EL1 traps; where the machine has no such trap, ICH_VTR_EL2.TDS, this is the best guess.) */
static void end_one(struct vgic *g, struct vgic_cpu *c)
{
	struct vgic_irq *best = NULL;
	unsigned best_intid = 0;

	for (unsigned intid = queue_first(c); intid < VIRT_INTIDS; intid = queue_next(c, intid + 1)) {
		struct vgic_irq *q = vgic_irq_at(g, c, intid);

		if (q->active && q->loaded == VGIC_NOBODY && (!best || q->priority < best->priority)) {
			best = q;
			best_intid = intid;
		}
	}
	if (!best)
		return; /* there was none to end: a guest may write what it likes */
	best->active = best->linked = false;
	vgic_irq_update(g, best, best_intid);
}

/* ---- the two ends ---- */

void vgic_sync(struct vcpu *v)
{
	struct vgic_cpu *c = vgic_cpu_of(v);
	struct vgic *g = vgic_of(v->vm);
	struct vgic_hw *hw = &c->hw;

	if (!hw->used)
		return;
	spin_lock(&g->lock);
	for (unsigned n = (unsigned)(hw->hcr >> HCR_EOI_SHIFT) & 0x1f; n; n--)
		end_one(g, c);
	for (unsigned i = 0; i < hw->used; i++) {
		unsigned intid = (unsigned)(hw->lr[i] & LR_INTID);

		lr_unload(g, vgic_irq_at(g, c, intid), intid, hw->lr[i], (uint8_t)v->index);
		hw->lr[i] = 0;
	}
	hw->used = 0;
	spin_unlock(&g->lock);
}

struct vgic_hw *vgic_flush(struct vcpu *v)
{
	struct vgic_cpu *c = vgic_cpu_of(v);
	struct vgic *g = vgic_of(v->vm);
	unsigned intid;

	vgic_sync(v); /* of an entry that did not come about */
	c->hw.hcr = HCR_EN;
	c->news = false;
	if (vgic_queue_empty(c))
		return &c->hw;
	spin_lock(&g->lock);
	if (queue_single(c, &intid))
		flush_single(g, c, intid);
	else
		flush_many(g, c);
	spin_unlock(&g->lock);
	return &c->hw;
}

bool vgic_may_refresh(const struct vcpu *v)
{
	const struct vgic_hw *hw = &vgic_cpu_of(v)->hw;

	for (unsigned i = 0; i < hw->used; i++)
		if (hw->lr[i] & LR_HW)
			return false;
	return true;
}

bool vgic_news(const struct vcpu *v)
{
	return vgic_cpu_of(v)->news;
}

bool vgic_unloaded(const struct vcpu *v)
{
	return !vgic_cpu_of(v)->hw.used;
}

void vgic_deactivate(struct vcpu *v, uint64_t dir)
{
	struct vgic *g = vgic_of(v->vm);
	unsigned intid = (unsigned)(dir & 0xffffff);
	struct vgic_irq *q = vgic_irq_at(g, vgic_cpu_of(v), intid);

	if (!q)
		return;
	spin_lock(&g->lock);
	vgic_irq_set_active(g, q, intid, false);
	spin_unlock(&g->lock);
}

/* ---- is there one to be signalled? ---- */

/* The lowest number whose level is active; 0x100: idle. The n-th bit stands for the priority n << (8 - bits) (ICH_AP1R<n>_EL2). */
static unsigned running_priority(const struct vgic_hw *hw)
{
	for (unsigned i = 0; i < ARRAY_LEN(hw->ap1r); i++) {
		uint32_t active = hw->ap0r[i] | hw->ap1r[i];

		if (active)
			return (i * 32 + (unsigned)__builtin_ctz(active)) << (8 - preemption_bits);
	}
	return 0x100;
}

/* Priority bits that decide about preemption (4.8.3): group 1's own binary point, or group 0's, which counts one bit further. */
static unsigned group_mask(uint64_t vmcr)
{
	unsigned bpr1 = (unsigned)(vmcr >> VMCR_VBPR1_SHIFT) & 7, bpr0 = (unsigned)(vmcr >> VMCR_VBPR0_SHIFT) & 7;
	unsigned sub = MAX(vmcr & VMCR_VCBPR ? bpr0 + 1 : bpr1, 8 - preemption_bits);

	return ~((1u << sub) - 1);
}

bool vgic_pending(struct vcpu *v)
{
	struct vgic_cpu *c = vgic_cpu_of(v);
	struct vgic *g = vgic_of(v->vm);
	unsigned intid, priority = 0x100, mask = group_mask(c->hw.vmcr);

	if (vgic_queue_empty(c) || !(c->hw.vmcr & VMCR_VENG1))
		return false;
	spin_lock(&g->lock);
	intid = first_waiting(g, c);
	if (intid < VIRT_INTIDS)
		priority = vgic_irq_at(g, c, intid)->priority;
	spin_unlock(&g->lock);
	return priority < ((c->hw.vmcr >> VMCR_VPMR_SHIFT) & 0xff) && (priority & mask) < (running_priority(&c->hw) & mask);
}
