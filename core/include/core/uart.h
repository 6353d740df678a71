/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's serial port as a console: polled output at any time, input by interrupt or polling on CPU 0. */
#ifndef CORE_UART_H
#define CORE_UART_H
#include <stdbool.h>
#include <stddef.h>

void uart_init(void);                             /* by SPCR/DBG2 or the PC's COM1; harmless when absent */
void uart_write(const char *s, size_t n);         /* polled with a bound; \n becomes \r\n */
/* rx(byte) is called in the loop of CPU 0. */
void uart_set_rx(void (*rx)(void *ctx, char c), void *ctx);

#endif
