/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory for device tests: one gmem with RAM [0, size), and typed shortcuts that fail the test on error. Host only. */
#ifndef TESTS_UNIT_GUEST_RAM_H
#define TESTS_UNIT_GUEST_RAM_H
#include <core/arith.h>
#include <core/page.h>
#include <stdlib.h>
#include <tests/fake/fake.h>
#include <vmm/gmem.h>
#include <vmm/stage2.h>

__attribute__((unused)) static struct gmem *guest_ram(uint64_t size)
{
	static struct pool pool;
	struct gmem *m;

	pool_init(&pool, "guest", &pool_root, UINT64_MAX);
	if (gmem_create(&pool, &stage2_npt, 0, &m) || gmem_add_ram(m, GPA(0), size))
		abort();
	return m;
}

__attribute__((unused)) static void put(struct gmem *m, uint64_t a, const void *p, uint64_t n)
{
	if (gmem_write(m, GPA(a), p, n))
		abort();
}

__attribute__((unused)) static void put16(struct gmem *m, uint64_t a, uint16_t v) { put(m, a, &v, 2); }
__attribute__((unused)) static void put32(struct gmem *m, uint64_t a, uint32_t v) { put(m, a, &v, 4); }
__attribute__((unused)) static void put64(struct gmem *m, uint64_t a, uint64_t v) { put(m, a, &v, 8); }

__attribute__((unused)) static uint64_t get(struct gmem *m, uint64_t a, unsigned n)
{
	uint64_t v = 0;

	if (gmem_read(m, GPA(a), &v, n))
		abort();
	return v;
}

#endif
