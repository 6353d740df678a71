/* SPDX-License-Identifier: Apache-2.0 */
/* The serial port and the framebuffer console as recorders, for tests of what is written to them. Their functions are weak: a test
 * that needs a real driver gets that instead. */
#ifndef TESTS_FAKE_CONSOLE_H
#define TESTS_FAKE_CONSOLE_H
#include <stddef.h>

#define FAKE_SERIAL_MAX 65536

/* What uart_write got since the last fake_serial_take, NUL-terminated; the pointer stays valid until the next byte is written. */
const char *fake_serial_take(size_t *len);
/* Bytes typed at the terminal: given to uart_set_rx's function at once. */
void fake_serial_type(const char *s);
/* Size of the framebuffer console; its rows as text of cols characters, and how many cells were put. */
void fake_fb_size(unsigned cols, unsigned rows);
const char *fake_fb_row(unsigned row);

#endif
