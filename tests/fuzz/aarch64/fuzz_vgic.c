/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile use of the guest's GICv3: register accesses of all sizes, messages, lines, timers, SGIs, and guests that take, end and leave
 * interrupts in any order. No access may fault, list registers stay legal for hardware, queues hold exactly what they must, and what is
 * deliverable is never forgotten. */
#include <core/panic.h>
#include <string.h>
#include <unit/aarch64/bare_arm.h>
#include "vmm/aarch64/vgic_internal.h"

enum { VCPUS = 3 };

struct input { const uint8_t *p, *end; };
static bool inside[VCPUS];  /* between flush and sync */
static unsigned registers;

static uint64_t take(struct input *in, unsigned n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | (in->p < in->end ? *in->p++ : 0);
	return v;
}

/* ---- what has to hold after each step */

static void check_irq(struct vgic *g, struct vgic_cpu *own, unsigned intid)
{
	const struct vgic_irq *q = vgic_irq_at(g, own, intid);
	bool due = vgic_irq_due(g, q);

	BUG_ON(q->due != due);
	BUG_ON(q->loaded != VGIC_NOBODY && (q->loaded >= VCPUS || !inside[q->loaded] || q->queued != q->loaded));
	BUG_ON(q->loaded == VGIC_NOBODY && (q->loaded_latch || q->fix));
	BUG_ON(q->loaded == VGIC_NOBODY && q->active && (q->holder >= VCPUS || q->queued != q->holder));
	BUG_ON(q->loaded == VGIC_NOBODY && !q->active && q->queued != (due ? q->target : VGIC_NOBODY));
	BUG_ON(q->linked && !q->hw);
	for (unsigned i = 0; i < VCPUS; i++) {
		const struct vgic_cpu *c = vgic_cpu_of(&bare_vcpus[i]);
		bool queued = atomic_load(&c->queue[intid / 64]) >> (intid % 64) & 1;

		if (intid >= VGIC_PRIVATE || c == own)
			BUG_ON(queued != (q->queued == i));
	}
}

static void check(void)
{
	struct vgic *g = vgic_of(&bare);

	for (unsigned intid = VGIC_PRIVATE; intid < VIRT_INTIDS; intid++)
		check_irq(g, NULL, intid);
	for (unsigned i = 0; i < VCPUS; i++)
		for (unsigned intid = 0; intid < VGIC_PRIVATE; intid++)
			check_irq(g, vgic_cpu_of(&bare_vcpus[i]), intid);
}

/* A vCPU that enters with nothing masked and nothing running is signalled the best of what waits for it. */
static void check_signalled(struct vcpu *v)
{
	struct vgic *g = vgic_of(&bare);
	struct vgic_hw *hw;
	unsigned best = 0x100, r;

	for (unsigned intid = 0; intid < VIRT_INTIDS; intid++) {
		const struct vgic_irq *q = vgic_irq_at(g, vgic_cpu_of(v), intid);

		if (vgic_irq_due(g, q) && !q->active && q->target == v->index)
			best = MIN(best, q->priority);
	}
	hw = vgic_flush(v);
	hw->vmcr = 0xff000002;
	memset(hw->ap0r, 0, sizeof(hw->ap0r));
	memset(hw->ap1r, 0, sizeof(hw->ap1r));
	r = gicv_signalled(hw);
	BUG_ON((r < VGIC_LR_MAX ? gicv_priority(hw->lr[r]) : 0x100) != best);
	BUG_ON(gicv_maintenance(hw)); /* or it would never get further */
	vgic_sync(v);
	BUG_ON(vgic_pending(v) != (best != 0x100));
}

static void state_round(void)
{
	struct vgic_state s, t;
	struct vgic_vcpu_state vs, vt;

	for (unsigned i = 0; i < VCPUS; i++) {
		vgic_sync(&bare_vcpus[i]);
		inside[i] = false;
	}
	vgic_save(&bare, &s);
	BUG_ON(vgic_load(&bare, &s) != OK);
	vgic_save(&bare, &t);
	BUG_ON(memcmp(&s, &t, sizeof(s)) != 0);
	for (unsigned i = 0; i < VCPUS; i++) {
		vgic_vcpu_save(&bare_vcpus[i], &vs);
		BUG_ON(vgic_vcpu_load(&bare_vcpus[i], &vs) != OK);
		vgic_vcpu_save(&bare_vcpus[i], &vt);
		BUG_ON(memcmp(&vs, &vt, sizeof(vs)) != 0);
	}
}

/* ---- steps */

static void leave(struct vcpu *v)
{
	vgic_sync(v);
	inside[v->index] = false;
}

/* The interrupt that a guest ends: mostly one that its list registers hold. */
static unsigned named(struct input *in, struct vcpu *v)
{
	unsigned x = (unsigned)take(in, 1);

	return x & 0x80 ? gicv_intid(vgic_cpu_of(v)->hw.lr[x % VGIC_LR_MAX]) & 0x7f : x;
}

/* What a guest does between entry and exit. */
static void guest(struct input *in, struct vcpu *v, unsigned op)
{
	struct vgic_hw *hw = &vgic_cpu_of(v)->hw;

	if (!inside[v->index]) {
		BUG_ON(!gicv_legal(vgic_flush(v), registers));
		inside[v->index] = true;
	}
	switch (op % 4) {
	case 0: (void)gicv_ack(hw); break;
	case 1: gicv_eoi(hw, named(in, v)); break;
	case 2: gicv_deactivate(hw, named(in, v)); break;
	default: hw->vmcr = take(in, 4); break;
	}
}

static void access(struct input *in, uint64_t base, unsigned op)
{
	unsigned size = 1u << (op & 3);
	uint64_t off = take(in, 2), v;

	if (base == VIRT_GICR)
		off = off % 3 * VIRT_GICR_STRIDE + (off & 0x8000 ? SGI_BASE : 0) + (off & 0xfff);
	if (op & 4)
		(void)bus_read(&bare.mmio, base + off, size, &v);
	else
		(void)bus_write(&bare.mmio, base + off, size, take(in, size));
}

static void one(struct input *in)
{
	unsigned op = (unsigned)take(in, 1), sub = op / 16;
	struct vcpu *v = &bare_vcpus[sub % VCPUS];
	unsigned intid;

	switch (op % 16) {
	case 0: access(in, VIRT_GICD, sub); break;
	case 1: access(in, VIRT_GICR, sub); break;
	case 2: gicd_set(0x100 + (unsigned)take(in, 1) % 0xc0 * 4, (uint32_t)take(in, 4)); break;
	case 3: gicr_set(v->index, SGI_BASE + 0x100 + (unsigned)take(in, 1) % 0xc0 * 4, (uint32_t)take(in, 4)); break;
	case 4: gicd_set(GICD_CTLR, sub); break;
	case 5: msi_send(&(struct msi_sink){vgic_msi_sink(&bare).send, &bare}, VIRT_GICD + (sub ? 0x40 : take(in, 8)), (uint32_t)take(in, 1)); break;
	case 6: vgic_line(&bare, 0).set(&bare, (unsigned)take(in, 1), sub & 1); break;
	case 7:
	case 8:
		intid = (unsigned)take(in, 1) % 40;
		if (inside[v->index])
			leave(v);
		vgic_set_ppi(v, intid, sub & 1, op % 16 == 8 && intid >= 16 && intid < 32 ? intid : 0);
		break;
	case 9: vgic_send_sgi(v, take(in, 8)); break;
	case 10: mmio_wr(VIRT_GICD + IROUTER + take(in, 1) * 8, 8, sub); break;
	case 11: state_round(); break;
	case 12:
		leave(v);
		if (sub & 8)
			vgic_deactivate(v, take(in, 1));
		break;
	default: guest(in, v, sub / VCPUS); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool inited;
	struct input in = {data, data + size};

	if (!inited)
		fake_init(16 * MIB, 1);
	inited = true;
	memset(inside, 0, sizeof(inside));
	registers = 1 + (unsigned)take(&in, 1) % 5;
	vgic_probed(registers);
	BUG_ON(!bare_init(VCPUS));
	gicd_set(GICD_CTLR, 2);
	for (unsigned steps = 1; in.p < in.end; steps++) {
		one(&in);
		if (steps % 8 == 0)
			check();
	}
	for (unsigned i = 0; i < VCPUS; i++)
		leave(&bare_vcpus[i]);
	check();
	for (unsigned i = 0; i < VCPUS; i++)
		check_signalled(&bare_vcpus[i]);
	vgic_reset(&bare);
	for (unsigned i = 0; i < VCPUS; i++)
		vgic_vcpu_reset(&bare_vcpus[i]);
	check();
	BUG_ON(!bare_fini());
	return 0;
}
