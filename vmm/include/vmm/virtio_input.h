/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio input device with one key, the power button (Virtio 1.2 5.8). Embedded in the machine; under vm->lock. */
#ifndef VMM_VIRTIO_INPUT_H
#define VMM_VIRTIO_INPUT_H
#include <vmm/virtio.h>

struct virtio_input { struct virtio_dev dev; uint8_t select, subsel; };
void virtio_input_init(struct virtio_input *p, struct gmem *mem);
/* The key goes down and up. A driver that has no room for it, or is not there, misses it. */
void virtio_input_press(struct virtio_input *p);

#endif
