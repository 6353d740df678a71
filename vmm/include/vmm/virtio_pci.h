/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio over PCI, modern only (Virtio 1.2 4.1): one function per device, all structures in BAR 0. Where the machine has ports,
 * BAR 1 is one: a 16-bit OUT of a queue's index notifies, which costs a guest less than a write to memory. Under vm->lock. */
#ifndef VMM_VIRTIO_PCI_H
#define VMM_VIRTIO_PCI_H
#include <vmm/pci_bus.h>
#include <vmm/virtio.h>

struct virtio_pci {
	struct pci_fn fn;
	struct virtio_dev *dev;
	uint32_t device_feature_select, driver_feature_select;
	uint16_t queue_select;
	uint16_t config_vector, queue_vector[VIRTIO_MAX_QUEUES];
	uint8_t isr;
	uint8_t cfg_cap; /* offset of VIRTIO_PCI_CAP_PCI_CFG */
};
/* Plugs dev (initialised) into a slot of the bus. p and dev stay the caller's and outlive the bus. E_EXIST, E_LIMIT. */
err_t virtio_pci_init(struct virtio_pci *p, struct pci_bus *bus, unsigned slot, struct virtio_dev *dev) MUST_CHECK;
void virtio_pci_reset(struct virtio_pci *p);

#endif
