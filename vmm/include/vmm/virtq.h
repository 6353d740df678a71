/* SPDX-License-Identifier: Apache-2.0 */
/* Split virtqueue, device side (Virtio 1.2 2.7). virtq_pop copies and validates a whole chain into a private struct; devices see
 * chains, never rings. Under vm->lock. */
#ifndef VMM_VIRTQ_H
#define VMM_VIRTQ_H
#include <core/err.h>
#include <stdbool.h>
#include <stdint.h>
#include <vmm/gmem.h>

#define VIRTQ_MAX_SIZE 256
#define VIRTQ_MAX_SEGS 64

struct virtq {
	struct gmem *mem;
	uint16_t size;                  /* power of two, 1..VIRTQ_MAX_SIZE */
	struct gpa desc, avail, used;
	uint16_t last_avail, next_used;
	bool enabled, event_idx;
	uint16_t signalled_used; bool signalled_valid;
	struct gmem_spot index; uint64_t index_of; /* where the available index lies, of the ring at this address */
	uint16_t asked_at; bool asked;  /* the driver was asked for a kick, with EVENT_IDX at this index */
};
struct virtq_seg { struct gpa addr; uint32_t len; };
struct virtq_chain {
	uint16_t head;
	uint16_t nout, nin;             /* readable segments come first: segs[0..nout), then writable segs[nout..nout+nin) */
	uint32_t out_len, in_len;       /* sums, no overflow */
	struct virtq_seg segs[VIRTQ_MAX_SEGS];
};
/* Takes the next available chain. E_AGAIN: none; E_GUEST: malformed (the device sets NEEDS_RESET and stops the queue). */
err_t virtq_pop(struct virtq *q, struct virtq_chain *out) MUST_CHECK;
/* The same, for a device that waits for a kick when there is none: the driver is asked for one. */
err_t virtq_pop_or_ask(struct virtq *q, struct virtq_chain *out) MUST_CHECK;
/* Gives a chain back with the number of bytes written. E_GUEST. */
err_t virtq_push(struct virtq *q, uint16_t head, uint32_t written) MUST_CHECK;
/* After pushes: must the driver be interrupted? (flags or event index) */
bool virtq_should_notify(struct virtq *q);
/* Asks the driver to kick on new buffers. false: it knows already; true: it may have added some before it knew. */
bool virtq_ask(struct virtq *q);
static inline bool virtq_was_asked(const struct virtq *q)
{
	return q->asked && (!q->event_idx || q->asked_at == q->last_avail);
}
/* Was everything taken, and does the driver know that it is to kick for more? Then one kick too many tells nothing. */
static inline bool virtq_is_idle(const struct virtq *q)
{
	uint16_t idx;

	return virtq_was_asked(q) && q->index_of == q->avail.v && gmem_spot_load16(q->mem, &q->index, &idx) && idx == q->last_avail;
}
/* Copies between a chain's readable (out) or writable (in) part at offset and a buffer. E_GUEST, E_RANGE. */
err_t virtq_read(const struct virtq *q, const struct virtq_chain *c, uint32_t off, void *dst, uint32_t len) MUST_CHECK;
err_t virtq_write(const struct virtq *q, const struct virtq_chain *c, uint32_t off, const void *src, uint32_t len) MUST_CHECK;

#endif
