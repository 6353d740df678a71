/* SPDX-License-Identifier: Apache-2.0 */
/* Byte-wide port I/O for portable drivers of devices that a PC has in port space (the serial port). Any CPU, any
 * context. Implemented by the machine layer and by tests/fake; a machine without port space says so. */
#ifndef CORE_PORTIO_H
#define CORE_PORTIO_H
#include <stdbool.h>
#include <stdint.h>

bool portio_present(void);
uint8_t portio_read8(uint16_t port); /* 0xff where nothing answers */
void portio_write8(uint16_t port, uint8_t v);

#endif
