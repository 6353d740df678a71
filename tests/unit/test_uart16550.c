/* SPDX-License-Identifier: Apache-2.0 */
/* The serial port driver against a model of the PC16550D's registers: presence, set-up, output,
 * input with and without interrupts, and a line that hangs. */
#include "../fake/fake.h"
#include "../fake/fake_portio.h"
#include "tap.h"
#include <core/arith.h>
#include <core/uart.h>
#include <string.h>

#define COM1 0x3f8

/* Registers as the data sheet has them; sent collects what the transmitter got. */
struct model {
	uint8_t reg[8], dll, dlm;
	char sent[4096];
	unsigned nsent, fifo, reads;
	bool hung, overrun, brk, gone;
	const char *in;
	unsigned nin;
};
static struct model m;

static uint8_t model_read(void *ctx, uint16_t port)
{
	struct model *u = ctx;

	if (port < COM1 || port > COM1 + 7 || u->gone)
		return 0xff;
	u->reads++;
	if (port == COM1 && u->nin) {
		u->nin--;
		return (uint8_t)*u->in++;
	}
	if (port == COM1 + 5) {
		if (!u->hung)
			u->fifo = 0; /* an instant line */
		return (uint8_t)((u->fifo ? 0 : 0x60) | (u->nin ? 1 | (u->brk ? 0x10 : 0) : 0));
	}
	return u->reg[port - COM1];
}

static void model_write(void *ctx, uint16_t port, uint8_t v)
{
	struct model *u = ctx;
	unsigned r = port - COM1;

	if (port < COM1 || r > 7)
		return;
	if (r <= 1 && (u->reg[3] & 0x80)) {
		*(r ? &u->dlm : &u->dll) = v;
	} else if (r == 0) {
		u->overrun |= ++u->fifo > 16;
		if (u->nsent < sizeof(u->sent))
			u->sent[u->nsent++] = (char)v;
	} else {
		u->reg[r] = v;
	}
}

static const struct fake_portio wires = {model_read, model_write, &m};

static void test_absent(void)
{
	uart_init();
	uart_write("lost", 4);
	ok(m.nsent == 0, "no port: output is dropped");
}

static void test_output(void)
{
	char line[1000];

	fake_portio_set(&wires);
	uart_init();
	ok(m.dll == 1 && m.dlm == 0, "115200 baud");
	ok_eq(m.reg[3], 0x03, "8N1, divisor latch closed");
	ok_eq(m.reg[2], 0x07, "FIFOs on and cleared");
	ok_eq(m.reg[4], 0x0b, "DTR, RTS and OUT2");
	ok_eq(m.reg[1], 0, "no interrupts before somebody reads");
	uart_write("a\nb", 3);
	ok(m.nsent == 4 && !memcmp(m.sent, "a\r\nb", 4), "a newline gets a carriage return");
	m.nsent = 0;
	memset(line, 'x', sizeof(line));
	for (unsigned i = 14; i < sizeof(line); i += 15)
		line[i] = '\n';
	uart_write(line, sizeof(line));
	ok(m.nsent == sizeof(line) + 66, "a long text arrives whole");
	ok(!m.overrun, "the FIFO is never overrun");
}

static void test_hung(void)
{
	unsigned first;

	m.nsent = 0;
	m.fifo = 1;
	m.hung = true;
	m.reads = 0;
	uart_write("one", 3);
	first = m.reads;
	ok(m.nsent == 0 && first < 1000000, "a hung line ends the wait");
	uart_write("two", 3);
	ok_eq(m.reads - first, 1, "and is not waited for again");
	m.hung = false;
	uart_write("three", 5);
	ok(m.nsent == 5 && !memcmp(m.sent, "three", 5), "until it drains");
}

static char got[256];
static unsigned ngot;

static void on_char(void *ctx, char c)
{
	(void)ctx;
	if (ngot < sizeof(got))
		got[ngot++] = c;
}

static void type(const char *s)
{
	m.in = s;
	m.nin = (unsigned)strlen(s);
}

static void test_input(void)
{
	static const char hundred[] = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";

	uart_set_rx(on_char, NULL);
	ok_eq(m.reg[1], 1, "receive interrupts are on");
	type("hello");
	fake_gsi_raise(4);
	fake_loop_settle();
	ok(ngot == 5 && !memcmp(got, "hello", 5), "an interrupt takes what is there");
	ngot = 0;
	type(hundred);
	fake_gsi_raise(4);
	fake_loop_settle();
	ok(ngot == 100 && !memcmp(got, hundred, 100), "more than one turn's worth arrives too");
	ngot = 0;
	fake_clock_advance(500 * NS_PER_MS);
	fake_loop_settle();
	type("lost edge");
	fake_clock_advance(500 * NS_PER_MS);
	fake_loop_settle();
	ok(ngot == 9, "without an interrupt the timer finds it");
	type("x");
	fake_clock_advance(20 * NS_PER_MS);
	fake_loop_settle();
	ok(ngot == 10, "and polls fast from then on");
	m.brk = true;
	type("y");
	fake_gsi_raise(4);
	fake_loop_settle();
	ok(ngot == 10, "a break is no character");
	m.gone = true;
	fake_gsi_raise(4);
	fake_loop_settle();
	ok(ngot == 10, "a port that vanished reads as all ones and ends the reading");
}

int main(void)
{
	fake_init(16 * MIB, 1);
	test_absent();
	test_output();
	test_hung();
	test_input();
	return tap_done();
}
