/* SPDX-License-Identifier: Apache-2.0 */
/* An image for the loaders of guests: bytes that are read, or peeked at while they stay. Host only. */
#ifndef TESTS_UNIT_IMAGE_BYTES_H
#define TESTS_UNIT_IMAGE_BYTES_H
#include <core/arith.h>
#include <stdlib.h>
#include <string.h>
#include <vmm/gmem.h>

struct bytes { const uint8_t *p; uint64_t n; };

__attribute__((unused)) static err_t bytes_read(void *ctx, uint64_t off, void *dst, uint64_t len)
{
	const struct bytes *b = ctx;

	if (!range_within(off, len, b->n))
		return E_RANGE;
	memcpy(dst, b->p + off, len);
	return OK;
}

/* In pieces of an odd size; nobody may ask for what is not there. */
__attribute__((unused)) static const void *bytes_peek(void *ctx, uint64_t off, uint64_t *len)
{
	const struct bytes *b = ctx;

	if (off >= b->n || *len > b->n - off)
		abort();
	*len = MIN(*len, 777u);
	return b->p + off;
}

/* Pages get what they hold of an image when they are touched. */
__attribute__((unused)) static void touch_all(struct gmem *mem, uint64_t base, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += MIB / 4) {
		uint8_t byte;

		if (gmem_read(mem, GPA(base + at), &byte, 1) != OK)
			abort();
	}
}

#endif
