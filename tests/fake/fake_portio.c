/* SPDX-License-Identifier: Apache-2.0 */
/* The port space of tests: forwards to what the test installed; floats high otherwise. Host only; knows no device. */
#include "fake_portio.h"
#include <core/portio.h>
#include <stddef.h>

static const struct fake_portio *fake_ports;

void fake_portio_set(const struct fake_portio *p)
{
	fake_ports = p;
}

bool portio_present(void)
{
	return true;
}

uint8_t portio_read8(uint16_t port)
{
	return fake_ports ? fake_ports->read(fake_ports->ctx, port) : 0xff;
}

void portio_write8(uint16_t port, uint8_t v)
{
	if (fake_ports)
		fake_ports->write(fake_ports->ctx, port, v);
}
