/* SPDX-License-Identifier: Apache-2.0 */
/* A scripted port space for tests: install a device's read and write, or NULL for a bus on which nothing answers.
 * Host only; knows no device. */
#ifndef TESTS_FAKE_PORTIO_H
#define TESTS_FAKE_PORTIO_H
#include <stdint.h>

struct fake_portio {
	uint8_t (*read)(void *ctx, uint16_t port);
	void (*write)(void *ctx, uint16_t port, uint8_t v);
	void *ctx;
};
/* p stays the caller's and must live until it is replaced. */
void fake_portio_set(const struct fake_portio *p);

#endif
