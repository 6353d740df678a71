/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's 16550A serial port (PC16550D data sheet). Embedded in the machine; under vm->lock. */
#ifndef VMM_UART_H
#define VMM_UART_H
#include <core/chardev.h>
#include <vmm/bus.h>
#include <vmm/irq.h>

#define VUART_INPUT 1024 /* bytes typed ahead; power of two */

/* Guest-visible state; plain, so that it can travel. */
struct vuart_state { uint8_t ier, lcr, mcr, scr, fcr, dll, dlm, thr_empty_pending; };
struct vuart {
	struct vuart_state s;
	struct chardev *out;
	struct irq_line irq;
	void (*wrote)(void *ctx); /* as in virtio_console */
	void *ctx;
	uint8_t input[VUART_INPUT];
	uint32_t head, tail;      /* free-running */
};
extern const struct bus_ops vuart_ops; /* 8 byte registers; ctx: struct vuart */
void vuart_init(struct vuart *u, struct chardev *out, struct irq_line irq);
void vuart_reset(struct vuart *u);
size_t vuart_input(struct vuart *u, const void *buf, size_t n);

#endif
