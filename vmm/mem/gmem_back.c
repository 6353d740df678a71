/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory whose first content is known: kernels and initrds. They are copied as the guest touches them, a page at a time, so that a start
 * costs what is used of them. Any CPU; under the lock of the guest memory, but for gmem_back. Knows no image formats. */
#include "gmem_internal.h"
#include <core/hal.h>
#include <string.h>

/* The part of [base, base+size) that b covers: *from .. *to. */
static bool part_of(const struct gmem_backing *b, uint64_t base, uint64_t size, uint64_t *from, uint64_t *to)
{
	*from = MAX(base, b->base);
	*to = MIN(base + size, b->base + b->size);
	return *from < *to;
}

bool gmem_backed_whole(const struct gmem *m, uint64_t base, uint64_t size)
{
	uint64_t from, to;

	for (unsigned i = 0; i < m->nbackings; i++)
		if (part_of(&m->backings[i], base, size, &from, &to) && to - from == size)
			return true;
	return false;
}

static void fill_from(const struct gmem_backing *b, struct hpa h, uint64_t from, uint64_t to)
{
	while (from < to) {
		uint64_t part = to - from;
		const void *bytes = b->source.peek(b->source.ctx, b->offset + (from - b->base), &part);

		hal_guest_access_begin();
		memcpy(hal_direct(h), bytes, part);
		hal_guest_access_end();
		h.v += part;
		from += part;
	}
}

void gmem_back_fill(const struct gmem *m, struct hpa h, uint64_t base, uint64_t size)
{
	uint64_t from, to;

	for (unsigned i = 0; i < m->nbackings; i++)
		if (part_of(&m->backings[i], base, size, &from, &to))
			fill_from(&m->backings[i], HPA(h.v + (from - base)), from, to);
}

/* Pages that are there when they get their content: those that the loader, or the content before it, has touched. */
static void fill_resident(struct gmem *m, const struct gmem_backing *b)
{
	const uint64_t end = b->base + b->size;
	uint64_t next;

	for (uint64_t a = b->base; a < end; a = next) {
		struct hpa h;
		unsigned order, access;

		if (stage2_lookup(&m->s2, GPA(a), &h, &order, &access) == OK) {
			next = MIN(end, align_down(a, PAGE_SIZE << order) + (PAGE_SIZE << order));
			fill_from(b, HPA(h.v + (a & ((PAGE_SIZE << order) - 1))), a, next);
		} else {
			next = align_down(a, PAGE_SIZE) + PAGE_SIZE;
			if (stage2_vacant(&m->s2, GPA(a), GMEM_BLOCK_ORDER))
				next = align_down(a, GMEM_BLOCK) + GMEM_BLOCK;
		}
	}
}

err_t gmem_back(struct gmem *m, struct gpa a, uint64_t len, const struct gmem_source *src, uint64_t off)
{
	const struct gmem_backing b = { .base = a.v, .size = len, .offset = off, .source = *src };

	if (!gmem_is_ram(m, a, len))
		return E_GUEST;
	if (len == 0)
		return OK;
	if (m->nbackings == GMEM_MAX_BACKINGS)
		return E_LIMIT;
	spin_lock(&m->lock);
	m->backings[m->nbackings++] = b;
	fill_resident(m, &b);
	spin_unlock(&m->lock);
	return OK;
}
