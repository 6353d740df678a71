/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's PL011 (Arm DDI0183 3): output leaves at once, so the transmitter is always empty; input waits in a buffer behind the
 * FIFO, and asks for the guest as long as there is some. In the exit path under vm->lock. */
#include <core/arith.h>
#include <string.h>
#include <vmm/pl011.h>
#include <vmm/primecell.h>

enum {
	REG_DR = 0x00, REG_RSR = 0x04, REG_FR = 0x18, REG_ILPR = 0x20, REG_IBRD = 0x24, REG_FBRD = 0x28, REG_LCR_H = 0x2c, REG_CR = 0x30,
	REG_IFLS = 0x34, REG_IMSC = 0x38, REG_RIS = 0x3c, REG_MIS = 0x40, REG_ICR = 0x44, REG_DMACR = 0x48,
	FR_CTS = 1u << 0, FR_DSR = 1u << 1, FR_DCD = 1u << 2, FR_RXFE = 1u << 4, FR_RXFF = 1u << 6, FR_TXFE = 1u << 7,
	LCR_FEN = 1u << 4,
	CR_LBE = 1u << 7, CR_TXE = 1u << 8, CR_RXE = 1u << 9,
	INT_RX = 1u << 4, INT_TX = 1u << 5, INT_RT = 1u << 6, INT_ALL = 0x7ff,
	IFLS_HALF = 0x12,
	PART = 0x011, REVISION = 1,
};

static uint32_t pl011_waiting(const struct pl011 *u) { return u->tail - u->head; }

/* Receive and receive-timeout stand as long as there is input: a threshold would only make a typist wait. */
static uint16_t pl011_raw(const struct pl011 *u)
{
	return (uint16_t)((pl011_waiting(u) ? INT_RX | INT_RT : 0) | (u->s.transmitted ? INT_TX : 0));
}

static void pl011_update_irq(struct pl011 *u)
{
	irq_line_set(&u->irq, pl011_raw(u) & u->s.imsc);
}

static void pl011_push_input(struct pl011 *u, uint8_t byte)
{
	if (pl011_waiting(u) < PL011_INPUT)
		u->input[u->tail++ & (PL011_INPUT - 1)] = byte;
}

static void pl011_transmit(struct pl011 *u, uint8_t byte)
{
	if (u->s.cr & CR_LBE) {
		pl011_push_input(u, byte);
	} else {
		if (u->wrote)
			u->wrote(u->ctx);
		chardev_write(u->out, &byte, 1);
	}
	u->s.transmitted = true;
}

static uint8_t pl011_receive(struct pl011 *u)
{
	return pl011_waiting(u) ? u->input[u->head++ & (PL011_INPUT - 1)] : 0;
}

/* A ready peer; the receive FIFO is a register of one byte unless it is enabled (UARTLCR_H.FEN). */
static uint16_t pl011_flags(const struct pl011 *u)
{
	uint32_t room = u->s.lcr_h & LCR_FEN ? PL011_FIFO : 1;

	return (uint16_t)(FR_CTS | FR_DSR | FR_DCD | FR_TXFE | (pl011_waiting(u) == 0 ? FR_RXFE : 0) | (pl011_waiting(u) >= room ? FR_RXFF : 0));
}

static uint32_t pl011_register(struct pl011 *u, uint64_t off)
{
	switch (off) {
	case REG_DR: return pl011_receive(u);
	case REG_FR: return pl011_flags(u);
	case REG_ILPR: return u->s.ilpr;
	case REG_IBRD: return u->s.ibrd;
	case REG_FBRD: return u->s.fbrd;
	case REG_LCR_H: return u->s.lcr_h;
	case REG_CR: return u->s.cr;
	case REG_IFLS: return u->s.ifls;
	case REG_IMSC: return u->s.imsc;
	case REG_RIS: return pl011_raw(u);
	case REG_MIS: return pl011_raw(u) & u->s.imsc;
	case REG_DMACR: return u->s.dmacr;
	default: return off >= PRIMECELL_ID ? primecell_id(PART, REVISION, off) : 0; /* RSR: a line without errors */
	}
}

static uint64_t pl011_read(void *ctx, uint64_t off, unsigned size)
{
	struct pl011 *u = ctx;
	uint32_t v;

	if (size > 4 || off % 4)
		return 0;
	v = pl011_register(u, off);
	pl011_update_irq(u);
	return v;
}

static void pl011_write(void *ctx, uint64_t off, unsigned size, uint64_t value)
{
	struct pl011 *u = ctx;
	uint16_t v = (uint16_t)(size == 1 ? value & 0xff : value);

	if (size > 4 || off % 4)
		return;
	switch (off) {
	case REG_DR: pl011_transmit(u, (uint8_t)v); break; /* before UARTEN too: an early console takes the port as firmware left it */
	case REG_ILPR: u->s.ilpr = (uint8_t)v; break;
	case REG_IBRD: u->s.ibrd = v; break;
	case REG_FBRD: u->s.fbrd = v & 0x3f; break;
	case REG_LCR_H: u->s.lcr_h = v & 0xff; break;
	case REG_CR: u->s.cr = v & 0xff87; break;
	case REG_IFLS: u->s.ifls = v & 0x3f; break;
	case REG_IMSC: u->s.imsc = v & INT_ALL; break;
	case REG_ICR:
		if (v & INT_TX)
			u->s.transmitted = false;
		break;
	case REG_DMACR: u->s.dmacr = v & 7; break;
	}
	pl011_update_irq(u);
}
const struct bus_ops pl011_ops = {.read = pl011_read, .write = pl011_write};

void pl011_init(struct pl011 *u, struct chardev *out, struct irq_line irq)
{
	memset(u, 0, sizeof(*u));
	u->out = out;
	u->irq = irq;
	pl011_reset(u);
}

void pl011_reset(struct pl011 *u)
{
	u->s = (struct pl011_state){.cr = CR_TXE | CR_RXE, .ifls = IFLS_HALF};
	u->head = u->tail = 0;
	pl011_update_irq(u);
}

size_t pl011_input(struct pl011 *u, const void *buf, size_t n)
{
	const uint8_t *p = buf;
	size_t take = MIN(n, (size_t)(PL011_INPUT - pl011_waiting(u)));

	for (size_t i = 0; i < take; i++)
		pl011_push_input(u, p[i]);
	pl011_update_irq(u);
	return take;
}
