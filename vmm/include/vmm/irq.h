/* SPDX-License-Identifier: Apache-2.0 */
/* How a device raises interrupts: it was given these when it was created and knows nothing of interrupt controllers. Under vm->lock. */
#ifndef VMM_IRQ_H
#define VMM_IRQ_H
#include <stdbool.h>
#include <stdint.h>

/* A level-triggered line, low at first and after a reset of the machine; set is idempotent. The device's end remembers the level: whoever loads
 * the state of an interrupt controller restores it here, too. */
struct irq_line { void (*set)(void *ctx, unsigned line, bool level); void *ctx; unsigned line; bool level; };
static inline void irq_line_set(struct irq_line *l, bool level)
{
	if (l->level == level)
		return; /* devices say it at each access */
	l->level = level;
	l->set(l->ctx, l->line, level);
}
/* Message-signalled interrupts: a write of data to address, as the guest programmed it (hostile values: dropped and counted). */
struct msi_sink { void (*send)(void *ctx, uint64_t address, uint32_t data); void *ctx; };
static inline void msi_send(const struct msi_sink *s, uint64_t address, uint32_t data) { s->send(s->ctx, address, data); }

#endif
