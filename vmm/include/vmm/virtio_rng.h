/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio entropy device (Virtio 1.2 5.4). Embedded in the machine; under vm->lock. */
#ifndef VMM_VIRTIO_RNG_H
#define VMM_VIRTIO_RNG_H
#include <vmm/virtio.h>

struct virtio_rng { struct virtio_dev dev; };
void virtio_rng_init(struct virtio_rng *r, struct gmem *mem);

#endif
