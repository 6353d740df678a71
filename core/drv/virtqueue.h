/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's side of a split virtqueue (Virtio 1.2, 2.7). One owner, one CPU at a time. What the device writes is
 * checked against private records; once it broke the protocol the queue stays broken. Knows no transport. */
#ifndef CORE_DRV_VIRTQUEUE_H
#define CORE_DRV_VIRTQUEUE_H
#include <core/addr.h>
#include <core/err.h>
#include <stdbool.h>
#include <stdint.h>

#define VIRTQUEUE_MAX 256

struct vq_seg { struct hpa addr; uint32_t len; };

struct vq_record { void *cookie; uint32_t writable; uint16_t next, count; }; /* count: descriptors of a chain's head, else 0 */
struct virtqueue {
	uint16_t index, size;
	uint16_t free_head, nfree;
	uint16_t avail_idx;  /* next to be published */
	uint16_t used_idx;   /* next to be taken */
	uint16_t chains;     /* with the device */
	bool broken;
	uint8_t *mem;        /* rings, shared with the device */
	unsigned order;
	struct vq_record *rec;
	volatile void *doorbell; /* transport's */
};

/* Allocates rings of size entries (power of two, 2..VIRTQUEUE_MAX) from pool_core. E_INVAL, E_NOMEM. */
err_t virtqueue_init(struct virtqueue *q, uint16_t index, uint16_t size) MUST_CHECK;
/* Frees them; the device must have been reset. Harmless on a zeroed or finished queue. */
void virtqueue_fini(struct virtqueue *q);
/* Addresses for the transport. */
struct hpa virtqueue_desc(const struct virtqueue *q);
struct hpa virtqueue_avail(const struct virtqueue *q);
struct hpa virtqueue_used(const struct virtqueue *q);

/* Queues a chain: nout segments that the device reads, then nin that it writes; not yet visible to it.
 * E_AGAIN: no room now; E_INVAL: no segment or an empty one; E_IO: broken. */
err_t virtqueue_add(struct virtqueue *q, const struct vq_seg *segs, unsigned nout, unsigned nin, void *cookie) MUST_CHECK;
/* Makes all added chains visible; true when the device wants to be told. */
bool virtqueue_publish(struct virtqueue *q);
/* Takes back one finished chain; *len: bytes that the device wrote, at most the writable bytes of the chain.
 * E_AGAIN: none; E_IO: broken. */
err_t virtqueue_take(struct virtqueue *q, void **cookie, uint32_t *len) MUST_CHECK;
/* Interrupt hints. _on returns true when chains finished meanwhile, for which no interrupt may come. */
void virtqueue_irq_off(struct virtqueue *q);
bool virtqueue_irq_on(struct virtqueue *q);

#endif
