/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory, the accesses: copies, single loads and stores with order, pinned runs for DMA. Any CPU. With gmem_back.c and gmem_spot.c the only
 * code of the monitor that dereferences guest pages, each time between hal_guest_access_begin and _end; must not call out in between. */
#include "gmem_internal.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/panic.h>
#include <string.h>

enum { FEW = 16 };
enum copy_op { COPY_READ, COPY_WRITE, COPY_ZERO };

static void chunk_copy(enum copy_op op, struct hpa h, uint8_t *host, uint64_t n)
{
	void *page = hal_direct(h);

	hal_guest_access_begin();
	switch (op) {
	case COPY_READ:
		memcpy(host, page, n);
		break;
	case COPY_WRITE:
		memcpy(page, host, n);
		break;
	case COPY_ZERO:
		memset(page, 0, n);
		break;
	}
	hal_guest_access_end();
}

/* As much as lies in one page. */
static err_t chunk(struct gmem *m, enum copy_op op, uint64_t a, uint8_t *host, uint64_t len, uint64_t *run)
{
	struct hpa h;
	err_t err = gmem_resolve(m, a, &h, run);

	if (err != OK)
		return err;
	*run = MIN(*run, len);
	chunk_copy(op, h, host, *run);
	return OK;
}

static err_t range_copy(struct gmem *m, enum copy_op op, uint64_t a, uint8_t *host, uint64_t len)
{
	if (!gmem_is_ram(m, GPA(a), len))
		return E_GUEST;
	while (len > 0) {
		uint64_t run;
		err_t err = chunk(m, op, a, host, len, &run);

		if (err != OK)
			return err;
		a += run;
		len -= run;
		if (op != COPY_ZERO)
			host += run;
	}
	return OK;
}

/* len <= FEW: two loads and stores that may overlap, where it pays. */
static void copy_few(void *dst, const void *src, unsigned len)
{
	uint8_t *d = dst;
	const uint8_t *s = src;

	if (len >= 8) {
		uint64_t first, last;

		__builtin_memcpy(&first, s, 8);
		__builtin_memcpy(&last, s + len - 8, 8);
		__builtin_memcpy(d, &first, 8);
		__builtin_memcpy(d + len - 8, &last, 8);
		return;
	}
	for (unsigned i = 0; i < len; i++)
		d[i] = s[i];
}

err_t gmem_read(struct gmem *m, struct gpa a, void *dst, uint64_t len)
{
	uint64_t h = len - 1 < FEW ? gmem_in_block(m, a.v, len) : 0;

	if (h) { /* page table entries, instructions, descriptors */
		hal_guest_access_begin();
		copy_few(dst, hal_direct(HPA(h)), (unsigned)len);
		hal_guest_access_end();
		return OK;
	}
	return range_copy(m, COPY_READ, a.v, dst, len);
}

err_t gmem_write(struct gmem *m, struct gpa a, const void *src, uint64_t len)
{
	/* COPY_WRITE only reads from the host side. */
	return range_copy(m, COPY_WRITE, a.v, (uint8_t *)(uintptr_t)src, len);
}

err_t gmem_zero(struct gmem *m, struct gpa a, uint64_t len)
{
	return range_copy(m, COPY_ZERO, a.v, NULL, len);
}

/* Host address of a naturally aligned word; it never crosses a page. */
static err_t word_at(struct gmem *m, struct gpa a, unsigned size, void **p)
{
	struct hpa h;
	uint64_t run;
	err_t err;

	if (!is_aligned(a.v, size))
		return E_GUEST;
	h.v = gmem_in_block(m, a.v, size);
	if (h.v) {
		*p = hal_direct(h);
		return OK;
	}
	if (!gmem_is_ram(m, a, size))
		return E_GUEST;
	err = gmem_resolve(m, a.v, &h, &run);
	if (err != OK)
		return err;
	*p = hal_direct(h);
	return OK;
}

static __attribute__((noinline)) err_t load16_anywhere(struct gmem *m, struct gpa a, uint16_t *out)
{
	void *p;
	err_t err = word_at(m, a, 2, &p);

	if (err != OK)
		return err;
	hal_guest_access_begin();
	*out = __atomic_load_n((uint16_t *)p, __ATOMIC_ACQUIRE);
	hal_guest_access_end();
	return OK;
}

/* Each notification of a queue loads its index. */
err_t gmem_load16(struct gmem *m, struct gpa a, uint16_t *out)
{
	uint64_t h = is_aligned(a.v, 2) ? gmem_in_block(m, a.v, 2) : 0;

	if (!h)
		return load16_anywhere(m, a, out);
	hal_guest_access_begin();
	*out = __atomic_load_n((uint16_t *)hal_direct(HPA(h)), __ATOMIC_ACQUIRE);
	hal_guest_access_end();
	return OK;
}

err_t gmem_store16(struct gmem *m, struct gpa a, uint16_t v)
{
	void *p;
	err_t err = word_at(m, a, 2, &p);

	if (err != OK)
		return err;
	hal_guest_access_begin();
	__atomic_store_n((uint16_t *)p, v, __ATOMIC_RELEASE);
	hal_guest_access_end();
	return OK;
}

err_t gmem_load32(struct gmem *m, struct gpa a, uint32_t *out)
{
	void *p;
	err_t err = word_at(m, a, 4, &p);

	if (err != OK)
		return err;
	hal_guest_access_begin();
	*out = __atomic_load_n((uint32_t *)p, __ATOMIC_ACQUIRE);
	hal_guest_access_end();
	return OK;
}

err_t gmem_store32(struct gmem *m, struct gpa a, uint32_t v)
{
	void *p;
	err_t err = word_at(m, a, 4, &p);

	if (err != OK)
		return err;
	hal_guest_access_begin();
	__atomic_store_n((uint32_t *)p, v, __ATOMIC_RELEASE);
	hal_guest_access_end();
	return OK;
}

err_t gmem_load64(struct gmem *m, struct gpa a, uint64_t *out)
{
	uint64_t h = gmem_in_block(m, a.v, sizeof(*out));

	if (!h)
		return gmem_read(m, a, out, sizeof(*out));
	hal_guest_access_begin();
	*out = *(const volatile gmem_unaligned_u64 *)hal_direct(HPA(h));
	hal_guest_access_end();
	return OK;
}

err_t gmem_store64(struct gmem *m, struct gpa a, uint64_t v)
{
	void *p;
	err_t err = word_at(m, a, 8, &p);

	if (err != OK)
		return err;
	hal_guest_access_begin();
	__atomic_store_n((uint64_t *)p, v, __ATOMIC_RELEASE);
	hal_guest_access_end();
	return OK;
}

err_t gmem_cas(struct gmem *m, struct gpa a, unsigned size, uint64_t old, uint64_t value)
{
	uint32_t old32 = (uint32_t)old;
	bool same;
	void *p;
	err_t err = size == 4 || size == 8 ? word_at(m, a, size, &p) : E_GUEST;

	if (err != OK)
		return err;
	hal_guest_access_begin();
	if (size == 8)
		same = __atomic_compare_exchange_n((uint64_t *)p, &old, value, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
	else
		same = __atomic_compare_exchange_n((uint32_t *)p, &old32, (uint32_t)value, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
	hal_guest_access_end();
	return same ? OK : E_AGAIN;
}

err_t gmem_pin(struct gmem *m, struct gpa a, uint64_t len, struct gmem_run *runs, unsigned max, unsigned *n)
{
	uint64_t at = a.v, left = len;
	unsigned used = 0;

	if (!gmem_is_ram(m, a, len))
		return E_GUEST;
	while (left > 0) {
		struct hpa h;
		uint64_t run;
		err_t err = gmem_resolve(m, at, &h, &run);

		if (err != OK)
			return err;
		run = MIN(run, left);
		if (used > 0 && runs[used - 1].addr.v + runs[used - 1].len == h.v)
			runs[used - 1].len += run;
		else if (used < max)
			runs[used++] = (struct gmem_run){ h, run };
		else
			return E_RANGE;
		at += run;
		left -= run;
	}
	atomic_fetch_add(&m->pinned, len);
	*n = used;
	return OK;
}

void gmem_unpin(struct gmem *m, struct gpa a, uint64_t len)
{
	BUG_ON(!gmem_is_ram(m, a, len) || atomic_load(&m->pinned) < len);
	atomic_fetch_sub(&m->pinned, len);
}
