/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's GIC redistributors as they are seen by MMIO (IHI0069 12.10, 12.11): two frames for each vCPU, the second with the private
 * interrupts' fields; no LPIs. In the exit path under vm->lock; takes the vgic's. */
#include "vgic_internal.h"

enum {
	GICR_CTLR = 0x0000, GICR_IIDR = 0x0004, GICR_TYPER = 0x0008, GICR_WAKER = 0x0014, GICR_FRAME = 0x10000,
	TYPER_LAST = 1u << 4,
};
_Static_assert(VIRT_GICR_STRIDE == 2 * GICR_FRAME, "RD_base and SGI_base");

static uint64_t redist_typer(const struct vgic *g, unsigned index)
{
	return VIRT_AFFINITY(index) << 32 | (uint64_t)index << 8 | (index + 1 == g->vm->nvcpus ? TYPER_LAST : 0);
}

static uint64_t redist_register(const struct vgic *g, const struct vgic_cpu *c, unsigned index, uint64_t off, unsigned size)
{
	if (off == GICR_TYPER && size == 8)
		return redist_typer(g, index);
	if (size != 4)
		return 0;
	switch (off) {
	case GICR_IIDR: return VGIC_IIDR;
	case GICR_TYPER: return redist_typer(g, index);
	case GICR_TYPER + 4: return redist_typer(g, index) >> 32;
	case GICR_WAKER: return c->waker;
	default: return off >= 0x8000 ? vgic_id_register(off) : 0; /* CTLR: nothing to enable, no write ever pending */
	}
}

static uint64_t redist_read(void *ctx, uint64_t off, unsigned size)
{
	struct vgic *g = ctx;
	unsigned index = (unsigned)(off / VIRT_GICR_STRIDE);
	struct vgic_cpu *c = vgic_cpu_of(&g->vm->vcpus[index]);
	uint64_t in = off % VIRT_GICR_STRIDE, v;

	spin_lock(&g->lock);
	if (in < GICR_FRAME)
		v = redist_register(g, c, index, in, size);
	else if (in - GICR_FRAME >= 0x8000)
		v = size == 4 ? vgic_id_register(in - GICR_FRAME) : 0;
	else
		v = vgic_fields_read(g, c, in - GICR_FRAME, size);
	spin_unlock(&g->lock);
	return v;
}

/* Asleep or awake at once. An interrupt is forwarded all the same: whether it is signalled is for the CPU interface's own enable to say, and
 * waking the CPU is what a sleeping redistributor would ask for (11.1). */
static void redist_write_waker(struct vgic_cpu *c, uint32_t v)
{
	c->waker = v & GICR_WAKER_SLEEP ? GICR_WAKER_SLEEP | GICR_WAKER_ASLEEP : 0;
}

static void redist_write(void *ctx, uint64_t off, unsigned size, uint64_t v)
{
	struct vgic *g = ctx;
	struct vgic_cpu *c = vgic_cpu_of(&g->vm->vcpus[off / VIRT_GICR_STRIDE]);
	uint64_t in = off % VIRT_GICR_STRIDE;

	spin_lock(&g->lock);
	if (in == GICR_WAKER && size == 4)
		redist_write_waker(c, (uint32_t)v);
	else if (in >= GICR_FRAME)
		vgic_fields_write(g, c, in - GICR_FRAME, size, v);
	spin_unlock(&g->lock);
}
const struct bus_ops vgic_redist_ops = {.read = redist_read, .write = redist_write};
