/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's serial port, clock and power devices, register by register. */
#include "tap.h"
#include <core/clock.h>
#include <tests/fake/fake.h>
#include <vmm/uart.h>
#include <vmm/vm.h>
#include "vmm/x86_64/pc_io.h"

static char out[64];
static size_t out_len;
static bool irq;
static size_t sink_write(struct chardev *c, const void *p, size_t n) { (void)c; if (out_len < sizeof(out)) out[out_len++] = *(const char *)p; return n; }
static const struct chardev_ops sink_ops = {.write = sink_write};
static struct chardev sink = {&sink_ops};
static unsigned told;
static void set_irq(void *ctx, unsigned line, bool level) { (void)ctx; (void)line; irq = level; told++; }

static struct vuart u;
static uint8_t in(unsigned r) { return (uint8_t)vuart_ops.read(&u, r, 1); }
static void outb(unsigned r, uint8_t v) { vuart_ops.write(&u, r, 1, v); }

static void test_uart(void)
{
	unsigned n = 0;

	vuart_init(&u, &sink, (struct irq_line){.set = set_irq, .line = 4});
	outb(0, 'A');
	ok(out_len == 1 && out[0] == 'A' && !irq, "a byte leaves; no interrupt unless enabled");
	outb(1, 2);
	ok(irq && (in(2) & 0xf) == 2, "enabling the transmit interrupt raises it");
	ok(!irq && (in(2) & 0xf) == 1, "reading its cause clears it");
	outb(0, 'B');
	ok(irq, "the next byte raises it again");
	(void)in(2);
	outb(1, 1);
	ok_eq((int64_t)vuart_input(&u, "xy", 2), 2, "typed bytes");
	ok(irq && (in(2) & 0xf) == 4 && (in(5) & 1), "receive interrupt and data ready");
	ok(in(0) == 'x' && in(0) == 'y' && !irq && !(in(5) & 1), "reading them clears both");
	outb(3, 0x80);
	outb(0, 0x0c);
	outb(1, 0x01);
	ok(in(0) == 0x0c && in(1) == 1 && out_len == 2, "the divisor latch hides data and interrupt enable");
	outb(3, 3);
	ok_eq(in(1), 1, "and gives them back");
	outb(4, 0x1a);
	ok_eq(in(6) & 0xf0, 0x90, "loopback: RTS and OUT2 come back as CTS and DCD");
	outb(0, 'L');
	ok(in(0) == 'L' && out_len == 2, "loopback: a byte comes back and does not leave");
	outb(2, 1);
	ok_eq(in(2) & 0xc0, 0xc0, "FIFOs on");
	while (vuart_input(&u, "z", 1))
		n++;
	ok_eq(n, VUART_INPUT, "the input buffer is bounded");
	outb(2, 3);
	ok(!(in(5) & 1), "FIFO reset drops it");
	ok_eq((int64_t)vuart_ops.read(&u, 0, 4), -1, "only bytes");
	told = 0;
	outb(7, 0x5a);
	ok(in(7) == 0x5a && told == 0, "scratch register; a line that stays as it is is not told");
}

static uint8_t cmos(struct rtc *r, uint8_t reg)
{
	rtc_ops.write(r, 0, 1, reg);
	return (uint8_t)rtc_ops.read(r, 1, 1);
}

static void test_rtc(void)
{
	struct rtc r;

	rtc_reset(&r);
	clock_set_utc(951825599ll * 1000000000, CLOCK_UEFI); /* 2000-02-29T11:59:59Z */
	ok(cmos(&r, 0) == 0x59 && cmos(&r, 2) == 0x59 && cmos(&r, 4) == 0x11, "the time in BCD");
	ok(cmos(&r, 7) == 0x29 && cmos(&r, 8) == 2 && cmos(&r, 9) == 0 && cmos(&r, 0x32) == 0x20, "29 February 2000");
	ok_eq(cmos(&r, 6), 3, "a Tuesday");
	clock_set_utc(4107542400ll * 1000000000, CLOCK_UEFI); /* 2100-03-01T00:00:00Z */
	ok(cmos(&r, 7) == 1 && cmos(&r, 8) == 3 && cmos(&r, 9) == 0 && cmos(&r, 0x32) == 0x21, "2100 is no leap year");
	(void)cmos(&r, 0x0b);
	rtc_ops.write(&r, 1, 1, 4); /* binary, 12 hours */
	ok_eq(cmos(&r, 4), 12, "midnight is 12 AM");
	ok_eq(cmos(&r, 0x0a) & 0x80, 0, "never an update in progress");
	ok_eq(cmos(&r, 0x0d), 0x80, "the battery is good");
}

static void test_pm(void)
{
	static struct vm vm;
	struct pm p = {.vm = &vm, .sci = {.set = set_irq, .line = 9}};
	uint64_t t0;

	pm_reset(&p);
	pm_power_button(&p);
	ok(!irq, "the button without enable: no interrupt");
	pm_ops.write(&p, 2, 2, 1u << 8);
	ok(irq && (pm_ops.read(&p, 0, 2) & (1u << 8)), "enabled: SCI and status");
	pm_ops.write(&p, 0, 2, 1u << 8);
	ok(!irq && pm_ops.read(&p, 0, 2) == 0, "writing one clears the status");
	ok(pm_ops.read(&p, 4, 2) & 1, "ACPI mode is always on");
	t0 = pm_ops.read(&p, 8, 4);
	fake_clock_advance(1000000000);
	ok_eq((int64_t)(pm_ops.read(&p, 8, 4) - t0), 3579545, "the timer counts at 3.579545 MHz");
	ok_eq((int64_t)pm_ops.read(&p, 15, 8), 0, "an access beyond the block");
}

int main(void)
{
	fake_init(16 << 20, 1);
	test_uart();
	test_rtc();
	test_pm();
	return tap_done();
}
