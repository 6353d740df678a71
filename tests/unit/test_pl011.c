/* SPDX-License-Identifier: Apache-2.0 */
/* The PL011 driver on a register file of the test's own: found by SPCR, set up, output, and what is refused. Registers are plain memory, so the
 * transmitter has always room and there is never input, unless the test says otherwise. */
#include "../fake/fake.h"
#include "tap.h"
#include "core/drv/uart_ops.h"
#include <core/acpi.h>
#include <core/arith.h>
#include <string.h>

#define UART_BASE 0x9000000ull
enum { DR = 0, FR = 0x18 / 4, LCR_H = 0x2c / 4, CR = 0x30 / 4, IMSC = 0x38 / 4, ICR = 0x44 / 4 };

static uint32_t regs[1024];

static struct uart_place spcr(uint8_t type, uint8_t space)
{
	union { struct acpi_header h; uint8_t b[80]; } t = {.h = {.sig = "SPCR", .length = 80}};
	struct uart_place u = {0};

	t.b[36] = type;
	t.b[40] = space;
	t.b[43] = 3;
	put_le64(t.b + 44, UART_BASE);
	t.b[52] = 8; /* GIC */
	put_le32(t.b + 54, 33);
	ok(uart_find_spcr(&t.h, &u) == (space == 0 ? OK : E_UNSUPPORTED), "SPCR type %u in space %u", type, space);
	return u;
}

int main(void)
{
	struct uart_place place, sbsa;

	fake_init(16 * MIB, 1);
	fake_mmio_add(HPA(UART_BASE), sizeof(regs), regs);
	place = spcr(3, 0);
	ok(place.kind == UART_KIND_PL011 && place.addr == UART_BASE && place.gsi == 33 && place.level, "a PL011 with its interrupt");
	spcr(3, 1);
	sbsa = spcr(0xe, 0);
	ok_eq(sbsa.kind, UART_KIND_SBSA, "the base system architecture's");
	ok(spcr(0xd, 0).kind == UART_KIND_SBSA, "and its 32-bit form");

	regs[FR] = UINT32_MAX;
	ok(!uart_pl011.open(&place, false), "a bus where nobody answers");
	memset(regs, 0, sizeof(regs));
	ok(uart_pl011.open(&place, true), "opens");
	ok(regs[LCR_H] == 0x70 && regs[CR] == 0xf01 && regs[IMSC] == 0x50 && regs[ICR] == 0x7ff, "8N1 with FIFOs, on, receive interrupts");
	uart_pl011.put('x');
	ok_eq(regs[DR], 'x', "a byte goes out");
	ok(uart_pl011.tx_ready(), "there is room");
	regs[FR] = 1 << 5;
	ok(!uart_pl011.tx_ready(), "the transmit FIFO is full");
	regs[FR] = 1 << 4;
	ok_eq(uart_pl011.get(), UART_NOTHING, "the receive FIFO is empty");
	regs[FR] = 0;
	regs[DR] = 'q';
	ok_eq(uart_pl011.get(), 'q', "a byte comes in");
	regs[DR] = 0x400;
	ok_eq(uart_pl011.get(), UART_NOISE, "a break is no byte");
	uart_pl011.rx_irq(false);
	ok_eq(regs[IMSC], 0, "interrupts off");
	memset(regs, 0, sizeof(regs));
	ok(uart_pl011.open(&sbsa, false) && regs[LCR_H] == 0 && regs[CR] == 0 && regs[IMSC] == 0, "the other kind's line and control registers are left alone");
	return tap_done();
}
