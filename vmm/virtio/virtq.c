/* SPDX-License-Identifier: Apache-2.0 */
/* Split virtqueue, device side (Virtio 1.2 2.7). Every field comes out of guest memory once, is checked in the
 * private copy and used from there. Runs under vm->lock; knows no device and no transport. */
#include <core/arith.h>
#include <stdatomic.h>
#include <vmm/virtq.h>

enum { DESC_F_NEXT = 1, DESC_F_WRITE = 2, DESC_F_INDIRECT = 4 }; /* 2.7.5 */
enum { AVAIL_F_NO_INTERRUPT = 1 };                              /* 2.7.6 */

struct vring_desc { uint64_t addr; uint32_t len; uint16_t flags, next; };
struct vring_used_elem { uint32_t id, len; };
_Static_assert(sizeof(struct vring_desc) == 16, "Virtio 1.2 2.7.5");
_Static_assert(sizeof(struct vring_used_elem) == 8, "Virtio 1.2 2.7.8");

/* Field addresses. The ring bases were range-checked against RAM by no one: each access is checked by gmem. */
static struct gpa avail_flags(const struct virtq *q) { return q->avail; }
static struct gpa avail_idx(const struct virtq *q) { return GPA(q->avail.v + 2); }
static struct gpa avail_ring(const struct virtq *q, uint16_t i) { return GPA(q->avail.v + 4 + 2ull * (i & (q->size - 1))); }
static struct gpa avail_used_event(const struct virtq *q) { return GPA(q->avail.v + 4 + 2ull * q->size); }
static struct gpa used_flags(const struct virtq *q) { return q->used; }
static struct gpa used_idx(const struct virtq *q) { return GPA(q->used.v + 2); }
static struct gpa used_ring(const struct virtq *q, uint16_t i) { return GPA(q->used.v + 4 + 8ull * (i & (q->size - 1))); }
static struct gpa used_avail_event(const struct virtq *q) { return GPA(q->used.v + 4 + 8ull * q->size); }

static err_t chain_add(const struct virtq *q, struct virtq_chain *c, const struct vring_desc *d)
{
	uint32_t *sum = d->flags & DESC_F_WRITE ? &c->in_len : &c->out_len;
	unsigned n = c->nout + c->nin;

	if (n == VIRTQ_MAX_SEGS || !add_ok(*sum, d->len, sum))
		return E_GUEST;
	if (!(d->flags & DESC_F_WRITE) && c->nin)
		return E_GUEST; /* 2.7.4.2: device-readable parts come first */
	if (d->len && !gmem_is_ram(q->mem, GPA(d->addr), d->len))
		return E_GUEST;
	c->segs[n] = (struct virtq_seg){.addr = GPA(d->addr), .len = d->len};
	if (d->flags & DESC_F_WRITE)
		c->nin++;
	else
		c->nout++;
	return OK;
}

/* Walks from head; at most q->size descriptors, so that a loop ends as malformed. */
static err_t chain_walk(const struct virtq *q, uint16_t head, struct virtq_chain *c)
{
	uint16_t i = head;

	c->head = head;
	c->nout = c->nin = 0;
	c->out_len = c->in_len = 0;
	for (unsigned seen = 0; seen < q->size; seen++) {
		struct vring_desc d;
		err_t e;

		if (i >= q->size)
			return E_GUEST;
		e = gmem_read(q->mem, GPA(q->desc.v + 16ull * i), &d, sizeof(d));
		if (e)
			return e;
		if (d.flags & DESC_F_INDIRECT)
			return E_GUEST; /* not offered */
		e = chain_add(q, c, &d);
		if (e)
			return e;
		if (!(d.flags & DESC_F_NEXT))
			return OK;
		i = d.next;
	}
	return E_GUEST;
}

/* Apart, so that a look at a queue in which nothing waits is short. */
static __attribute__((noinline)) err_t pop_waiting(struct virtq *q, struct virtq_chain *out)
{
	uint16_t head;
	err_t e = gmem_load16(q->mem, avail_ring(q, q->last_avail), &head);

	if (e)
		return e;
	e = chain_walk(q, head, out);
	if (e)
		return e;
	q->last_avail++;
	return OK;
}

static __attribute__((noinline)) err_t find_avail_idx(struct virtq *q, uint16_t *idx)
{
	err_t e = gmem_load16(q->mem, avail_idx(q), idx);

	q->index = (struct gmem_spot){ 0 };
	q->index_of = q->avail.v;
	return e ? e : gmem_spot(q->mem, avail_idx(q), sizeof(*idx), &q->index);
}

err_t virtq_pop(struct virtq *q, struct virtq_chain *out)
{
	uint16_t idx, waiting;
	err_t e = OK;

	if (q->index_of != q->avail.v || !gmem_spot_load16(q->mem, &q->index, &idx))
		e = find_avail_idx(q, &idx);
	if (e)
		return e;
	waiting = (uint16_t)(idx - q->last_avail);
	if (waiting == 0)
		return E_AGAIN;
	return waiting > q->size ? E_GUEST /* the index ran backwards or too far */ : pop_waiting(q, out);
}

err_t virtq_push(struct virtq *q, uint16_t head, uint32_t written)
{
	struct vring_used_elem u = {.id = head, .len = written};
	err_t e = gmem_write(q->mem, used_ring(q, q->next_used), &u, sizeof(u));

	if (e)
		return e;
	e = gmem_store16(q->mem, used_idx(q), (uint16_t)(q->next_used + 1));
	if (e)
		return e;
	q->next_used++;
	return OK;
}

bool virtq_should_notify(struct virtq *q)
{
	uint16_t flags, event, old = q->signalled_used;
	bool valid = q->signalled_valid;

	/* The used index must be visible before the driver's wish is read, or both sides sleep (2.7.10). */
	atomic_thread_fence(memory_order_seq_cst);
	if (!q->event_idx)
		return gmem_load16(q->mem, avail_flags(q), &flags) == OK && !(flags & AVAIL_F_NO_INTERRUPT);
	q->signalled_used = q->next_used;
	q->signalled_valid = true;
	if (gmem_load16(q->mem, avail_used_event(q), &event))
		return false;
	return !valid || (uint16_t)(q->next_used - event - 1) < (uint16_t)(q->next_used - old);
}

/* 2.7.6, 2.7.10: by flags that stay 0, or by the index after which to kick. */
bool virtq_ask(struct virtq *q)
{
	err_t e;

	if (virtq_was_asked(q))
		return false;
	q->asked = true;
	q->asked_at = q->last_avail;
	e = q->event_idx ? gmem_store16(q->mem, used_avail_event(q), q->last_avail) : gmem_store16(q->mem, used_flags(q), 0);
	(void)e; /* a ring that left RAM shows up as E_GUEST at the next pop */
	atomic_thread_fence(memory_order_seq_cst);
	return true;
}

err_t virtq_pop_or_ask(struct virtq *q, struct virtq_chain *out)
{
	err_t e = virtq_pop(q, out);

	return e == E_AGAIN && virtq_ask(q) ? virtq_pop(q, out) : e;
}

/* One loop serves both directions: calls copy for each piece of [off, off+len) of segs. */
static err_t chain_copy(const struct virtq *q, const struct virtq_seg *segs, unsigned n, uint32_t off, void *buf,
			uint32_t len, bool to_guest)
{
	uint8_t *p = buf;

	for (unsigned i = 0; i < n && len; i++) {
		uint32_t part;
		err_t e;

		if (off >= segs[i].len) {
			off -= segs[i].len;
			continue;
		}
		part = MIN(len, segs[i].len - off);
		e = to_guest ? gmem_write(q->mem, GPA(segs[i].addr.v + off), p, part)
			     : gmem_read(q->mem, GPA(segs[i].addr.v + off), p, part);
		if (e)
			return e;
		p += part;
		len -= part;
		off = 0;
	}
	return len ? E_RANGE : OK;
}

err_t virtq_read(const struct virtq *q, const struct virtq_chain *c, uint32_t off, void *dst, uint32_t len)
{
	if (!range_within(off, len, c->out_len))
		return E_RANGE;
	return chain_copy(q, c->segs, c->nout, off, dst, len, false);
}

err_t virtq_write(const struct virtq *q, const struct virtq_chain *c, uint32_t off, const void *src, uint32_t len)
{
	if (!range_within(off, len, c->in_len))
		return E_RANGE;
	return chain_copy(q, c->segs + c->nout, c->nin, off, (void *)(uintptr_t)src, len, true);
}
