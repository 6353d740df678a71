/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio core: device status, feature negotiation, reset, notification (Virtio 1.2 2.1-2.5, 3.1). Under vm->lock; knows
 * neither the transport's registers nor what a device does. */
#include <core/arith.h>
#include <core/log.h>
#include <limits.h>
#include <string.h>
#include <vmm/virtio.h>

static uint64_t virtio_offered(const struct virtio_dev *d)
{
	return d->ops->features | VIRTIO_F_VERSION_1 | VIRTIO_F_RING_EVENT_IDX;
}

static void virtio_reset(struct virtio_dev *d)
{
	d->ops->reset(d);
	for (unsigned i = 0; i < d->ops->nqueues; i++)
		d->queues[i] = (struct virtq){.mem = d->mem, .size = d->ops->queue_size};
	d->driver_features = 0;
	d->again = 0;
	d->status = 0;
}

static inline bool is_running(const struct virtio_dev *d, unsigned q)
{
	return q < d->ops->nqueues && (d->status & (VIRTIO_S_DRIVER_OK | VIRTIO_S_NEEDS_RESET)) == VIRTIO_S_DRIVER_OK && d->queues[q].enabled;
}

static void later_fn(struct vm_deferred *later)
{
	struct virtio_dev *d = container_of(later, struct virtio_dev, later);
	uint32_t again = d->again;

	d->again = 0;
	for (unsigned q = 0; q < d->ops->nqueues; q++)
		if ((again & 1u << q) && is_running(d, q))
			d->ops->kick(d, q);
}

void virtio_kick_again(struct virtio_dev *d, unsigned q)
{
	d->again |= 1u << q;
	if (d->vm)
		vm_defer(d->vm, &d->later);
}

void virtio_dev_init(struct virtio_dev *d, const struct virtio_dev_ops *ops, struct gmem *mem)
{
	memset(d, 0, sizeof(*d));
	d->later.fn = later_fn;
	d->ops = ops;
	d->mem = mem;
	virtio_reset(d);
}

uint64_t virtio_features(const struct virtio_dev *d)
{
	return virtio_offered(d);
}

void virtio_set_status(struct virtio_dev *d, uint8_t status)
{
	if (status == 0) {
		virtio_reset(d);
		return;
	}
	if ((status & VIRTIO_S_FEATURES_OK) && !(d->status & VIRTIO_S_FEATURES_OK)) {
		/* 2.2.2: a legacy driver (no VERSION_1) or one that accepts what was not offered is refused. */
		if ((d->driver_features & ~virtio_offered(d)) || !(d->driver_features & VIRTIO_F_VERSION_1))
			status &= (uint8_t)~VIRTIO_S_FEATURES_OK;
	}
	if (!(status & VIRTIO_S_FEATURES_OK))
		status &= (uint8_t)~VIRTIO_S_DRIVER_OK;
	if ((status & VIRTIO_S_DRIVER_OK) && !(d->status & VIRTIO_S_DRIVER_OK))
		for (unsigned i = 0; i < d->ops->nqueues; i++)
			d->queues[i].event_idx = d->driver_features & VIRTIO_F_RING_EVENT_IDX;
	d->status = (uint8_t)(status | (d->status & VIRTIO_S_NEEDS_RESET));
}

void virtio_kick(struct virtio_dev *d, unsigned q)
{
	if (is_running(d, q) && !virtq_is_idle(&d->queues[q]))
		d->ops->kick(d, q);
}

void virtio_notify_queue(struct virtio_dev *d, unsigned q)
{
	if (virtq_should_notify(&d->queues[q]))
		d->notify(d->transport, q);
}

void virtio_config_changed(struct virtio_dev *d)
{
	d->config_generation++;
	if (d->status & VIRTIO_S_DRIVER_OK)
		d->notify(d->transport, UINT_MAX);
}

void virtio_needs_reset(struct virtio_dev *d, const char *why)
{
	if (d->status & VIRTIO_S_NEEDS_RESET)
		return;
	d->status |= VIRTIO_S_NEEDS_RESET; /* 2.1.2: and nothing more is done until the driver resets */
	if (d->vm && vm_log_allowed(d->vm))
		log_warn("virtio", "%s: device id %u stopped: %s", d->vm->name, d->ops->id, why);
	if (d->status & VIRTIO_S_DRIVER_OK)
		d->notify(d->transport, UINT_MAX);
}
