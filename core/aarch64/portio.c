/* SPDX-License-Identifier: Apache-2.0 */
/* This architecture has no port space. */
#include <core/portio.h>

bool portio_present(void)
{
	return false;
}

uint8_t portio_read8(uint16_t port)
{
	(void)port;
	return 0xff;
}

void portio_write8(uint16_t port, uint8_t v)
{
	(void)port;
	(void)v;
}
