/* SPDX-License-Identifier: Apache-2.0 */
/* Local APIC: who gets a message. Interrupt command register, MSI, IOAPIC (SDM 3A 11.6, 11.11, 11.12.9). Any CPU, vm->lock held or not;
 * touches the targets' atomics only. A hostile message reaches nobody. */
#include "lapic_internal.h"

#define ICR_LOGICAL (1u << 11)
#define ICR_ASSERT (1u << 14)
#define ICR_LEVEL (1u << 15)
enum { SHORT_NONE, SHORT_SELF, SHORT_ALL, SHORT_OTHERS };

#define MSI_WINDOW 0xfeeull /* address bits 63..20 */

uint32_t lapic_ldr_value(const struct lapic *l)
{
	uint32_t id = l->v->index;

	if (atomic_load(&l->mode) & MODE_X2)
		return (id >> 4) << 16 | 1u << (id & 15); /* SDM 3A 11.12.10.2 */
	return atomic_load(&l->ldr);
}

static bool logical_match(const struct lapic *l, uint32_t dest)
{
	uint32_t ldr = lapic_ldr_value(l);

	if (atomic_load(&l->mode) & MODE_X2)
		return (dest >> 16) == (ldr >> 16) && (dest & ldr & 0xffff);
	if (dest > 0xff)
		return false; /* an x2APIC address; this one still listens to eight bits */
	ldr >>= 24;
	if (atomic_load(&l->dfr) >> 28 == 0xf)
		return dest & ldr; /* flat */
	return (dest >> 4) == (ldr >> 4) && (dest & ldr & 0xf); /* cluster */
}

static bool message_match(const struct lapic *l, const struct lapic_message *m)
{
	if (!(atomic_load(&l->mode) & MODE_ENABLED))
		return false;
	if (m->dest == DEST_BROADCAST)
		return true;
	return m->logical ? logical_match(l, m->dest) : m->dest == l->v->index;
}

static void message_give(struct lapic *l, const struct lapic_message *m)
{
	switch (m->mode) {
	case DM_FIXED:
	case DM_LOWEST:
		lapic_accept(l, m->vector, m->level);
		break;
	case DM_NMI:
		lapic_signal(l, SIG_NMI, 0);
		break;
	case DM_INIT:
		lapic_signal(l, SIG_INIT, SIG_SIPI | SIG_NMI | 0xffu << SIG_VECTOR_SHIFT);
		break;
	case DM_SIPI:
		lapic_signal(l, SIG_SIPI | (uint32_t)m->vector << SIG_VECTOR_SHIFT, 0xffu << SIG_VECTOR_SHIFT);
		break;
	default: /* SMI: this machine has no SMM */
		break;
	}
}

/* One of those that match and are software-enabled, spread by vector. */
static unsigned lowest_send(struct vm *vm, const struct lapic_message *m)
{
	struct lapic *ready[VM_MAX_VCPUS];
	unsigned n = 0;

	for (unsigned i = 0; i < vm->nvcpus; i++) {
		struct lapic *l = lapic_of(&vm->vcpus[i]);

		if (l && message_match(l, m) && (atomic_load(&l->mode) & MODE_SOFT))
			ready[n++] = l;
	}
	if (n > 0)
		message_give(ready[m->vector % n], m);
	return n > 0;
}

unsigned lapic_send(struct vm *vm, const struct lapic_message *m)
{
	unsigned n = 0;

	if (m->mode == DM_LOWEST)
		return lowest_send(vm, m);
	for (unsigned i = 0; i < vm->nvcpus; i++) {
		struct lapic *l = lapic_of(&vm->vcpus[i]);

		if (!l || !message_match(l, m))
			continue;
		message_give(l, m);
		n++;
	}
	return n;
}

static void others_send(struct lapic *self, const struct lapic_message *m)
{
	struct vm *vm = self->v->vm;

	for (unsigned i = 0; i < vm->nvcpus; i++) {
		struct lapic *l = lapic_of(&vm->vcpus[i]);

		if (l && l != self && (atomic_load(&l->mode) & MODE_ENABLED))
			message_give(l, m);
	}
}

void lapic_icr_send(struct lapic *l, uint32_t low, uint32_t dest)
{
	struct lapic_message m = {
		.dest = dest, .logical = low & ICR_LOGICAL, .mode = (low >> 8) & 7, .vector = (uint8_t)low,
	};
	bool vectored = m.mode == DM_FIXED || m.mode == DM_LOWEST;
	unsigned shorthand = (low >> 18) & 3;

	if (m.mode == 3 || m.mode == DM_EXTINT || m.mode == DM_SMI)
		return;
	if (m.mode == DM_INIT && (low & ICR_LEVEL) && !(low & ICR_ASSERT))
		return; /* INIT level de-assert does nothing since the Pentium 4 */
	if (vectored && m.vector < 16) {
		lapic_error(l, ESR_SEND_ILLEGAL);
		return;
	}
	switch (shorthand) {
	case SHORT_NONE:
		(void)lapic_send(l->v->vm, &m); /* nobody there: the message is lost, as on the bus */
		break;
	case SHORT_SELF:
		if (vectored || m.mode == DM_NMI)
			message_give(l, &m);
		break;
	case SHORT_ALL:
		if (vectored || m.mode == DM_NMI)
			message_give(l, &m); /* INIT and SIPI to oneself are not legal, SDM 3A table 11-3 */
		others_send(l, &m);
		break;
	case SHORT_OTHERS:
		others_send(l, &m);
		break;
	}
}

static void spurious(struct vm *vm)
{
	atomic_fetch_add_explicit(&vm->counters.spurious_msis, 1, memory_order_relaxed);
}

void lapic_deliver_msi(struct vm *vm, uint64_t address, uint32_t data)
{
	uint32_t dest = (address >> 12) & 0xff;
	bool redirect = address & 8, logical = address & 4;
	struct lapic_message m = {
		.dest = dest == 0xff ? DEST_BROADCAST : dest, .logical = logical, .level = data & ICR_LEVEL,
		.mode = (data >> 8) & 7, .vector = (uint8_t)data,
	};

	if (m.mode == DM_FIXED && redirect && logical)
		m.mode = DM_LOWEST;
	if (address >> 20 != MSI_WINDOW || (m.mode != DM_FIXED && m.mode != DM_LOWEST && m.mode != DM_NMI) ||
	    (m.mode != DM_NMI && m.vector < 16)) {
		spurious(vm);
		return;
	}
	if (m.level && !(data & ICR_ASSERT))
		return; /* de-assert message: nothing to do */
	if (lapic_send(vm, &m) == 0)
		spurious(vm);
}

static void sink_send(void *ctx, uint64_t address, uint32_t data)
{
	lapic_deliver_msi(ctx, address, data);
}

struct msi_sink lapic_msi_sink(struct vm *vm)
{
	return (struct msi_sink){ .send = sink_send, .ctx = vm };
}
