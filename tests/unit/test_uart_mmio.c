/* SPDX-License-Identifier: Apache-2.0 */
/* The serial port driver on a 16550 whose registers lie in memory, four bytes apart, where SPCR says so; and what happens
 * when nothing answers there. Registers are plain memory with the transmitter always empty. */
#include "../fake/fake.h"
#include "../fake/fake_portio.h"
#include "tap.h"
#include <core/acpi.h>
#include <core/arith.h>
#include <core/uart.h>
#include <string.h>

#define ACPI_BASE 0x3000000ull
#define UART_BASE 0xfe034000ull

static const struct boot_region regions[] = {
	{.base = HPA(0x1000000), .size = 16 * MIB, .kind = BOOT_RAM_FREE},
	{.base = HPA(ACPI_BASE), .size = 4096, .kind = BOOT_RAM_ACPI},
};
static uint32_t regs[8];
static uint8_t *mem;

static void fix_sum(uint8_t *p, uint32_t len, unsigned where)
{
	uint8_t s = 0;

	p[where] = 0;
	for (uint32_t i = 0; i < len; i++)
		s = (uint8_t)(s + p[i]);
	p[where] = (uint8_t)-s;
}

static void spcr(uint64_t address)
{
	uint8_t *x = mem + 64, *s = mem + 128;

	memset(mem, 0, 4096);
	memcpy(mem, "RSD PTR ", 8);
	mem[15] = 2;
	put_le32(mem + 20, 36);
	put_le64(mem + 24, ACPI_BASE + 64);
	fix_sum(mem, 20, 8);
	fix_sum(mem, 36, 32);
	memcpy(x, "XSDT", 4);
	put_le32(x + 4, 44);
	put_le64(x + 36, ACPI_BASE + 128);
	fix_sum(x, 44, 9);
	memcpy(s, "SPCR", 4);
	put_le32(s + 4, 80);
	s[43] = 3; /* dwords */
	put_le64(s + 44, address);
	fix_sum(s, 80, 9);
	CHECK(acpi_init() == OK);
}

static unsigned port_reads;

static uint8_t no_port(void *ctx, uint16_t port)
{
	(void)ctx;
	(void)port;
	port_reads++;
	return 0xff;
}

static void no_write(void *ctx, uint16_t port, uint8_t v)
{
	(void)ctx;
	(void)port;
	(void)v;
}

int main(void)
{
	static const struct fake_portio wires = {no_port, no_write, NULL};

	fake_init_map(regions, ARRAY_LEN(regions), 1);
	mem = hal_direct(HPA(ACPI_BASE));
	fake_boot.rsdp = HPA(ACPI_BASE);
	fake_portio_set(&wires);
	fake_mmio_add(HPA(UART_BASE), sizeof(regs), regs);
	spcr(0xdead0000);
	uart_init();
	ok(port_reads > 0, "where SPCR's address cannot be mapped, COM1 is tried");
	uart_write("lost", 4);
	regs[5] = 0x60;
	regs[0] = 0x77777777;
	spcr(UART_BASE);
	uart_init();
	uart_write("Z", 1);
	ok_eq(regs[0], 'Z', "output goes to memory, a dword at a time; the divisor is the firmware's");
	ok_eq(regs[3], 3, "8N1");
	ok_eq(regs[7], 0xa5, "the scratch register is where it should be");
	return tap_done();
}
