/* SPDX-License-Identifier: Apache-2.0 */
/* The PC's port space for portable drivers. Any CPU, any context. Knows no device. */
#include <core/portio.h>
#include "io.h"

bool portio_present(void)
{
	return true;
}

uint8_t portio_read8(uint16_t port)
{
	return io_in8(port);
}

void portio_write8(uint16_t port, uint8_t v)
{
	io_out8(port, v);
}
