/* SPDX-License-Identifier: Apache-2.0 */
/* A driver's half of virtio over PCI, for tests that are not good drivers: the modern transport's structures (Virtio 1.2 4.1.4), split
 * rings that a test fills with what it likes (2.7). Knows no device type. */
#ifndef GUEST_VIRTIO_H
#define GUEST_VIRTIO_H
#include <stdbool.h>
#include <stdint.h>

/* ---- configuration space of bus 0, function 0: pci.c of the architecture */
uint32_t pci_read32(unsigned slot, unsigned reg);
uint16_t pci_read16(unsigned slot, unsigned reg);
uint8_t pci_read8(unsigned slot, unsigned reg);
void pci_write32(unsigned slot, unsigned reg, uint32_t v);
void pci_write16(unsigned slot, unsigned reg, uint16_t v);
enum { PCI_COMMAND = 4, PCI_BAR0 = 0x10, PCI_CAPS = 0x34, PCI_IO = 1, PCI_MEMORY = 2, PCI_MASTER = 4 };

/* ---- the transport */
struct virtio {
	unsigned slot;
	unsigned bar_reg;          /* of the structures */
	uint64_t bar;
	uint64_t common, notify, isr, device, msix;
	uint32_t notify_step;
	unsigned port_reg;         /* the BAR of the port, 0: none; what is written there is the queue */
	uint16_t port;
	bool port_first;           /* listed before notify, so that a driver that can takes it */
	unsigned msix_cap, msix_count, cfg_cap;
};
enum { VIRTIO_CONSOLE = 0x1043, VIRTIO_RNG = 0x1044 };
/* Finds the device, turns on memory, ports if it has one to notify, and bus mastering. */
bool virtio_find(struct virtio *v, uint16_t device_id);

/* Common configuration, 4.1.4.3. */
enum {
	VC_DEVICE_SELECT = 0, VC_DEVICE_FEATURES = 4, VC_DRIVER_SELECT = 8, VC_DRIVER_FEATURES = 12, VC_CONFIG_VECTOR = 16, VC_QUEUES = 18,
	VC_STATUS = 20, VC_GENERATION = 21, VC_SELECT = 22, VC_SIZE = 24, VC_VECTOR = 26, VC_ENABLE = 28, VC_NOTIFY_OFF = 30, VC_DESC = 32,
	VC_AVAIL = 40, VC_USED = 48,
};
enum { VS_ACK = 1, VS_DRIVER = 2, VS_DRIVER_OK = 4, VS_FEATURES_OK = 8, VS_NEEDS_RESET = 0x40 };
uint8_t virtio_status(const struct virtio *v);
void virtio_set_status(const struct virtio *v, uint8_t s);
/* Status 0 and back. */
void virtio_reset(const struct virtio *v);
/* Reset, then up to FEATURES_OK with VERSION_1 and the low features. */
bool virtio_begin(const struct virtio *v, uint32_t features);
void virtio_kick(const struct virtio *v, unsigned q);

/* ---- rings; room for 256 descriptors and the event index behind each */
struct vdesc { uint64_t addr; uint32_t len; uint16_t flags, next; };
enum { VD_NEXT = 1, VD_WRITE = 2, VD_INDIRECT = 4 };
struct ring {
	volatile struct vdesc desc[256];
	struct { volatile uint16_t flags, idx, ring[257]; } avail;
	struct { volatile uint16_t flags, idx; volatile struct { uint32_t id, len; } ring[257]; } used __attribute__((aligned(4)));
} __attribute__((aligned(4096)));
/* Clears the ring and gives it to queue q with that size; enables it. */
void virtio_queue(const struct virtio *v, unsigned q, struct ring *r, uint16_t size);
/* The same with any addresses. */
void virtio_queue_at(const struct virtio *v, unsigned q, uint16_t size, uint64_t desc, uint64_t avail, uint64_t used);

#endif
