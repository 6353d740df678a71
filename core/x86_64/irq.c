/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupt vectors: each CPU has its own set for devices, handed out once and never taken back. The handlers run
 * in the window of their CPU's loop. Also: idling, the window itself, and message-signalled interrupts. */
#include "irq.h"
#include "apic.h"
#include "insn.h"
#include "percpu.h"
#include <core/spinlock.h>

/* SDM 3A 11.11: address and data of a message-signalled interrupt; fixed delivery, edge. */
#define MSI_ADDRESS 0xfee00000ull
#define MSI_DEST_SHIFT 12
#define MSI_MAX_DEST 254

static struct spinlock irq_lock;

void irq_dispatch(unsigned vector)
{
	struct percpu *p = this_cpu();

	if (vector == VECTOR_TIMER) {
		p->timer_irqs++;
	} else if (vector == VECTOR_WAKE) {
		p->wake_irqs++;
	} else if (vector == VECTOR_POSTED) {
		/* Came after the guest had left: what was posted is found before its next entry. */
	} else if (vector >= IRQ_FIRST_VECTOR && vector <= IRQ_LAST_VECTOR) {
		const struct irq_slot *s = &p->irqs[vector - IRQ_FIRST_VECTOR];

		if (s->fn)
			s->fn(s->ctx);
		else
			p->spurious++;
	} else {
		p->spurious++;
		return; /* spurious interrupts and those of the 8259s set no in-service bit of the APIC (SDM 3A 11.9) */
	}
	apic_eoi();
}

err_t irq_vector_alloc(unsigned cpu, hal_irq_fn fn, void *ctx, unsigned *vector)
{
	struct percpu *p = percpu_get(cpu);
	err_t e = E_NOMEM;

	if (!p)
		return E_NOENT;
	spin_lock(&irq_lock);
	for (unsigned i = 0; i < IRQ_VECTORS; i++) {
		if (p->irqs[i].fn)
			continue;
		p->irqs[i].ctx = ctx;
		__atomic_store_n(&p->irqs[i].fn, fn, __ATOMIC_RELEASE);
		*vector = IRQ_FIRST_VECTOR + i;
		e = OK;
		break;
	}
	spin_unlock(&irq_lock);
	return e;
}

err_t hal_msi_alloc(uint32_t requester, unsigned cpu, hal_irq_fn fn, void *ctx, struct hal_msi *out)
{
	unsigned vector;
	err_t e;

	(void)requester; /* there is no interrupt remapping that would ask */
	if (!fn)
		return E_INVAL;
	if (hal_cpu_hwid(cpu) > MSI_MAX_DEST)
		return percpu_get(cpu) ? E_UNSUPPORTED : E_NOENT; /* wider ids need interrupt remapping */
	e = irq_vector_alloc(cpu, fn, ctx, &vector);
	if (e != OK)
		return e;
	out->address = MSI_ADDRESS | (uint64_t)hal_cpu_hwid(cpu) << MSI_DEST_SHIFT;
	out->data = vector;
	return OK;
}

void hal_irq_window(void)
{
	/* STI takes effect after the next instruction: the NOP is where interrupts come in. */
	__asm__ volatile("sti; nop; cli" : : : "memory");
}

void hal_idle(void)
{
	/* Nothing can come between STI and HLT (SDM 2B STI). */
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

void irq_taken(unsigned vector)
{
	irq_dispatch(vector);
}

void irq_notify(unsigned cpu)
{
	uint32_t id = hal_cpu_hwid(cpu);

	if (id != UINT32_MAX)
		apic_send(id, VECTOR_POSTED);
}

void hal_ipi_wake(unsigned cpu)
{
	uint32_t id = hal_cpu_hwid(cpu);

	if (id != UINT32_MAX)
		apic_send(id, VECTOR_WAKE);
}
