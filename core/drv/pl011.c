/* SPDX-License-Identifier: Apache-2.0 */
/* PL011 serial port (ARM DDI 0183), and the part of it that Arm's base system architecture calls the generic UART (DEN0029), which has neither
 * line nor control register. Registers alone: waiting, locking and input are uart.c's. */
#include "uart_ops.h"
#include <core/hal.h>
#include <core/mmio.h>

enum { DR = 0x00, FR = 0x18, LCR_H = 0x2c, CR = 0x30, IMSC = 0x38, ICR = 0x44, REGS_BYTES = 0x1000 };
enum { DR_ERRORS = 0xf00, FR_RXFE = 1 << 4, FR_TXFF = 1 << 5 };
enum { LCR_8N1_FIFO = 0x70, CR_ON = 0x301, CR_MODEM = 0xc00 }; /* enable, transmit, receive; DTR, RTS */
enum { INT_RX = 1 << 4, INT_TIMEOUT = 1 << 6, INT_ALL = 0x7ff };

static volatile void *base;

static void pl011_rx_irq(bool on)
{
	mmio_write32(base, IMSC, on ? INT_RX | INT_TIMEOUT : 0);
}

static bool pl011_open(const struct uart_place *p, bool rx_irq)
{
	if (!p->mmio || hal_map_device(HPA(p->addr), REGS_BYTES, HAL_MAP_RW | HAL_MAP_UC, &base) != OK)
		return false;
	if (mmio_read32(base, FR) == UINT32_MAX)
		return false; /* a bus where nobody answers */
	mmio_write32(base, IMSC, 0);
	if (p->kind == UART_KIND_PL011) {
		/* The rate is the firmware's: the divisor depends on a clock that no table names. A write of the line register makes it count (3.3.7). */
		mmio_write32(base, LCR_H, LCR_8N1_FIFO);
		mmio_write32(base, CR, CR_ON | CR_MODEM);
	}
	mmio_write32(base, ICR, INT_ALL);
	pl011_rx_irq(rx_irq);
	return true;
}

static bool pl011_tx_ready(void)
{
	return !(mmio_read32(base, FR) & FR_TXFF);
}

static void pl011_put(uint8_t c)
{
	mmio_write32(base, DR, c);
}

static int pl011_get(void)
{
	uint32_t v = mmio_read32(base, FR);

	if (v == UINT32_MAX || (v & FR_RXFE))
		return UART_NOTHING;
	v = mmio_read32(base, DR);
	return v & DR_ERRORS ? UART_NOISE : (int)(v & 0xff);
}

const struct uart_ops uart_pl011 = {
	.burst = 1, .open = pl011_open, .tx_ready = pl011_tx_ready, .put = pl011_put, .get = pl011_get, .rx_irq = pl011_rx_irq,
};
