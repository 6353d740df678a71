/* SPDX-License-Identifier: Apache-2.0 */
/* Where the console's 16550 is, by ACPI's SPCR and DBG2. Pure decoding of table bytes; touches no register. */
#ifndef CORE_DRV_UART_FIND_H
#define CORE_DRV_UART_FIND_H
#include <core/acpi.h>
#include <core/err.h>
#include <stdbool.h>
#include <stdint.h>

struct uart_place {
	bool mmio;
	uint64_t addr;     /* port number or physical address */
	unsigned stride;   /* bytes from one register to the next: 1, 2 or 4 */
	int gsi;           /* interrupt, -1 unknown */
	bool keep_baud;    /* the firmware says that the rate is set already */
};

/* E_NOENT: no such table; E_UNSUPPORTED: describes another kind of port; E_CORRUPT. */
err_t uart_find_spcr(const struct acpi_header *t, struct uart_place *out) MUST_CHECK;
err_t uart_find_dbg2(const struct acpi_header *t, struct uart_place *out) MUST_CHECK;
/* SPCR, then DBG2. */
err_t uart_find(struct uart_place *out) MUST_CHECK;

#endif
