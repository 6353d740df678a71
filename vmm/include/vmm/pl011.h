/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's PL011 serial port (Arm DDI0183). Embedded in the machine; under vm->lock. */
#ifndef VMM_PL011_H
#define VMM_PL011_H
#include <core/chardev.h>
#include <stdbool.h>
#include <vmm/bus.h>
#include <vmm/irq.h>

#define PL011_INPUT 4096 /* bytes typed ahead; power of two */
#define PL011_FIFO 16    /* what the guest is told of them: revision r1 */

/* Guest-visible state; plain, so that it can travel. */
struct pl011_state { uint16_t ibrd, lcr_h, cr, ifls, imsc, dmacr; uint8_t ilpr, fbrd; bool transmitted; /* the transmit interrupt's latch */ };
struct pl011 {
	struct pl011_state s;
	struct chardev *out;
	struct irq_line irq;
	void (*wrote)(void *ctx); /* as in virtio_console */
	void *ctx;
	uint8_t input[PL011_INPUT];
	uint32_t head, tail;      /* free-running */
};
extern const struct bus_ops pl011_ops; /* 4 KiB; ctx: struct pl011 */
void pl011_init(struct pl011 *u, struct chardev *out, struct irq_line irq);
void pl011_reset(struct pl011 *u);
/* Queues typed bytes for the guest; returns how many were taken. */
size_t pl011_input(struct pl011 *u, const void *buf, size_t n);

#endif
