/* SPDX-License-Identifier: Apache-2.0 */
/* What a kind of serial port gives to core/drv/uart.c. One port at a time; output is called from any CPU and context. */
#ifndef CORE_DRV_UART_OPS_H
#define CORE_DRV_UART_OPS_H
#include "uart_find.h"
#include <stdbool.h>
#include <stdint.h>

enum { UART_NOTHING = -1, UART_NOISE = -2 }; /* from get: no byte there; something that is no byte, a break */

struct uart_ops {
	unsigned burst;                /* bytes that fit once tx_ready said so */
	/* Maps the registers, finds out whether anything answers, sets it up with its receive interrupt on or off. */
	bool (*open)(const struct uart_place *place, bool rx_irq);
	bool (*tx_ready)(void);
	void (*put)(uint8_t c);
	int (*get)(void);
	void (*rx_irq)(bool on);
};
extern const struct uart_ops uart_16550, uart_pl011;

#endif
