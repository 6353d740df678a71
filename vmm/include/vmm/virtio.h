/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio core: what all transports and devices share (Virtio 1.2 2). A device file provides const ops and its config struct; a transport
 * (PCI now, MMIO later) drives it. Under vm->lock. No mutable globals: state hangs on the VM. */
#ifndef VMM_VIRTIO_H
#define VMM_VIRTIO_H
#include <core/err.h>
#include <stdbool.h>
#include <stdint.h>
#include <vmm/gmem.h>
#include <vmm/virtq.h>
#include <vmm/vm.h>

#define VIRTIO_MAX_QUEUES 8
enum { VIRTIO_ID_NET = 1, VIRTIO_ID_BLOCK = 2, VIRTIO_ID_CONSOLE = 3, VIRTIO_ID_RNG = 4, VIRTIO_ID_BALLOON = 5, VIRTIO_ID_INPUT = 18, VIRTIO_ID_VSOCK = 19 };
#define VIRTIO_F_RING_EVENT_IDX (1ull << 29)
#define VIRTIO_F_VERSION_1 (1ull << 32)
enum { VIRTIO_S_ACKNOWLEDGE = 1, VIRTIO_S_DRIVER = 2, VIRTIO_S_DRIVER_OK = 4, VIRTIO_S_FEATURES_OK = 8, VIRTIO_S_NEEDS_RESET = 64, VIRTIO_S_FAILED = 128 };

struct virtio_dev;
struct virtio_dev_ops {
	uint16_t id;
	unsigned nqueues;
	uint16_t queue_size;            /* at most VIRTQ_MAX_SEGS, so that any legal chain fits */
	uint64_t features;              /* device's own; VERSION_1 and EVENT_IDX are the core's */
	/* Config space accesses; off+size may lie beyond the device's config: reads as zero. */
	uint32_t (*config_read)(struct virtio_dev *d, unsigned off, unsigned size);
	void (*config_write)(struct virtio_dev *d, unsigned off, unsigned size, uint32_t v);
	/* Driver kicked queue q (only when DRIVER_OK and enabled). */
	void (*kick)(struct virtio_dev *d, unsigned q);
	void (*reset)(struct virtio_dev *d);
};
struct virtio_dev {
	const struct virtio_dev_ops *ops;
	struct gmem *mem;
	struct virtq queues[VIRTIO_MAX_QUEUES];
	uint64_t driver_features;
	uint8_t status;
	uint8_t config_generation;
	/* Set by the machine: whose device it is. NULL in tests of a device alone: what is put off waits, what is logged is not. */
	struct vm *vm;
	struct vm_deferred later;
	uint32_t again;                 /* bit q: queue q is to be looked at again */
	/* Set by the transport: raises the queue's or (q == UINT_MAX) the configuration interrupt. */
	void (*notify)(void *transport, unsigned q);
	void *transport;
};
/* For devices: interrupt when the driver wants one; mark broken; config changed. */
void virtio_notify_queue(struct virtio_dev *d, unsigned q);
/* There may be more in queue q than one kick should take: the device's kick is called for it again, soon. */
void virtio_kick_again(struct virtio_dev *d, unsigned q);
void virtio_needs_reset(struct virtio_dev *d, const char *why);
void virtio_config_changed(struct virtio_dev *d);
/* For transports. */
void virtio_dev_init(struct virtio_dev *d, const struct virtio_dev_ops *ops, struct gmem *mem);
/* What is offered to the driver: the device's own features and the core's. */
uint64_t virtio_features(const struct virtio_dev *d);
void virtio_set_status(struct virtio_dev *d, uint8_t status); /* 0 resets; refuses bad features by not keeping FEATURES_OK */
/* The driver has notified queue q, any number: the device's kick, unless there is nothing new for it. */
void virtio_kick(struct virtio_dev *d, unsigned q);

#endif
