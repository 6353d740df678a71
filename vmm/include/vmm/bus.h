/* SPDX-License-Identifier: Apache-2.0 */
/* Address claims of a VM's device bus (one for MMIO, one for port I/O). A device sees offsets into its claim.
 * All calls under vm->lock. */
#ifndef VMM_BUS_H
#define VMM_BUS_H
#include <core/err.h>
#include <stdbool.h>
#include <stdint.h>

struct bus_ops {
	/* size 1, 2, 4 or 8 (8 on MMIO only); [off, off+size) lies inside the claim. Any value is legal: never fails. */
	uint64_t (*read)(void *ctx, uint64_t off, unsigned size);
	void (*write)(void *ctx, uint64_t off, unsigned size, uint64_t v);
};
struct bus_claim { uint64_t base, size; const struct bus_ops *ops; void *ctx; const char *name; };

#define BUS_MAX_CLAIMS 48
struct bus {
	struct bus_claim claims[BUS_MAX_CLAIMS]; /* by address; those from n on have a size of 0 */
	unsigned n;
	const struct bus_claim *last; /* one of them, who was found last: drivers come back to the same device */
	uint64_t limit;          /* first address beyond the space */
};

void bus_init(struct bus *b, uint64_t limit);
/* E_INVAL empty or beyond limit, E_EXIST overlaps, E_LIMIT. */
err_t bus_claim(struct bus *b, uint64_t base, uint64_t size, const struct bus_ops *ops, void *ctx, const char *name) MUST_CHECK;
/* Removes the claims of ctx with this name; moving a BAR is unclaim + claim. */
void bus_unclaim(struct bus *b, void *ctx, const char *name);

/* ---- in the way of each device access, so inlined */
static inline bool bus_covers(const struct bus_claim *c, uint64_t addr, unsigned size)
{
	return addr - c->base < c->size && size <= c->size - (addr - c->base);
}
/* Among all claims; NULL: none covers it. */
const struct bus_claim *bus_search(struct bus *b, uint64_t addr, unsigned size);

static inline const struct bus_claim *bus_find(struct bus *b, uint64_t addr, unsigned size)
{
	return bus_covers(b->last, addr, size) ? b->last : bus_search(b, addr, size);
}

static inline uint64_t bus_cut(uint64_t v, unsigned size)
{
	unsigned beyond = 64 - 8 * size;

	return v << beyond >> beyond;
}

/* Values are cut to the access. false when no claim covers the whole of it (the caller reads all ones, drops writes, and counts). */
static inline bool bus_read(struct bus *b, uint64_t addr, unsigned size, uint64_t *out)
{
	const struct bus_claim *c = bus_find(b, addr, size);

	if (!c)
		return false;
	*out = bus_cut(c->ops->read(c->ctx, addr - c->base, size), size);
	return true;
}

static inline bool bus_write(struct bus *b, uint64_t addr, unsigned size, uint64_t v)
{
	const struct bus_claim *c = bus_find(b, addr, size);

	if (!c)
		return false;
	c->ops->write(c->ctx, addr - c->base, size, bus_cut(v, size));
	return true;
}

#endif
