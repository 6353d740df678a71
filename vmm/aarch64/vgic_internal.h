/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's GICv3, its own files' view. One spinlock per VM guards every interrupt's state; it is below vm->lock and above those that
 * vcpu_kick takes. A vCPU with nothing queued and nothing loaded enters and leaves the guest without it. */
#ifndef VMM_AARCH64_VGIC_INTERNAL_H
#define VMM_AARCH64_VGIC_INTERNAL_H
#include <core/arith.h>
#include <core/spinlock.h>
#include <stdatomic.h>
#include <vmm/aarch64/vgic.h>
#include <vmm/aarch64/virt_layout.h>
#include <vmm/vm.h>

enum { VGIC_SGIS = 16, VGIC_PRIVATE = 32, VGIC_SPIS = VIRT_INTIDS - VGIC_PRIVATE };
#define VGIC_NOBODY 0xff         /* no vCPU: VM_MAX_VCPUS is less */
#define VGIC_PRIORITY_MASK 0xf8u /* five bits of priority, what every core's interface has at least (IHI0069 4.8) */
#define VGIC_IIDR 0x4300043bu    /* product 'C', revision 0, designer Arm */
_Static_assert(VM_MAX_VCPUS < VGIC_NOBODY, "a vCPU's index fits in a byte");
_Static_assert(VIRT_INTIDS == 128, "struct vgic_cpu has two words of queue");

/* What a guest's write changed while the interrupt was in the list registers of a vCPU that ran: outdoes what sync finds there. */
enum vgic_fix { FIX_NOT_PENDING = 1, FIX_ACTIVE = 2, FIX_NOT_ACTIVE = 4 };

/* One interrupt (IHI0069 4.1). Pending is latch || ((line || message) && level-triggered). While it is in a list register, what the
 * latch was is in the register and not here. */
struct vgic_irq {
	bool enabled, edge, active;
	bool latch;           /* an edge, an SGI, or a write to ISPENDR */
	bool line, message;   /* level inputs: the device's wire; SETSPI without CLRSPI yet */
	bool due;             /* as vgic_irq_due last said: the vCPU that has to have it was told */
	bool loaded_latch;    /* the latch moved into the list register */
	bool linked;          /* pending or active by the host's interrupt hw, which deactivation has to end */
	uint8_t priority;
	uint8_t fix;          /* enum vgic_fix */
	uint8_t hw;           /* the host's interrupt behind the line; 0 none */
	uint8_t target;       /* vCPU that it is routed to, or VGIC_NOBODY */
	uint8_t holder;       /* active: the vCPU that acknowledged it */
	uint8_t queued;       /* whose queue it is in, or VGIC_NOBODY */
	uint8_t loaded;       /* whose list registers it is in, or VGIC_NOBODY */
	uint64_t route;       /* GICD_IROUTER as written */
};

struct vgic_cpu {
	struct vcpu *v;
	struct vgic_irq irq[VGIC_PRIVATE];
	/* Interrupts that this vCPU must have in list registers: due or active. Changed under the lock, looked at without by its own CPU. */
	_Atomic uint64_t queue[VIRT_INTIDS / 64];
	uint32_t waker;
	bool quiet;           /* under the lock: what it does to itself need not be told, it looks before it goes on */
	bool news;            /* own CPU: and has something to look at */
	struct vgic_hw hw;    /* own CPU, or parked */
};

struct vgic {
	struct vm *vm;
	struct spinlock lock;
	uint32_t ctlr;
	struct vgic_irq spi[VGIC_SPIS];
};

enum { GICD_CTLR_GRP0 = 1u << 0, GICD_CTLR_GRP1 = 1u << 1, GICD_CTLR_ARE = 1u << 4, GICD_CTLR_DS = 1u << 6 };
enum { GICR_WAKER_SLEEP = 1u << 1, GICR_WAKER_ASLEEP = 1u << 2 };

static inline struct vgic *vgic_of(const struct vm *vm) { return vm->irqchip; }
static inline struct vgic_cpu *vgic_cpu_of(const struct vcpu *v) { return v->irqc; }

static inline bool vgic_queue_empty(const struct vgic_cpu *c)
{
	return !(atomic_load_explicit(&c->queue[0], memory_order_acquire) | atomic_load_explicit(&c->queue[1], memory_order_acquire));
}

/* ---- vgic_irq.c: the state machine of one interrupt. All under the lock. ---- */

/* intid below 32: of vCPU c (NULL: none); above: shared. NULL when there is no such interrupt. */
static inline struct vgic_irq *vgic_irq_at(struct vgic *g, struct vgic_cpu *c, unsigned intid)
{
	if (intid < VGIC_PRIVATE)
		return c ? &c->irq[intid] : NULL;
	return intid < VIRT_INTIDS ? &g->spi[intid - VGIC_PRIVATE] : NULL;
}
/* Power-on values; queued and loaded are kept, and so is a shared interrupt's wire. */
void vgic_irq_reset(struct vgic_irq *q, unsigned intid, uint8_t target);
/* As ISPENDR reads. */
bool vgic_irq_pending(const struct vgic_irq *q);
static inline bool vgic_irq_has_input(const struct vgic_irq *q)
{
	return q->latch || (!q->edge && (q->line || q->message));
}
/* Would it be forwarded: pending, enabled, group on? A list register can be pending and active at once, but not when it is linked to a host's
 * interrupt (ICH_LR<n>_EL2.HW). A level is not shown again before the guest is done with it: then it is looked at anew. */
static inline bool vgic_irq_due(const struct vgic *g, const struct vgic_irq *q)
{
	return vgic_irq_has_input(q) && q->enabled && (g->ctlr & GICD_CTLR_GRP1) && !(q->active && (!q->edge || q->linked));
}
/* After any change: moves it to the queue of the vCPU that has to have it, and kicks that one when there is something new for it. */
void vgic_irq_update(struct vgic *g, struct vgic_irq *q, unsigned intid);
void vgic_irq_enable(struct vgic *g, struct vgic_irq *q, unsigned intid, bool on);
void vgic_irq_set_pending(struct vgic *g, struct vgic_irq *q, unsigned intid, bool on); /* ISPENDR, ICPENDR */
void vgic_irq_set_active(struct vgic *g, struct vgic_irq *q, unsigned intid, bool on);  /* ISACTIVER, ICACTIVER */
void vgic_irq_route(struct vgic *g, struct vgic_irq *q, unsigned intid, uint64_t route);
/* Takes it out of the list registers of a vCPU that runs, soon. */
void vgic_irq_recall(struct vgic *g, const struct vgic_irq *q);
/* An input's level or, for an edge interrupt, its rise. message: by SETSPI/CLRSPI, else the wire. */
void vgic_irq_input(struct vgic *g, struct vgic_irq *q, unsigned intid, bool message, bool level);
/* GICD_SETSPI_NSR, GICD_CLRSPI_NSR. false: there is no such SPI. */
bool vgic_message(struct vgic *g, uint32_t intid, bool set);
/* The vCPU with an affinity as GICD_IROUTER has it, or VGIC_NOBODY. */
uint8_t vgic_vcpu_at(const struct vm *vm, uint64_t affinity);

/* ---- vgic_fields.c: registers with a field for each interrupt, the same in GICD and in GICR's SGI frame. Under the lock. ---- */

/* c: the redistributor's vCPU (INTIDs 0 to 31), NULL: the distributor (32 and up). Offsets outside of these registers, and sizes that
 * they do not have, read as zero and write nothing. */
uint64_t vgic_fields_read(struct vgic *g, struct vgic_cpu *c, uint64_t off, unsigned size);
void vgic_fields_write(struct vgic *g, struct vgic_cpu *c, uint64_t off, unsigned size, uint64_t v);
/* The registers from 0xffd0 on, the same in every frame (IHI0069, "Identification registers"). */
uint32_t vgic_id_register(uint64_t off);

/* vgic_lr.c. Own CPU, between two runs that follow at once: may the list registers be filled anew by the model as it is? Not while there is one
 * that is linked to the timer's line, which vtimer_sync has to look at before. */
bool vgic_may_refresh(const struct vcpu *v);

extern const struct bus_ops vgic_dist_ops;   /* VIRT_GICD; ctx: struct vgic */
extern const struct bus_ops vgic_redist_ops; /* VIRT_GICR, all vCPUs' frames; ctx: struct vgic */

#endif
