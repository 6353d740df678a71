/* SPDX-License-Identifier: Apache-2.0 */
/* All 64 Ki ports: read in bytes, words and doublewords, and written with zeros and ones, except what would end this guest or speak on its
 * console. Nobody's port reads as ones, and the guest goes on. */
#include "lib/guest.h"

struct claim { uint16_t first, last; const char *name; };
/* Where this PC has devices (vmm/x86_64/pc.c). */
static const struct claim claims[] = {{0x60, 0x64, "keyboard"}, {0x70, 0x71, "clock"}, {0x3f8, 0x3ff, "serial"}, {0x600, 0x60f, "power"}, {0xcf8, 0xcff, "PCI"}};

static bool claimed(uint32_t first, uint32_t last)
{
	for (unsigned i = 0; i < sizeof(claims) / sizeof(claims[0]); i++)
		if (first <= claims[i].last && last >= claims[i].first)
			return true;
	return false;
}

static void read_all(void)
{
	unsigned others = 0;

	for (uint32_t p = 0; p < 0x10000; p++)
		others += inb((uint16_t)p) != 0xff && !claimed(p, p);
	if (on_caisson)
		ok_eq(others, 0, "bytes: nobody else answers");
	others = 0;
	for (uint32_t p = 0; p < 0x10000; p += 7)
		others += inw((uint16_t)p) != 0xffff && !claimed(p, p + 1);
	for (uint32_t p = 0; p < 0x10000; p += 5)
		others += inl((uint16_t)p) != 0xffffffff && !claimed(p, p + 3);
	if (on_caisson)
		ok_eq(others, 0, "words and doublewords: nobody else answers");
}

/* All sizes at every port around devices. */
static void read_around_devices(void)
{
	for (unsigned i = 0; i < sizeof(claims) / sizeof(claims[0]); i++)
		for (uint32_t p = claims[i].first - 4u; p <= claims[i].last + 4u; p++) {
			(void)inw((uint16_t)p);
			(void)inl((uint16_t)p);
		}
	ok(true, "all sizes over the edges of devices");
}

/* 0x604 asks for sleep states with bit 13; 0xCF9 resets with bit 2, 0x64 with FE; 0x3F8 speaks. */
static bool dangerous(uint32_t p)
{
	return (p >= 0x600 && p <= 0x607) || p == 0xcf9 || p == 0x64 || (p >= 0x3f8 && p <= 0x3ff);
}

static void write_all(void)
{
	for (uint32_t p = 0; p < 0x10000; p++)
		if (!dangerous(p))
			outb((uint16_t)p, (uint8_t)(p & 1 ? 0xff : 0));
	for (uint32_t p = 0; p < 0x10000; p += 9)
		if (!dangerous(p) && !dangerous(p + 1) && !dangerous(p + 3))
			outl((uint16_t)p, 0xffffffff);
	ok(true, "written to");
}

static void check_devices(void)
{
	uint8_t divisor, looped;

	/* Harmless values for the dangerous ones. */
	outb(0x64, 0xaa);
	outb(0xcf9, 2);
	outw(0x604, 0x1400);
	outl(0x600, 0);
	outb(0x604, 0x34);
	outb(0x605, 0x34);
	ok(true, "values without meaning at reset and power ports");
	/* No word may be said while the port is not itself. */
	outb(0x3f9, 0x0f);
	outb(0x3f9, 0);
	outb(0x3fb, 0x80);
	outb(0x3f8, 7);
	divisor = inb(0x3f8);
	outb(0x3fb, 3);
	outb(0x3fc, 0x10);
	outb(0x3f8, 0x5a);
	looped = inb(0x3fd) & 1 ? inb(0x3f8) : 0;
	outb(0x3fc, 3);
	ok_eq(divisor, 7, "the serial port's divisor");
	ok_eq(looped, 0x5a, "its loopback");
	ok((uint8_t)(inb(0x3fd) & 0x60) == 0x60, "and it transmits");
}

void guest_main(void)
{
	read_all();
	read_around_devices();
	if (on_caisson) /* a plain emulator has more devices, and ports that end it */
		write_all();
	check_devices();
}
