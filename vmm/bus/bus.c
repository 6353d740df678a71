/* SPDX-License-Identifier: Apache-2.0 */
/* Address claims: a small sorted array, found by binary search. Runs in the exit path of any CPU under
 * vm->lock; allocates nothing; knows no device. */
#include <core/arith.h>
#include <string.h>
#include <vmm/bus.h>

void bus_init(struct bus *b, uint64_t limit)
{
	*b = (struct bus){ .limit = limit };
	b->last = b->claims;
}

/* The first claim that ends beyond addr, or n. */
static unsigned bus_lower_bound(const struct bus *b, uint64_t addr)
{
	unsigned lo = 0, hi = b->n;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (b->claims[mid].base + (b->claims[mid].size - 1) < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

err_t bus_claim(struct bus *b, uint64_t base, uint64_t size, const struct bus_ops *ops, void *ctx, const char *name)
{
	unsigned at;

	if (size == 0 || !range_within(base, size, b->limit))
		return E_INVAL;
	if (b->n == BUS_MAX_CLAIMS)
		return E_LIMIT;
	at = bus_lower_bound(b, base);
	if (at < b->n && b->claims[at].base - base < size)
		return E_EXIST;
	if (at < b->n && b->claims[at].base <= base)
		return E_EXIST;
	memmove(&b->claims[at + 1], &b->claims[at], (b->n - at) * sizeof(b->claims[0]));
	b->claims[at] = (struct bus_claim){.base = base, .size = size, .ops = ops, .ctx = ctx, .name = name};
	b->n++;
	return OK;
}

void bus_unclaim(struct bus *b, void *ctx, const char *name)
{
	unsigned to = 0;

	for (unsigned i = 0; i < b->n; i++)
		if (b->claims[i].ctx != ctx || strcmp(b->claims[i].name, name) != 0)
			b->claims[to++] = b->claims[i];
	memset(&b->claims[to], 0, (b->n - to) * sizeof(b->claims[0]));
	b->n = to;
}

const struct bus_claim *bus_search(struct bus *b, uint64_t addr, unsigned size)
{
	unsigned at = bus_lower_bound(b, addr);

	if (at == b->n || !bus_covers(&b->claims[at], addr, size))
		return NULL;
	b->last = &b->claims[at];
	return b->last;
}
