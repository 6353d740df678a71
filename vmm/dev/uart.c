/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's 16550A (PC16550D data sheet, section 8): output leaves at once, so the transmitter is always empty; input waits in a buffer
 * behind the FIFO. In the exit path under vm->lock. */
#include <core/arith.h>
#include <string.h>
#include <vmm/uart.h>

enum {
	REG_DATA = 0, REG_IER = 1, REG_IIR_FCR = 2, REG_LCR = 3, REG_MCR = 4, REG_LSR = 5, REG_MSR = 6, REG_SCR = 7,
	IER_RX = 1, IER_THRE = 2,
	IIR_NONE = 1, IIR_THRE = 2, IIR_RX = 4, IIR_FIFO = 0xc0,
	FCR_ENABLE = 1, FCR_CLEAR_RX = 2,
	LCR_DLAB = 0x80,
	MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 0x10,
	LSR_DR = 1, LSR_THRE = 0x20, LSR_TEMT = 0x40,
	MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80,
};

static bool vuart_has_input(const struct vuart *u) { return u->head != u->tail; }

static uint8_t vuart_iir(const struct vuart *u)
{
	uint8_t fifo = u->s.fcr & FCR_ENABLE ? IIR_FIFO : 0;

	if ((u->s.ier & IER_RX) && vuart_has_input(u))
		return fifo | IIR_RX;
	if ((u->s.ier & IER_THRE) && u->s.thr_empty_pending)
		return fifo | IIR_THRE;
	return fifo | IIR_NONE;
}

static void vuart_update_irq(struct vuart *u)
{
	irq_line_set(&u->irq, !(vuart_iir(u) & IIR_NONE));
}

static void vuart_push_input(struct vuart *u, uint8_t byte)
{
	if (u->tail - u->head < VUART_INPUT)
		u->input[u->tail++ & (VUART_INPUT - 1)] = byte;
}

static void vuart_transmit(struct vuart *u, uint8_t byte)
{
	if (u->s.mcr & MCR_LOOP) {
		vuart_push_input(u, byte);
	} else {
		if (u->wrote)
			u->wrote(u->ctx);
		chardev_write(u->out, &byte, 1);
	}
	u->s.thr_empty_pending = 1;
}

/* Modem status: a ready peer, or in loopback the own outputs (DTR->DSR, RTS->CTS, OUT1->RI, OUT2->DCD). */
static uint8_t vuart_msr(const struct vuart *u)
{
	uint8_t m = u->s.mcr;

	if (!(m & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (uint8_t)((m & MCR_DTR ? MSR_DSR : 0) | (m & MCR_RTS ? MSR_CTS : 0) | (m & MCR_OUT1 ? MSR_RI : 0) | (m & MCR_OUT2 ? MSR_DCD : 0));
}

static uint8_t vuart_read_data(struct vuart *u)
{
	return vuart_has_input(u) ? u->input[u->head++ & (VUART_INPUT - 1)] : 0;
}

static uint64_t vuart_read(void *ctx, uint64_t off, unsigned size)
{
	struct vuart *u = ctx;
	uint8_t v = 0xff;

	if (size != 1)
		return UINT64_MAX;
	switch (off) {
	case REG_DATA: v = u->s.lcr & LCR_DLAB ? u->s.dll : vuart_read_data(u); break;
	case REG_IER: v = u->s.lcr & LCR_DLAB ? u->s.dlm : u->s.ier; break;
	case REG_IIR_FCR:
		v = vuart_iir(u);
		if ((v & 0xf) == IIR_THRE)
			u->s.thr_empty_pending = 0; /* reading the source clears it */
		break;
	/* Without effect: */
	case REG_LCR: return u->s.lcr;
	case REG_MCR: return u->s.mcr;
	case REG_LSR: return LSR_THRE | LSR_TEMT | (vuart_has_input(u) ? LSR_DR : 0);
	case REG_MSR: return vuart_msr(u);
	case REG_SCR: return u->s.scr;
	}
	vuart_update_irq(u);
	return v;
}

static void vuart_write(void *ctx, uint64_t off, unsigned size, uint64_t value)
{
	struct vuart *u = ctx;
	uint8_t v = (uint8_t)value;

	if (size != 1)
		return;
	switch (off) {
	case REG_DATA:
		if (u->s.lcr & LCR_DLAB)
			u->s.dll = v;
		else
			vuart_transmit(u, v);
		break;
	case REG_IER:
		if (u->s.lcr & LCR_DLAB) {
			u->s.dlm = v;
			break;
		}
		if ((v & IER_THRE) && !(u->s.ier & IER_THRE))
			u->s.thr_empty_pending = 1; /* enabling it while empty raises it */
		u->s.ier = v & 0xf;
		break;
	case REG_IIR_FCR:
		u->s.fcr = v & 0xc9;
		if (v & FCR_CLEAR_RX)
			u->head = u->tail;
		break;
	/* No part of an interrupt: */
	case REG_LCR: u->s.lcr = v; return;
	case REG_MCR: u->s.mcr = v & 0x1f; return;
	case REG_SCR: u->s.scr = v; return;
	}
	vuart_update_irq(u);
}
const struct bus_ops vuart_ops = {.read = vuart_read, .write = vuart_write};

void vuart_init(struct vuart *u, struct chardev *out, struct irq_line irq)
{
	memset(u, 0, sizeof(*u));
	u->out = out;
	u->irq = irq;
	vuart_reset(u);
}

void vuart_reset(struct vuart *u)
{
	u->s = (struct vuart_state){.dll = 1};
	u->head = u->tail = 0;
	vuart_update_irq(u);
}

size_t vuart_input(struct vuart *u, const void *buf, size_t n)
{
	const uint8_t *p = buf;
	size_t take = MIN(n, (size_t)(VUART_INPUT - (u->tail - u->head)));

	for (size_t i = 0; i < take; i++)
		vuart_push_input(u, p[i]);
	vuart_update_irq(u);
	return take;
}
