/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's PL061 (Arm DDI0190): eight general-purpose lines, of which the machine drives inputs. Embedded in the machine; under vm->lock. */
#ifndef VMM_PL061_H
#define VMM_PL061_H
#include <stdbool.h>
#include <stdint.h>
#include <vmm/bus.h>
#include <vmm/irq.h>

/* Guest-visible state; plain, so that it can travel. A bit is a line. */
struct pl061_state {
	uint8_t input;  /* as the machine drives them */
	uint8_t output; /* as the guest wrote them */
	uint8_t dir;    /* 1: output */
	uint8_t level, both, event, mask; /* GPIOIS, GPIOIBE, GPIOIEV, GPIOIE */
	uint8_t edges;  /* latched by edges, until GPIOIC clears them */
	uint8_t afsel;
};
struct pl061 { struct pl061_state s; struct irq_line irq; };
extern const struct bus_ops pl061_ops; /* 4 KiB; ctx: struct pl061 */
void pl061_init(struct pl061 *g, struct irq_line irq);
void pl061_reset(struct pl061 *g);
/* Drives input line (0..7). */
void pl061_set(struct pl061 *g, unsigned line, bool level);

#endif
