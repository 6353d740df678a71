/* SPDX-License-Identifier: Apache-2.0 */
/* 16550 serial port, in port space or memory (PC16550D data sheet). Registers alone: waiting, locking and input are uart.c's. */
#include "uart_ops.h"
#include <core/hal.h>
#include <core/mmio.h>
#include <core/portio.h>

enum { RBR = 0, THR = 0, DLL = 0, IER = 1, DLM = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5, SCR = 7, NREGS = 8 };
enum { IER_RX = 0x01, FCR_ON = 0x07, LCR_8N1 = 0x03, LCR_DLAB = 0x80, MCR_DTR_RTS_OUT2 = 0x0b };
enum { LSR_DR = 0x01, LSR_BREAK = 0x10, LSR_THRE = 0x20 };
#define FIFO_BYTES 16

static struct uart_place place;
static volatile void *base;

static uint8_t reg_read(unsigned reg)
{
	if (!place.mmio)
		return portio_read8((uint16_t)(place.addr + reg));
	if (place.stride == 4)
		return (uint8_t)mmio_read32(base, (size_t)reg * 4);
	return mmio_read8(base, (size_t)reg * place.stride);
}

static void reg_write(unsigned reg, uint8_t v)
{
	if (!place.mmio)
		portio_write8((uint16_t)(place.addr + reg), v);
	else if (place.stride == 4)
		mmio_write32(base, (size_t)reg * 4, v);
	else
		mmio_write8(base, (size_t)reg * place.stride, v);
}

/* The scratch register keeps what was written; a floating bus does not. Some 16550s lack it, none of a PC's do. */
static bool answers(void)
{
	reg_write(SCR, 0x5a);
	if (reg_read(SCR) != 0x5a)
		return false;
	reg_write(SCR, 0xa5);
	return reg_read(SCR) == 0xa5 && reg_read(LSR) != 0xff;
}

static void ns16550_rx_irq(bool on)
{
	reg_write(IER, on ? IER_RX : 0);
}

static bool ns16550_open(const struct uart_place *p, bool rx_irq)
{
	place = *p;
	base = NULL;
	if (p->mmio) {
		if (hal_map_device(HPA(p->addr), (uint64_t)NREGS * p->stride, HAL_MAP_RW | HAL_MAP_UC, &base) != OK)
			return false;
	} else if (!portio_present()) {
		return false;
	}
	if (!answers())
		return false;
	ns16550_rx_irq(rx_irq);
	if (!place.keep_baud) {
		reg_write(LCR, LCR_DLAB | LCR_8N1);
		reg_write(DLL, 1); /* 115200 */
		reg_write(DLM, 0);
	}
	reg_write(LCR, LCR_8N1);
	reg_write(FCR, FCR_ON);
	reg_write(MCR, MCR_DTR_RTS_OUT2);
	return true;
}

static bool ns16550_tx_ready(void)
{
	return reg_read(LSR) & LSR_THRE;
}

static void ns16550_put(uint8_t c)
{
	reg_write(THR, c);
}

static int ns16550_get(void)
{
	uint8_t lsr = reg_read(LSR), c;

	if (lsr == 0xff || !(lsr & LSR_DR))
		return UART_NOTHING;
	c = reg_read(RBR);
	return lsr & LSR_BREAK ? UART_NOISE : c;
}

const struct uart_ops uart_16550 = {
	.burst = FIFO_BYTES, .open = ns16550_open, .tx_ready = ns16550_tx_ready, .put = ns16550_put, .get = ns16550_get, .rx_irq = ns16550_rx_irq,
};
