/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's side of a split virtqueue in guest memory, for device tests: writes descriptors and indices as a driver would, or as none
 * should. Host only. Layout: Virtio 1.2 2.7. */
#ifndef TESTS_UNIT_VRING_H
#define TESTS_UNIT_VRING_H
#include "guest_ram.h"

enum { V_NEXT = 1, V_WRITE = 2, V_INDIRECT = 4 };
struct vring { struct gmem *m; uint64_t desc, avail, used; uint16_t size, next; };

__attribute__((unused)) static struct vring vring_at(struct gmem *m, uint64_t base, uint16_t size)
{
	return (struct vring){.m = m, .desc = base, .avail = base + 0x1000, .used = base + 0x2000, .size = size};
}

__attribute__((unused)) static void vring_desc(struct vring *r, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	put64(r->m, r->desc + 16u * i, addr);
	put32(r->m, r->desc + 16u * i + 8, len);
	put16(r->m, r->desc + 16u * i + 12, flags);
	put16(r->m, r->desc + 16u * i + 14, next);
}

/* Offers a head and publishes it. */
__attribute__((unused)) static void vring_offer(struct vring *r, uint16_t head)
{
	put16(r->m, r->avail + 4 + 2u * (r->next % r->size), head);
	put16(r->m, r->avail + 2, ++r->next);
}

__attribute__((unused)) static uint16_t vring_used_idx(struct vring *r) { return (uint16_t)get(r->m, r->used + 2, 2); }
__attribute__((unused)) static uint32_t vring_used_id(struct vring *r, unsigned i) { return (uint32_t)get(r->m, r->used + 4 + 8u * (i % r->size), 4); }
__attribute__((unused)) static uint32_t vring_used_len(struct vring *r, unsigned i) { return (uint32_t)get(r->m, r->used + 8 + 8u * (i % r->size), 4); }

#endif
