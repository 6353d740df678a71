/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's Arm serial port, clock and GPIO block, register by register. */
#include "tap.h"
#include <core/clock.h>
#include <stdlib.h>
#include <tests/fake/fake.h>
#include <vmm/pl011.h>
#include <vmm/pl031.h>
#include <vmm/pl061.h>

static char out[64];
static size_t out_len;
static bool irq;
static unsigned told;
static size_t sink_write(struct chardev *c, const void *p, size_t n) { (void)c; if (out_len < sizeof(out)) out[out_len++] = *(const char *)p; return n; }
static const struct chardev_ops sink_ops = {.write = sink_write};
static struct chardev sink = {&sink_ops};
static void set_irq(void *ctx, unsigned line, bool level) { (void)ctx; (void)line; irq = level; }
static void wrote(void *ctx) { (void)ctx; told++; }

static uint32_t rd(const struct bus_ops *ops, void *dev, uint64_t off) { return (uint32_t)ops->read(dev, off, 4); }
static void wr(const struct bus_ops *ops, void *dev, uint64_t off, uint32_t v) { ops->write(dev, off, 4, v); }

/* Every size at every offset, and what was read back stays within the size that was asked for. */
static void hostile(const struct bus_ops *ops, void *dev, const char *name)
{
	bool narrow = true;

	for (uint64_t off = 0; off < 0x1000; off++) {
		for (unsigned size = 1; size <= 8; size *= 2) {
			if (off + size > 0x1000)
				continue;
			ops->write(dev, off, size, off * 0x9e3779b97f4a7c15ull);
			narrow &= ops->read(dev, off, size) >> 32 == 0;
			ops->write(dev, off, size, UINT64_MAX);
		}
	}
	ok(narrow, "%s: no access has more than 32 bits", name);
}

/* DDI0183 3.3, DDI0224 3.3, DDI0190 3.3: the drivers of Linux look at these. */
static void identity(const struct bus_ops *ops, void *dev, uint32_t want, const char *name)
{
	uint32_t peripheral = 0, cell = 0;

	for (unsigned i = 0; i < 4; i++) {
		peripheral |= rd(ops, dev, 0xfe0 + 4 * i) << (8 * i);
		cell |= rd(ops, dev, 0xff0 + 4 * i) << (8 * i);
	}
	ok_eq(peripheral, want, name);
	ok_eq(cell, 0xb105f00d, "a PrimeCell");
}

static struct pl011 u;
enum { DR = 0, FR = 0x18, IBRD = 0x24, FBRD = 0x28, LCR_H = 0x2c, CR = 0x30, IFLS = 0x34, IMSC = 0x38, RIS = 0x3c, MIS = 0x40, ICR = 0x44 };
static uint32_t in(unsigned r) { return rd(&pl011_ops, &u, r); }
static void put(unsigned r, uint32_t v) { wr(&pl011_ops, &u, r, v); }

static void test_pl011_output(void)
{
	pl011_init(&u, &sink, (struct irq_line){.set = set_irq, .line = 33});
	u.wrote = wrote;
	identity(&pl011_ops, &u, 0x00141011, "PL011 r1p1");
	ok(in(CR) == 0x300 && in(IFLS) == 0x12 && in(FR) == 0x97, "power-on values; nothing in, nothing out");
	put(DR, 'A');
	ok(out_len == 1 && out[0] == 'A' && told == 1 && !irq, "a byte leaves; no interrupt unless it is unmasked");
	ok(in(RIS) == 0x20 && in(MIS) == 0, "the transmit interrupt is there to be unmasked");
	put(IMSC, 0x20);
	ok(irq && in(MIS) == 0x20, "unmasked");
	put(ICR, 0x20);
	ok(!irq && in(RIS) == 0, "and cleared");
	pl011_ops.write(&u, DR, 1, 0x142);
	pl011_ops.write(&u, DR, 2, 'C');
	ok(out_len == 3 && out[1] == 'B' && out[2] == 'C' && irq, "bytes and halfwords, and the next asks again");
	put(IMSC, 0);
}

static void test_pl011_input(void)
{
	unsigned n = 0;

	put(ICR, 0x7ff);
	put(IMSC, 0x50);
	put(LCR_H, 0x70);
	ok_eq((int64_t)pl011_input(&u, "xy", 2), 2, "typed bytes");
	ok(irq && in(RIS) == 0x50 && !(in(FR) & 0x10), "receive and receive timeout");
	put(ICR, 0x50);
	ok(irq, "cannot be cleared while bytes wait: none is forgotten");
	ok(in(DR) == 'x' && irq && in(DR) == 'y' && !irq && (in(FR) & 0x10), "reading all of them ends it");
	ok_eq(in(DR), 0, "an empty FIFO reads as 0");
	(void)pl011_input(&u, "0123456789abcde", 15);
	ok(!(in(FR) & 0x40), "15 bytes are not a full FIFO");
	(void)pl011_input(&u, "f", 1);
	ok(in(FR) & 0x40, "16 are");
	put(LCR_H, 0x60);
	while (in(RIS) & 0x10)
		(void)in(DR);
	(void)pl011_input(&u, "1", 1);
	ok(in(FR) & 0x40, "without FIFO one byte is");
	while (pl011_input(&u, "z", 1))
		n++;
	ok_eq(n, PL011_INPUT - 1, "the input buffer is bounded");
	pl011_reset(&u);
	ok(!irq && (in(FR) & 0x10), "a reset drops it");
	put(CR, 0x381);
	out_len = 0;
	put(DR, 'L');
	ok(out_len == 0 && in(DR) == 'L', "loopback: a byte comes back and does not leave");
}

static void test_pl011_registers(void)
{
	put(IBRD, 0x12345);
	put(FBRD, 0x7f);
	put(LCR_H, 0x1ff);
	put(IMSC, 0xffff);
	put(CR, 0xffff);
	ok(in(IBRD) == 0x2345 && in(FBRD) == 0x3f && in(LCR_H) == 0xff && in(IMSC) == 0x7ff && in(CR) == 0xff87, "registers keep the bits that they have");
	hostile(&pl011_ops, &u, "PL011");
	pl011_reset(&u);
}

static void test_pl031(void)
{
	struct pl031 r;

	pl031_reset(&r);
	identity(&pl031_ops, &r, 0x00041031, "PL031");
	clock_set_utc(951825599ll * 1000000000, CLOCK_UEFI);
	ok_eq(rd(&pl031_ops, &r, 0), 951825599, "seconds since 1970");
	fake_clock_advance(2000000000);
	ok_eq(rd(&pl031_ops, &r, 0), 951825601, "which pass");
	wr(&pl031_ops, &r, 8, 1);
	ok(rd(&pl031_ops, &r, 0) == 951825601 && rd(&pl031_ops, &r, 8) == 1, "setting it is remembered and changes nothing");
	wr(&pl031_ops, &r, 4, 951825602);
	wr(&pl031_ops, &r, 0x10, 1);
	fake_clock_advance(5000000000);
	ok(rd(&pl031_ops, &r, 0x14) == 0 && rd(&pl031_ops, &r, 0x18) == 0, "no alarm");
	ok_eq(rd(&pl031_ops, &r, 0xc), 1, "it runs");
	clock_set_utc(-1, CLOCK_UEFI);
	ok_eq(rd(&pl031_ops, &r, 0), 0, "before 1970 is 1970");
	hostile(&pl031_ops, &r, "PL031");
}

static struct pl061 g;
enum { DIR = 0x400, IS = 0x404, IBE = 0x408, IEV = 0x40c, IE = 0x410, GRIS = 0x414, GMIS = 0x418, IC = 0x41c, DATA = 0x3fc };
static uint32_t gin(unsigned r) { return rd(&pl061_ops, &g, r); }
static void gput(unsigned r, uint32_t v) { wr(&pl061_ops, &g, r, v); }

static void test_pl061_edges(void)
{
	pl061_init(&g, (struct irq_line){.set = set_irq, .line = 39});
	identity(&pl061_ops, &g, 0x00041061, "PL061");
	gput(IEV, 8);
	gput(IE, 8);
	pl061_set(&g, 3, true);
	ok(irq && gin(GMIS) == 8 && gin(DATA) == 8, "a rising edge");
	pl061_set(&g, 3, false);
	ok(irq && gin(GRIS) == 8 && gin(DATA) == 0, "is latched");
	gput(IC, 8);
	ok(!irq && gin(GRIS) == 0, "until it is cleared");
	gput(IEV, 0);
	pl061_set(&g, 3, true);
	ok(!irq, "a rising edge when the falling one is asked for");
	pl061_set(&g, 3, false);
	ok(irq, "and the falling one");
	gput(IC, 0xff);
	gput(IBE, 8);
	pl061_set(&g, 3, true);
	ok(irq, "both: up");
	gput(IC, 0xff);
	pl061_set(&g, 3, true);
	ok(!irq, "no change, no edge");
	pl061_set(&g, 3, false);
	ok(irq, "both: down");
	gput(IC, 0xff);
	gput(IE, 0);
	pl061_set(&g, 3, true);
	ok(!irq && gin(GRIS) == 8 && gin(GMIS) == 0, "masked: only the raw state has it");
	pl061_set(&g, 8, true);
	pl061_set(&g, UINT32_MAX, true);
	ok_eq(gin(DATA), 8, "there are eight lines");
}

static void test_pl061_levels(void)
{
	pl061_set(&g, 3, false);
	pl061_reset(&g);
	ok(!irq && gin(GRIS) == 0, "reset");
	gput(IS, 8);
	gput(IEV, 8);
	gput(IE, 8);
	ok(!irq, "a high level that is not there");
	pl061_set(&g, 3, true);
	gput(IC, 8);
	ok(irq, "one that is cannot be cleared");
	pl061_set(&g, 3, false);
	ok(!irq, "it goes with the line");
	gput(IEV, 0);
	ok(irq, "a low level");
	gput(IE, 0);
	gput(DIR, 0x0f);
	gput(0x3 << 2, 0xff);
	ok_eq(gin(DATA), 0x03, "only masked data lines are written");
	gput(DATA, 0xf0);
	ok_eq(gin(DATA), 0, "and only outputs");
	pl061_set(&g, 7, true);
	ok(gin(DATA) == 0x80 && gin(0x7f << 2) == 0, "reads are masked as well");
	pl061_reset(&g);
	ok_eq(gin(DATA), 0x80, "a reset does not let go of the lines that the machine drives");
	hostile(&pl061_ops, &g, "PL061");
}

int main(void)
{
	fake_init(16 << 20, 1);
	test_pl011_output();
	test_pl011_input();
	test_pl011_registers();
	test_pl031();
	test_pl061_edges();
	test_pl061_levels();
	return tap_done();
}
