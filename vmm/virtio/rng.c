/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio entropy device (Virtio 1.2 5.4): fills the driver's buffers from the machine's generator. In the exit path under vm->lock. */
#include <core/arith.h>
#include <core/rng.h>
#include <string.h>
#include <vmm/virtio_rng.h>

enum { QUEUE_SIZE = 8, BYTES_PER_CHAIN = 512, CHAINS_PER_KICK = 4 * QUEUE_SIZE }; /* bounds the work of one kick */

static uint32_t rng_config_read(struct virtio_dev *d, unsigned off, unsigned size)
{
	(void)d, (void)off, (void)size;
	return 0; /* 5.4.4: no configuration space */
}

static void rng_config_write(struct virtio_dev *d, unsigned off, unsigned size, uint32_t v)
{
	(void)d, (void)off, (void)size, (void)v;
}

static err_t rng_fill(struct virtq *q, const struct virtq_chain *chain)
{
	uint8_t bytes[BYTES_PER_CHAIN];
	uint32_t n = MIN((uint32_t)sizeof(bytes), chain->in_len);
	err_t e;

	rng_bytes(bytes, n);
	e = virtq_write(q, chain, 0, bytes, n);
	return e ? e : virtq_push(q, chain->head, n);
}

static void rng_kick(struct virtio_dev *d, unsigned queue)
{
	struct virtq *q = &d->queues[queue];
	UNINIT struct virtq_chain chain;
	bool filled = false;
	err_t e = OK;

	for (unsigned i = 0; i < CHAINS_PER_KICK && e == OK; i++) {
		e = virtq_pop_or_ask(q, &chain);
		if (e == OK) {
			e = rng_fill(q, &chain);
			filled = true;
		}
	}
	if (e && e != E_AGAIN)
		virtio_needs_reset(d, "malformed entropy buffer");
	else if (filled)
		virtio_notify_queue(d, queue);
	if (!e)
		virtio_kick_again(d, queue);
}

static void rng_reset(struct virtio_dev *d)
{
	(void)d; /* no state beyond the queue */
}

static const struct virtio_dev_ops rng_ops = {
	.id = VIRTIO_ID_RNG, .nqueues = 1, .queue_size = QUEUE_SIZE,
	.config_read = rng_config_read, .config_write = rng_config_write, .kick = rng_kick, .reset = rng_reset,
};

void virtio_rng_init(struct virtio_rng *r, struct gmem *mem)
{
	virtio_dev_init(&r->dev, &rng_ops, mem);
}
