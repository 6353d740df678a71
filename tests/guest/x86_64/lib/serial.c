/* SPDX-License-Identifier: Apache-2.0 */
/* The PC's ways out of a guest test: COM1, polled, and ACPI's power-off (ACPI 4.8.3.2.1). */
#include "guest.h"

enum { COM1 = 0x3f8, COM1_LSR = 0x3fd, LSR_DATA = 1, LSR_EMPTY = 0x20, PM1_CONTROL = 0x604, SLP_S5 = 0x3400, SLP_S5_Q35 = 0x2000 };

void serial_put(char c)
{
	while (!(inb(COM1_LSR) & LSR_EMPTY))
		pause();
	outb(COM1, (uint8_t)c);
}

int serial_read(void)
{
	while (!(inb(COM1_LSR) & LSR_DATA))
		pause();
	return inb(COM1);
}

_Noreturn void power_off(void)
{
	irq_off();
	outw(PM1_CONTROL, SLP_S5);
	outw(PM1_CONTROL, SLP_S5_Q35); /* where a plain emulator has S5 */
	for (;;)
		__asm__ volatile("cli; hlt");
}
