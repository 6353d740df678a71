/* SPDX-License-Identifier: Apache-2.0 */
/* What the compiler calls by itself, and little more. Words where all is aligned: emulated CPUs are slow. */
#include "common.h"

static bool aligned(uintptr_t a, uintptr_t b)
{
	return !((a | b) & 7);
}

void *memset(void *d, int c, size_t n)
{
	uint8_t *p = d;

	if (aligned((uintptr_t)d, 0))
		for (; n >= 8; n -= 8, p += 8)
			*(uint64_t *)p = (uint8_t)c * 0x0101010101010101ull;
	while (n--)
		*p++ = (uint8_t)c;
	return d;
}

void *memcpy(void *d, const void *s, size_t n)
{
	uint8_t *p = d;
	const uint8_t *q = s;

	if (aligned((uintptr_t)d, (uintptr_t)s))
		for (; n >= 8; n -= 8, p += 8, q += 8)
			*(uint64_t *)p = *(const uint64_t *)q;
	while (n--)
		*p++ = *q++;
	return d;
}

void *memmove(void *d, const void *s, size_t n)
{
	if ((uintptr_t)d <= (uintptr_t)s || (uintptr_t)d >= (uintptr_t)s + n)
		return memcpy(d, s, n);
	while (n--)
		((volatile uint8_t *)d)[n] = ((const uint8_t *)s)[n];
	return d;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *p = a, *q = b;

	for (; n; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (uint8_t)*a - (uint8_t)*b;
}
