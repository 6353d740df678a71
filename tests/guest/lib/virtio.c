/* SPDX-License-Identifier: Apache-2.0 */
/* See virtio.h. Accesses go as a test asks; nothing here protects a device from a bad value. */
#include "virtio.h"
#include "lib/guest.h"
#include "lib/places.h"

enum { CAP_VENDOR = 9, CAP_MSIX = 0x11, CFG_COMMON = 1, CFG_NOTIFY = 2, CFG_ISR = 3, CFG_DEVICE = 4, CFG_PCI = 5, MAX_CAPS = 32 };

static uint64_t bar_address(unsigned slot, unsigned reg)
{
	uint32_t low = pci_read32(slot, reg);

	if (low & 1)
		return low & ~3u;
	return (low & ~0xfu) | (low & 4 ? (uint64_t)pci_read32(slot, reg + 4) << 32 : 0);
}

/* An address for each memory BAR that no firmware gave one. */
static void place_bars(unsigned slot)
{
	for (unsigned reg = PCI_BAR0; reg < PCI_BAR0 + 24; reg += 4) {
		uint32_t old = pci_read32(slot, reg), size;

		if (!(old & 1) && !(old & ~0xfu)) {
			pci_write32(slot, reg, ~0u);
			size = ~(pci_read32(slot, reg) & ~0xfu) + 1;
			pci_write32(slot, reg, size ? PCI_SPARE + slot * PCI_SPARE_STEP + (reg - PCI_BAR0) * (PCI_SPARE_STEP / 32) : old);
		}
		if (!(old & 1) && (old & 4))
			reg += 4;
	}
}

static void read_structure(struct virtio *v, unsigned cap)
{
	unsigned reg = PCI_BAR0 + 4u * pci_read8(v->slot, cap + 4);
	uint64_t at;

	if (pci_read8(v->slot, cap + 3) == CFG_PCI) {
		v->cfg_cap = cap;
		return;
	}
	at = bar_address(v->slot, reg) + pci_read32(v->slot, cap + 8);
	switch (pci_read8(v->slot, cap + 3)) {
	case CFG_COMMON:
		v->common = at;
		v->bar_reg = reg;
		v->bar = bar_address(v->slot, reg);
		break;
	case CFG_NOTIFY:
		if (pci_read32(v->slot, reg) & 1) {
			v->port_reg = reg;
			v->port = (uint16_t)at;
			v->port_first = !v->notify;
			break;
		}
		v->notify = at;
		v->notify_step = pci_read32(v->slot, cap + 16);
		break;
	case CFG_ISR: v->isr = at; break;
	case CFG_DEVICE: v->device = at; break;
	default: break;
	}
}

static void read_caps(struct virtio *v)
{
	unsigned cap = pci_read8(v->slot, PCI_CAPS);

	for (unsigned i = 0; cap && i < MAX_CAPS; i++, cap = pci_read8(v->slot, cap + 1)) {
		uint8_t id = pci_read8(v->slot, cap);

		if (id == CAP_VENDOR)
			read_structure(v, cap);
		if (id == CAP_MSIX) {
			uint32_t table = pci_read32(v->slot, cap + 4);

			v->msix_cap = cap;
			v->msix_count = (pci_read16(v->slot, cap + 2) & 0x7ff) + 1u;
			v->msix = bar_address(v->slot, PCI_BAR0 + 4 * (table & 7)) + (table & ~7u);
		}
	}
}

bool virtio_find(struct virtio *v, uint16_t device_id)
{
	memset(v, 0, sizeof(*v));
	for (v->slot = 0; v->slot < 32; v->slot++)
		if (pci_read32(v->slot, 0) == ((uint32_t)device_id << 16 | 0x1af4))
			break;
	if (v->slot == 32)
		return false;
	place_bars(v->slot);
	pci_write16(v->slot, PCI_COMMAND, PCI_MEMORY | PCI_MASTER);
	read_caps(v);
	if (v->port)
		pci_write16(v->slot, PCI_COMMAND, PCI_IO | PCI_MEMORY | PCI_MASTER);
	return v->common && v->notify && v->isr;
}

uint8_t virtio_status(const struct virtio *v)
{
	return read8(v->common + VC_STATUS);
}

void virtio_set_status(const struct virtio *v, uint8_t s)
{
	write8(v->common + VC_STATUS, s);
}

void virtio_reset(const struct virtio *v)
{
	virtio_set_status(v, 0);
	(void)WAIT(virtio_status(v) == 0);
}

bool virtio_begin(const struct virtio *v, uint32_t features)
{
	virtio_reset(v);
	virtio_set_status(v, VS_ACK | VS_DRIVER);
	write32(v->common + VC_DRIVER_SELECT, 0);
	write32(v->common + VC_DRIVER_FEATURES, features);
	write32(v->common + VC_DRIVER_SELECT, 1);
	write32(v->common + VC_DRIVER_FEATURES, 1); /* VERSION_1 */
	virtio_set_status(v, VS_ACK | VS_DRIVER | VS_FEATURES_OK);
	return virtio_status(v) & VS_FEATURES_OK;
}

void virtio_kick(const struct virtio *v, unsigned q)
{
	memory_barrier(); /* the rings before the doorbell */
	write16(v->common + VC_SELECT, (uint16_t)q);
	write16(v->notify + (uint64_t)read16(v->common + VC_NOTIFY_OFF) * v->notify_step, (uint16_t)q);
}

void virtio_queue_at(const struct virtio *v, unsigned q, uint16_t size, uint64_t desc, uint64_t avail, uint64_t used)
{
	write16(v->common + VC_SELECT, (uint16_t)q);
	write16(v->common + VC_SIZE, size);
	write64(v->common + VC_DESC, desc);
	write32(v->common + VC_AVAIL, (uint32_t)avail);
	write32(v->common + VC_AVAIL + 4, (uint32_t)(avail >> 32));
	write32(v->common + VC_USED, (uint32_t)used);
	write32(v->common + VC_USED + 4, (uint32_t)(used >> 32));
	write16(v->common + VC_ENABLE, 1);
}

void virtio_queue(const struct virtio *v, unsigned q, struct ring *r, uint16_t size)
{
	memset(r, 0, sizeof(*r));
	virtio_queue_at(v, q, size, (uint64_t)r->desc, (uint64_t)&r->avail, (uint64_t)&r->used);
}
