/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio console, one port (Virtio 1.2 5.3). Embedded in the machine; under vm->lock. */
#ifndef VMM_VIRTIO_CONSOLE_H
#define VMM_VIRTIO_CONSOLE_H
#include <core/chardev.h>
#include <vmm/virtio.h>

#define VIRTIO_CONSOLE_INPUT 1024 /* bytes typed ahead; power of two */

struct virtio_console {
	struct virtio_dev dev;
	struct chardev *out;             /* guest output; not owned */
	void (*wrote)(void *ctx);        /* told before output, so that the machine knows which console is in use; may be NULL */
	void *ctx;
	uint16_t cols, rows;
	uint8_t input[VIRTIO_CONSOLE_INPUT];
	uint32_t head, tail;             /* free-running */
};
void virtio_console_init(struct virtio_console *c, struct gmem *mem, struct chardev *out);
/* Queues typed bytes for the guest; returns how many were taken. */
size_t virtio_console_input(struct virtio_console *c, const void *buf, size_t n);
void virtio_console_resize(struct virtio_console *c, unsigned cols, unsigned rows);

#endif
