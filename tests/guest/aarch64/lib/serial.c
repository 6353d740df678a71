/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's ways out of a guest test: the PL011 (DDI0183), polled, and PSCI's power-off. */
#include "guest.h"

enum { DR = 0, FR = 0x18, IBRD = 0x24, FBRD = 0x28, LCRH = 0x2c, CR = 0x30, IMSC = 0x38, FR_RXFE = 1 << 4, FR_TXFF = 1 << 5, LCRH_8N1_FIFO = 0x70, CR_ON = 0x301 };

void serial_init(void)
{
	write32(UART + CR, 0);
	write32(UART + IBRD, 13);
	write32(UART + FBRD, 1);
	write32(UART + LCRH, LCRH_8N1_FIFO);
	write32(UART + IMSC, 0);
	write32(UART + CR, CR_ON);
}

void serial_put(char c)
{
	while (read32(UART + FR) & FR_TXFF)
		pause();
	write32(UART + DR, (uint8_t)c);
}

int serial_read(void)
{
	while (read32(UART + FR) & FR_RXFE)
		pause();
	return (int)(read32(UART + DR) & 0xff);
}

_Noreturn void power_off(void)
{
	irq_off();
	(void)psci(PSCI_SYSTEM_OFF, 0, 0, 0);
	for (;;)
		wfi();
}
