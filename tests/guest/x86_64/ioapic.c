/* SPDX-License-Identifier: Apache-2.0 */
/* The IOAPIC by the serial port's transmitter interrupt on pin 4: edge and level, masks, destinations, EOI; then entries and registers
 * written with nonsense. The port's line is up from an empty transmitter until its cause is read. Wants two CPUs. */
#include "lib/guest.h"

#define IOAPIC 0xfec00000ull
enum { PIN = 4, VECTOR = 0x71, IER = 0x3f9, IIR = 0x3fa, IER_THRE = 2, IIR_THRE = 2 };
enum { LEVEL = 1 << 15, MASKED = 1 << 16, LOGICAL = 1 << 11, REMOTE_IRR = 1 << 14 };
static volatile unsigned counts[MAX_CPUS], quiet_after, strangers;

static uint32_t io_read(unsigned reg)
{
	write32(IOAPIC, reg);
	return read32(IOAPIC + 0x10);
}

static void io_write(unsigned reg, uint32_t v)
{
	write32(IOAPIC, reg);
	write32(IOAPIC + 0x10, v);
}

static void route(unsigned pin, uint32_t low, uint32_t dest)
{
	io_write(0x10 + 2 * pin, MASKED);
	io_write(0x11 + 2 * pin, dest << 24);
	io_write(0x10 + 2 * pin, low);
}

/* Reads the cause, which ends the line, once enough have come. Counts last: CPU 0 goes on when it sees the count. */
static void on_serial(struct frame *f)
{
	unsigned n = counts[cpu_self()->index] + 1;

	(void)f;
	if (n >= quiet_after)
		(void)inb(IIR);
	apic_eoi();
	counts[cpu_self()->index] = n;
}

static void on_stranger(struct frame *f)
{
	(void)f;
	strangers++;
	(void)inb(IIR); /* a level that stayed up would come again for ever */
	apic_eoi();
}

static void line_up(void)
{
	outb(IER, 0);
	(void)inb(IIR);
	outb(IER, IER_THRE);
}

static void line_down(void)
{
	(void)inb(IIR);
	outb(IER, 0);
}

/* That many came to a CPU, and no more; and the line is down. */
static bool came(unsigned cpu, unsigned n)
{
	bool met = WAIT((irq_window(), counts[cpu] >= n));

	for (unsigned i = 0; i < 50; i++)
		irq_window();
	outb(IER, 0); /* the line falls: what is said from here on is transmitted, too */
	irq_window();
	return met && counts[cpu] == n;
}

static void start(unsigned enough)
{
	counts[0] = counts[1] = 0;
	quiet_after = enough;
}

static void check_edge(void)
{
	route(PIN, VECTOR, 0);
	start(1);
	line_up();
	ok(came(0, 1), "an edge is one interrupt");
	start(100);
	line_up();
	ok(came(0, 1), "a line that stays up is one too");
	line_down();
	route(PIN, VECTOR | MASKED, 0);
	start(1);
	line_up();
	io_write(0x10 + 2 * PIN, VECTOR);
	irq_window();
	line_down();
	ok_eq(counts[0], 0, "an edge on a masked pin is lost");
}

static void check_level(void)
{
	unsigned masked, service;

	route(PIN, VECTOR | LEVEL, 0);
	start(5);
	line_up();
	ok(came(0, 5), "a level asks again at each EOI until it falls");
	ok(!(io_read(0x10 + 2 * PIN) & REMOTE_IRR), "and then nothing is in service");
	route(PIN, VECTOR | LEVEL | MASKED, 0);
	start(1);
	line_up();
	irq_window();
	masked = counts[0];
	io_write(0x10 + 2 * PIN, VECTOR | LEVEL);
	ok(came(0, 1) && masked == 0, "a masked level interrupts when it is unmasked");
	start(1);
	line_up();
	service = io_read(0x10 + 2 * PIN) & REMOTE_IRR;
	line_down();
	ok(came(0, 1) && service && !(io_read(0x10 + 2 * PIN) & REMOTE_IRR), "remote IRR is set from delivery to EOI, though the line fell before");
}

static volatile bool other_up;
static void other(unsigned index)
{
	(void)index;
	apic_write(APIC_DFR, 0xffffffff);
	apic_write(APIC_LDR, 2u << 24);
	other_up = true;
	for (;;)
		halt_once();
}

static void check_destinations(void)
{
	if (cpu_count() < 2 || !ok(cpu_start(1, other) && WAIT(other_up), "CPU 1 starts"))
		return;
	route(PIN, VECTOR, 1);
	start(1);
	line_up();
	ok(came(1, 1) && counts[0] == 0, "physical, to CPU 1, which sleeps");
	route(PIN, VECTOR | LOGICAL, 2);
	start(1);
	line_up();
	ok(came(1, 1) && counts[0] == 0, "logical, to CPU 1");
	route(PIN, VECTOR | LEVEL, 1);
	start(3);
	line_up();
	ok(came(1, 3) && counts[0] == 0, "level, to CPU 1, three times");
	route(PIN, VECTOR, 0x55);
	start(1);
	line_up();
	irq_window();
	line_down();
	ok(counts[0] == 0 && counts[1] == 0, "to nobody");
}

static void check_nonsense(void)
{
	for (unsigned reg = 0; reg < 0x140; reg++) {
		if (reg >= 0x10)
			io_write(reg, 0xffffffff & ~(uint32_t)(reg & 1 ? 0 : 0x500)); /* no INIT: CPU 0's is a reset by right */
		(void)io_read(reg);
	}
	for (uint64_t off = 0; off < 0x1000; off += 4) {
		(void)read32(IOAPIC + off);
		if (off != 0x10)
			write32(IOAPIC + off, 0xffffffff);
		(void)read8(IOAPIC + off + 1);
		(void)read64(IOAPIC + (off & ~7ull));
	}
	start(1);
	line_up();
	for (unsigned mode = 0; mode < 8; mode++)
		for (unsigned vector = 0; vector < 256; vector += 15) {
			if (mode == 5 || (vector >= 16 && vector < 32)) /* those look like exceptions */
				continue;
			route(PIN, vector | mode << 8 | (vector & 1 ? LEVEL : 0), 0);
			line_up();
			irq_window();
			route(PIN, MASKED, 0);
		}
	for (unsigned pin = 0; pin < 24; pin++)
		route(pin, MASKED, 0);
	line_down();
	for (unsigned i = 0; i < 300; i++)
		irq_window();
	note("%u interrupts of nonsense", strangers);
	route(PIN, VECTOR, 0);
	start(1);
	line_up();
	ok(came(0, 1), "it works after nonsense in every register and entry");
}

void guest_main(void)
{
	for (unsigned i = 32; i < 0xff; i++)
		trap_set(i, on_stranger);
	trap_set(VECTOR, on_serial);
	trap_set(VEC_NMI, on_stranger);
	outb(0x3fc, 0xb);
	ok((io_read(1) & 0xff00ff) == 0x170020 || !on_caisson, "version 20h, 24 pins");
	ok(io_read(0x10) & MASKED, "pins are masked after reset");
	io_write(0, 0x05000000);
	ok_eq(io_read(0), 0x05000000, "the id can be written");
	check_edge();
	check_level();
	check_destinations();
	check_nonsense();
}
