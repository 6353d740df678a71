/* SPDX-License-Identifier: Apache-2.0 */
/* Modern virtio over PCI, driver side (Virtio 1.2, 4.1). CPU 0. Needs MSI-X. Legacy interfaces are refused. */
#ifndef CORE_DRV_VIRTIO_PCI_H
#define CORE_DRV_VIRTIO_PCI_H
#include "virtqueue.h"
#include <core/pci.h>

struct virtio_pci {
	const char *name; /* for messages */
	struct pci_dev *pci;
	volatile void *common, *notify, *device;
	uint32_t notify_len, notify_mult, device_len;
	bool dead;
};

/* Is d a virtio device with one of these PCI ids? */
bool virtio_pci_is(const struct pci_dev *d, uint16_t modern, uint16_t transitional);
/* Finds the structures, resets the device and acknowledges it. E_UNSUPPORTED: legacy only; E_CORRUPT, E_TIMEOUT, ... */
err_t virtio_pci_open(struct virtio_pci *v, struct pci_dev *d, const char *name) MUST_CHECK;
/* Agrees on VERSION_1 and those of want that the device offers. E_IO: it does not accept. */
err_t virtio_pci_negotiate(struct virtio_pci *v, uint64_t want, uint64_t *got) MUST_CHECK;
/* Allocates and enables queue index with at most max entries; vector as given to pci_irq_setup or VIRTIO_MSI_NO_VECTOR. */
err_t virtio_pci_queue(struct virtio_pci *v, struct virtqueue *q, uint16_t index, uint16_t max, uint16_t vector) MUST_CHECK;
/* Which MSI-X entry configuration changes come by. E_IO: refused. */
err_t virtio_pci_config_vector(struct virtio_pci *v, uint16_t vector) MUST_CHECK;
void virtio_pci_start(struct virtio_pci *v);
/* Publishes what was added to q and rings when needed. */
void virtio_pci_kick(struct virtio_pci *v, struct virtqueue *q);
/* Copies len bytes of device configuration at off, whole (no change in between). E_RANGE: it is not that long; E_IO. */
err_t virtio_pci_config(struct virtio_pci *v, unsigned off, void *dst, unsigned len) MUST_CHECK;
/* Has the device asked for a reset, or vanished? */
bool virtio_pci_failed(struct virtio_pci *v);
/* Resets the device and takes DMA from it, for good. */
void virtio_pci_kill(struct virtio_pci *v);

#endif
