/* SPDX-License-Identifier: Apache-2.0 */
/* Where the console's serial port is and what it is, by ACPI's SPCR and DBG2 or a device tree. Pure decoding; touches no register. */
#ifndef CORE_DRV_UART_FIND_H
#define CORE_DRV_UART_FIND_H
#include <core/acpi.h>
#include <core/err.h>
#include <stdbool.h>
#include <stdint.h>

enum uart_kind { UART_KIND_16550, UART_KIND_PL011, UART_KIND_SBSA };

struct uart_place {
	enum uart_kind kind;
	bool mmio;
	uint64_t addr;     /* port number or physical address */
	unsigned stride;   /* bytes from one register to the next: 1, 2 or 4 */
	int gsi;           /* interrupt, -1 unknown */
	bool level;        /* the interrupt stays up until the bytes are read */
	bool keep_baud;    /* the firmware says that the rate is set already */
};

/* E_NOENT: no such table; E_UNSUPPORTED: describes another kind of port; E_CORRUPT. */
err_t uart_find_spcr(const struct acpi_header *t, struct uart_place *out) MUST_CHECK;
err_t uart_find_dbg2(const struct acpi_header *t, struct uart_place *out) MUST_CHECK;
err_t uart_find_fdt(struct uart_place *out) MUST_CHECK;
/* SPCR, then DBG2, then the device tree. */
err_t uart_find(struct uart_place *out) MUST_CHECK;

#endif
