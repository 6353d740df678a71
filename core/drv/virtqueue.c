/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's side of a split virtqueue (Virtio 1.2, 2.7). Runs wherever its owner runs, one CPU at a time.
 * The rings are shared with a device that may lie: chain links, lengths and cookies are kept privately, and an index,
 * id or length from the used ring is compared with them before use. */
#include "virtqueue.h"
#include "virtio_spec.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/log.h>
#include <core/page.h>
#include <stdatomic.h>

#define NO_DESC 0xffff
#define DESC_BYTES 16u
/* Byte offsets: 2.7.5 descriptor; 2.7.6 and 2.7.8: flags, idx, then the ring. */
enum { DESC_ADDR = 0, DESC_LEN = 8, DESC_FLAGS = 12, DESC_NEXT = 14 };
enum { RING_FLAGS = 0, RING_IDX = 2, RING_ENTRIES = 4, USED_ENTRY = 8 };

static uint32_t vq_avail_off(const struct virtqueue *q)
{
	return q->size * DESC_BYTES;
}

static uint32_t vq_used_off(const struct virtqueue *q)
{
	return (uint32_t)align_up(vq_avail_off(q) + RING_ENTRIES + 2u * q->size + 2u, 4);
}

static uint32_t vq_bytes(const struct virtqueue *q)
{
	return vq_used_off(q) + RING_ENTRIES + (uint32_t)USED_ENTRY * q->size + 2u;
}

/* One access each: the device changes these under our feet. */
static uint16_t vq_load16(const struct virtqueue *q, uint32_t off)
{
	return *(const volatile uint16_t *)(q->mem + off);
}

static uint32_t vq_load32(const struct virtqueue *q, uint32_t off)
{
	return *(const volatile uint32_t *)(q->mem + off);
}

static void vq_store16(struct virtqueue *q, uint32_t off, uint16_t v)
{
	*(volatile uint16_t *)(q->mem + off) = v;
}

err_t virtqueue_init(struct virtqueue *q, uint16_t index, uint16_t size)
{
	struct hpa mem;
	err_t e;

	if (size < 2 || size > VIRTQUEUE_MAX || !is_pow2(size))
		return E_INVAL;
	*q = (struct virtqueue){.index = index, .size = size, .nfree = size};
	while ((PAGE_SIZE << q->order) < vq_bytes(q))
		q->order++;
	q->rec = pool_alloc(&pool_core, sizeof(*q->rec) * size);
	if (!q->rec)
		return E_NOMEM;
	e = page_alloc(&pool_core, q->order, PAGE_HOST, &mem);
	if (e != OK) {
		pool_free(&pool_core, q->rec, sizeof(*q->rec) * size);
		q->rec = NULL;
		return e;
	}
	q->mem = hal_direct(mem);
	for (unsigned i = 0; i < size; i++)
		q->rec[i].next = i + 1u < size ? (uint16_t)(i + 1) : NO_DESC;
	return OK;
}

void virtqueue_fini(struct virtqueue *q)
{
	if (!q->mem)
		return;
	page_free(&pool_core, hal_hpa_of(q->mem), q->order, PAGE_HOST);
	pool_free(&pool_core, q->rec, sizeof(*q->rec) * q->size);
	*q = (struct virtqueue){.broken = true};
}

struct hpa virtqueue_desc(const struct virtqueue *q)
{
	return hal_hpa_of(q->mem);
}

struct hpa virtqueue_avail(const struct virtqueue *q)
{
	return HPA(hal_hpa_of(q->mem).v + vq_avail_off(q));
}

struct hpa virtqueue_used(const struct virtqueue *q)
{
	return HPA(hal_hpa_of(q->mem).v + vq_used_off(q));
}

err_t virtqueue_add(struct virtqueue *q, const struct vq_seg *segs, unsigned nout, unsigned nin, void *cookie)
{
	unsigned n = nout + nin;
	uint32_t writable = 0;
	uint16_t head = q->free_head, at = head;

	if (q->broken)
		return E_IO;
	if (n == 0)
		return E_INVAL;
	for (unsigned i = 0; i < n; i++)
		if (segs[i].len == 0 || (i >= nout && !add_ok(writable, segs[i].len, &writable)))
			return E_INVAL;
	if (n > q->nfree)
		return E_AGAIN;
	for (unsigned i = 0; i < n; i++) {
		uint8_t *d = q->mem + (size_t)at * DESC_BYTES;

		put_le64(d + DESC_ADDR, segs[i].addr.v);
		put_le32(d + DESC_LEN, segs[i].len);
		put_le16(d + DESC_FLAGS, (uint16_t)((i >= nout ? VIRTQ_DESC_F_WRITE : 0) | (i + 1 < n ? VIRTQ_DESC_F_NEXT : 0)));
		put_le16(d + DESC_NEXT, i + 1 < n ? q->rec[at].next : 0);
		at = q->rec[at].next;
	}
	q->free_head = at;
	q->nfree = (uint16_t)(q->nfree - n);
	q->rec[head].cookie = cookie;
	q->rec[head].writable = writable;
	q->rec[head].count = (uint16_t)n;
	q->chains++;
	vq_store16(q, vq_avail_off(q) + RING_ENTRIES + 2u * (q->avail_idx & (q->size - 1u)), head);
	q->avail_idx++;
	return OK;
}

bool virtqueue_publish(struct virtqueue *q)
{
	if (q->broken)
		return false;
	atomic_thread_fence(memory_order_release); /* 2.7.13.1: entries before the index */
	vq_store16(q, vq_avail_off(q) + RING_IDX, q->avail_idx);
	atomic_thread_fence(memory_order_seq_cst); /* 2.7.13.3: the index before the look at the flags */
	return !(vq_load16(q, vq_used_off(q) + RING_FLAGS) & VIRTQ_USED_F_NO_NOTIFY);
}

static err_t vq_break(struct virtqueue *q, const char *what, uint32_t value)
{
	q->broken = true;
	log_error("virtio", "queue %u: the device broke the protocol: %s %u", q->index, what, value);
	return E_IO;
}

/* Puts a chain's descriptors back on the free list by our own links, never by the shared ones. */
static void vq_release(struct virtqueue *q, uint16_t head)
{
	uint16_t last = head, n = q->rec[head].count;

	for (uint16_t i = 1; i < n; i++)
		last = q->rec[last].next;
	q->rec[last].next = q->free_head;
	q->free_head = head;
	q->nfree = (uint16_t)(q->nfree + n);
	q->rec[head].count = 0;
	q->rec[head].cookie = NULL;
	q->chains--;
}

err_t virtqueue_take(struct virtqueue *q, void **cookie, uint32_t *len)
{
	uint32_t used, entry, id, n;
	uint16_t pending;

	if (q->broken)
		return E_IO;
	used = vq_used_off(q);
	pending = (uint16_t)(vq_load16(q, used + RING_IDX) - q->used_idx);
	if (pending == 0)
		return E_AGAIN;
	if (pending > q->chains)
		return vq_break(q, "more chains came back than are out, index ahead by", pending);
	atomic_thread_fence(memory_order_acquire); /* 2.7.14: the index before its entries */
	entry = used + RING_ENTRIES + (uint32_t)USED_ENTRY * (q->used_idx & (q->size - 1u));
	id = vq_load32(q, entry);
	n = vq_load32(q, entry + 4);
	if (id >= q->size || q->rec[id].count == 0)
		return vq_break(q, "came back unasked: chain", id);
	if (n > q->rec[id].writable)
		return vq_break(q, "claims to have written past the buffers, bytes", n);
	*cookie = q->rec[id].cookie;
	*len = n;
	vq_release(q, (uint16_t)id);
	q->used_idx++;
	return OK;
}

void virtqueue_irq_off(struct virtqueue *q)
{
	if (!q->broken)
		vq_store16(q, vq_avail_off(q) + RING_FLAGS, VIRTQ_AVAIL_F_NO_INTERRUPT);
}

bool virtqueue_irq_on(struct virtqueue *q)
{
	if (q->broken)
		return false;
	vq_store16(q, vq_avail_off(q) + RING_FLAGS, 0);
	atomic_thread_fence(memory_order_seq_cst); /* the flag before the look at the index */
	return vq_load16(q, vq_used_off(q) + RING_IDX) != q->used_idx;
}
