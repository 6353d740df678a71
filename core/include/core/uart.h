/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's serial port as a console: polled output at any time, input by interrupt or polling on CPU 0. */
#ifndef CORE_UART_H
#define CORE_UART_H
#include <stdbool.h>
#include <stddef.h>

/* By SPCR/DBG2 once acpi_init ran, else the PC's COM1; harmless when absent. May be called again after acpi_init. */
void uart_init(void);
void uart_write(const char *s, size_t n);         /* polled with a bound; \n becomes \r\n; any CPU, any context */
/* Starts input: rx(byte) is called in the loop of CPU 0. Call on CPU 0 after loop_init and hal_init. */
void uart_set_rx(void (*rx)(void *ctx, char c), void *ctx);

/* For panic, once the other CPUs have stopped: one of them may have been writing. */
void uart_break_lock(void);

#endif
