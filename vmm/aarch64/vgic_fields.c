/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's GIC: registers that hold a field for each interrupt, with the same offsets in the distributor and in a redistributor's SGI
 * frame (IHI0069 12.8, 12.11). One table of them. Under the vgic's lock; all values are the guest's. */
#include "vgic_internal.h"

struct fields {
	uint16_t off, len;
	uint8_t bits;  /* of one field */
	bool bytes;    /* single bytes may be accessed (12.1, access sizes) */
	bool on;       /* which way a 1 works, for the pairs of set and clear registers */
	uint32_t (*get)(const struct vgic_irq *q);
	void (*set)(struct vgic *g, struct vgic_irq *q, unsigned intid, uint32_t v, bool on);
};

static uint32_t get_group(const struct vgic_irq *q) { (void)q; return 1; } /* group 1, and nothing else */
static uint32_t get_enabled(const struct vgic_irq *q) { return q->enabled; }
static uint32_t get_pending(const struct vgic_irq *q) { return vgic_irq_pending(q); }
static uint32_t get_priority(const struct vgic_irq *q) { return q->priority; }
static uint32_t get_config(const struct vgic_irq *q) { return q->edge ? 2 : 0; }

/* In a list register of a vCPU that runs it may have become active since: that is told when it comes out. */
static uint32_t get_active(const struct vgic_irq *q)
{
	return q->fix & FIX_ACTIVE || (q->active && !(q->fix & FIX_NOT_ACTIVE));
}

static void set_enabled(struct vgic *g, struct vgic_irq *q, unsigned intid, uint32_t v, bool on)
{
	if (v)
		vgic_irq_enable(g, q, intid, on);
}

static void set_pending(struct vgic *g, struct vgic_irq *q, unsigned intid, uint32_t v, bool on)
{
	if (v)
		vgic_irq_set_pending(g, q, intid, on);
}

static void set_active(struct vgic *g, struct vgic_irq *q, unsigned intid, uint32_t v, bool on)
{
	if (v)
		vgic_irq_set_active(g, q, intid, on);
}

static void set_priority(struct vgic *g, struct vgic_irq *q, unsigned intid, uint32_t v, bool on)
{
	(void)g, (void)intid, (void)on;
	q->priority = v & VGIC_PRIORITY_MASK; /* of one that is in a list register: from the next entry on */
}

/* Software-generated interrupts are edges, and the private peripherals' are levels (GICD_ICFGR<n> leaves that to the implementation). */
static void set_config(struct vgic *g, struct vgic_irq *q, unsigned intid, uint32_t v, bool on)
{
	(void)on;
	if (intid < VGIC_PRIVATE)
		return;
	q->edge = v & 2;
	vgic_irq_update(g, q, intid);
}

static const struct fields fields[] = {
	{.off = 0x080, .len = 0x80, .bits = 1, .get = get_group},                                       /* IGROUPR */
	{.off = 0x100, .len = 0x80, .bits = 1, .on = true, .get = get_enabled, .set = set_enabled},     /* ISENABLER */
	{.off = 0x180, .len = 0x80, .bits = 1, .on = false, .get = get_enabled, .set = set_enabled},    /* ICENABLER */
	{.off = 0x200, .len = 0x80, .bits = 1, .on = true, .get = get_pending, .set = set_pending},     /* ISPENDR */
	{.off = 0x280, .len = 0x80, .bits = 1, .on = false, .get = get_pending, .set = set_pending},    /* ICPENDR */
	{.off = 0x300, .len = 0x80, .bits = 1, .on = true, .get = get_active, .set = set_active},       /* ISACTIVER */
	{.off = 0x380, .len = 0x80, .bits = 1, .on = false, .get = get_active, .set = set_active},      /* ICACTIVER */
	{.off = 0x400, .len = 0x400, .bits = 8, .bytes = true, .get = get_priority, .set = set_priority}, /* IPRIORITYR */
	{.off = 0xc00, .len = 0x100, .bits = 2, .get = get_config, .set = set_config},                  /* ICFGR */
};

static const struct fields *fields_at(uint64_t off, unsigned size)
{
	for (unsigned i = 0; i < ARRAY_LEN(fields); i++) {
		const struct fields *f = &fields[i];

		if (off < f->off || !range_within(off - f->off, size, f->len))
			continue;
		return is_aligned(off, size) && (size == 4 || (size == 1 && f->bytes)) ? f : NULL;
	}
	return NULL;
}

/* The i-th interrupt of an access, NULL where there is none in this frame. */
static struct vgic_irq *field_irq(struct vgic *g, struct vgic_cpu *c, unsigned intid)
{
	return (intid < VGIC_PRIVATE) == (c != NULL) ? vgic_irq_at(g, c, intid) : NULL;
}

uint64_t vgic_fields_read(struct vgic *g, struct vgic_cpu *c, uint64_t off, unsigned size)
{
	const struct fields *f = fields_at(off, size);
	uint32_t v = 0;
	unsigned first;

	if (!f)
		return 0;
	first = (unsigned)(off - f->off) * 8 / f->bits;
	for (unsigned i = 0; i < size * 8 / f->bits; i++) {
		const struct vgic_irq *q = field_irq(g, c, first + i);

		if (q)
			v |= f->get(q) << (i * f->bits);
	}
	return v;
}

void vgic_fields_write(struct vgic *g, struct vgic_cpu *c, uint64_t off, unsigned size, uint64_t v)
{
	const struct fields *f = fields_at(off, size);
	unsigned first;

	if (!f || !f->set)
		return;
	first = (unsigned)(off - f->off) * 8 / f->bits;
	for (unsigned i = 0; i < size * 8 / f->bits; i++) {
		struct vgic_irq *q = field_irq(g, c, first + i);

		if (q)
			f->set(g, q, first + i, (uint32_t)(v >> (i * f->bits)) & ((1u << f->bits) - 1), f->on);
	}
}

uint32_t vgic_id_register(uint64_t off)
{
	/* PIDR4..7, PIDR0..3, CIDR0..3: Arm's part 0x492, architecture 3 in PIDR2. */
	static const uint8_t id[12] = {0x44, 0, 0, 0, 0x92, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1};

	return off >= 0xffd0 && off <= 0xfffc && off % 4 == 0 ? id[(off - 0xffd0) / 4] : 0;
}
