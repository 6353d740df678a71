/* SPDX-License-Identifier: Apache-2.0 */
/* Modern virtio over PCI, driver side (Virtio 1.2, 4.1): capabilities, features, queues, doorbells. CPU 0.
 * Offsets, lengths, queue sizes and doorbell places come from the device and are checked against its BARs. */
#include "virtio_pci.h"
#include "virtio_spec.h"
#include <core/arith.h>
#include <core/log.h>
#include <core/mmio.h>

#define CAP_VENDOR 9
#define RESET_WAIT_NS (1 * NS_PER_S)
#define RESET_POLLS 1000000u
#define CONFIG_TRIES 100

bool virtio_pci_is(const struct pci_dev *d, uint16_t modern, uint16_t transitional)
{
	return d->vendor == VIRTIO_PCI_VENDOR && (d->device == modern || d->device == transitional);
}

static uint8_t vp_status(struct virtio_pci *v)
{
	return mmio_read8(v->common, COMMON_DEVICE_STATUS);
}

static void vp_add_status(struct virtio_pci *v, uint8_t bits)
{
	mmio_write8(v->common, COMMON_DEVICE_STATUS, vp_status(v) | bits);
}

/* Where a capability's structure is; *len is what the device says it has. */
static err_t vp_map_cap(struct virtio_pci *v, unsigned cap, unsigned need, volatile void **out, uint32_t *len)
{
	uint32_t off = pci_read(v->pci, cap + VIRTIO_CAP_OFFSET, 4), length = pci_read(v->pci, cap + VIRTIO_CAP_LENGTH, 4);
	volatile void *bar;
	uint64_t size = 0;
	err_t e;

	if (length < need || off & 3)
		return E_CORRUPT;
	e = pci_map_bar(v->pci, pci_read(v->pci, cap + VIRTIO_CAP_BAR, 1), &bar, &size);
	if (e != OK)
		return e == E_UNSUPPORTED ? E_CORRUPT : e;
	if (!range_within(off, length, size))
		return E_CORRUPT;
	*out = (volatile uint8_t *)bar + off;
	*len = length;
	return OK;
}

/* Takes the first usable structure of each type (4.1.4: later ones are alternatives). */
static err_t vp_take_cap(struct virtio_pci *v, unsigned cap)
{
	unsigned type = pci_read(v->pci, cap + VIRTIO_CAP_TYPE, 1);
	uint32_t len = 0;
	err_t e = OK;

	if (cap + 16 > 256 || pci_read(v->pci, cap + VIRTIO_CAP_LEN, 1) < 16)
		return E_CORRUPT;
	if (type == VIRTIO_PCI_CAP_COMMON_CFG && !v->common) {
		e = vp_map_cap(v, cap, COMMON_BYTES, &v->common, &len);
	} else if (type == VIRTIO_PCI_CAP_NOTIFY_CFG && !v->notify) {
		if (cap + 20 > 256)
			return E_CORRUPT;
		v->notify_mult = pci_read(v->pci, cap + VIRTIO_CAP_NOTIFY_MULT, 4);
		e = vp_map_cap(v, cap, 2, &v->notify, &v->notify_len);
	} else if (type == VIRTIO_PCI_CAP_DEVICE_CFG && !v->device) {
		e = vp_map_cap(v, cap, 1, &v->device, &v->device_len);
	}
	return e;
}

static err_t vp_find_caps(struct virtio_pci *v)
{
	unsigned cap = pci_find_cap(v->pci, CAP_VENDOR, 0), next;

	for (unsigned n = 0; cap && n < 48; n++) {
		err_t e = vp_take_cap(v, cap);

		if (e != OK)
			return e;
		next = pci_read(v->pci, cap + 1, 1);
		cap = next ? pci_find_cap(v->pci, CAP_VENDOR, next) : 0;
	}
	return v->common && v->notify ? OK : E_UNSUPPORTED;
}

/* 4.1.4.3.2: the reset is done when the status reads zero. */
static err_t vp_reset(struct virtio_pci *v)
{
	uint64_t until = hal_clock_ns() + RESET_WAIT_NS;

	mmio_write8(v->common, COMMON_DEVICE_STATUS, 0);
	for (unsigned n = 0; n < RESET_POLLS && hal_clock_ns() < until; n++) {
		if (vp_status(v) == 0)
			return OK;
		arch_relax();
	}
	return E_TIMEOUT;
}

err_t virtio_pci_open(struct virtio_pci *v, struct pci_dev *d, const char *name)
{
	err_t e;

	*v = (struct virtio_pci){.name = name, .pci = d};
	pci_enable(d);
	e = vp_find_caps(v);
	if (e == E_UNSUPPORTED)
		log_warn(name, PCI_FMT ": legacy virtio interface only: not supported", PCI_ARGS(d));
	if (e != OK)
		return e;
	e = vp_reset(v);
	if (e != OK)
		return e;
	vp_add_status(v, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	return OK;
}

err_t virtio_pci_negotiate(struct virtio_pci *v, uint64_t want, uint64_t *got)
{
	uint64_t offered = 0, agreed;

	for (unsigned i = 0; i < 2; i++) {
		mmio_write32(v->common, COMMON_DEVICE_FEATURE_SELECT, i);
		offered |= (uint64_t)mmio_read32(v->common, COMMON_DEVICE_FEATURE) << (32 * i);
	}
	/* Addresses are plain physical ones: true also for a device behind a platform IOMMU that is off. */
	agreed = offered & (want | VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM);
	if (!(agreed & VIRTIO_F_VERSION_1))
		return E_IO;
	for (unsigned i = 0; i < 2; i++) {
		mmio_write32(v->common, COMMON_DRIVER_FEATURE_SELECT, i);
		mmio_write32(v->common, COMMON_DRIVER_FEATURE, (uint32_t)(agreed >> (32 * i)));
	}
	vp_add_status(v, VIRTIO_STATUS_FEATURES_OK);
	if (!(vp_status(v) & VIRTIO_STATUS_FEATURES_OK))
		return E_IO;
	*got = agreed;
	return OK;
}

static void vp_write64(struct virtio_pci *v, unsigned off, uint64_t value)
{
	mmio_write32(v->common, off, (uint32_t)value);
	mmio_write32(v->common, off + 4, (uint32_t)(value >> 32));
}

err_t virtio_pci_queue(struct virtio_pci *v, struct virtqueue *q, uint16_t index, uint16_t max, uint16_t vector)
{
	uint64_t bell;
	uint16_t size;
	err_t e;

	if (index >= mmio_read16(v->common, COMMON_NUM_QUEUES))
		return E_IO;
	mmio_write16(v->common, COMMON_QUEUE_SELECT, index);
	size = MIN(mmio_read16(v->common, COMMON_QUEUE_SIZE), max);
	bell = (uint64_t)mmio_read16(v->common, COMMON_QUEUE_NOTIFY_OFF) * v->notify_mult;
	if (size < 2 || !is_pow2(size) || bell & 1 || !range_within(bell, 2, v->notify_len))
		return E_IO;
	e = virtqueue_init(q, index, size);
	if (e != OK)
		return e;
	q->doorbell = (volatile uint8_t *)v->notify + bell;
	mmio_write16(v->common, COMMON_QUEUE_SIZE, size);
	mmio_write16(v->common, COMMON_QUEUE_MSIX_VECTOR, vector);
	if (mmio_read16(v->common, COMMON_QUEUE_MSIX_VECTOR) != vector)
		return E_IO;
	vp_write64(v, COMMON_QUEUE_DESC, virtqueue_desc(q).v);
	vp_write64(v, COMMON_QUEUE_DRIVER, virtqueue_avail(q).v);
	vp_write64(v, COMMON_QUEUE_DEVICE, virtqueue_used(q).v);
	mmio_write16(v->common, COMMON_QUEUE_ENABLE, 1);
	return OK;
}

err_t virtio_pci_config_vector(struct virtio_pci *v, uint16_t vector)
{
	mmio_write16(v->common, COMMON_CONFIG_MSIX_VECTOR, vector);
	return mmio_read16(v->common, COMMON_CONFIG_MSIX_VECTOR) == vector ? OK : E_IO;
}

void virtio_pci_start(struct virtio_pci *v)
{
	vp_add_status(v, VIRTIO_STATUS_DRIVER_OK);
}

void virtio_pci_kick(struct virtio_pci *v, struct virtqueue *q)
{
	if (!v->dead && virtqueue_publish(q))
		mmio_write16(q->doorbell, 0, q->index);
}

err_t virtio_pci_config(struct virtio_pci *v, unsigned off, void *dst, unsigned len)
{
	if (!v->device || !range_within(off, len, v->device_len))
		return E_RANGE;
	for (unsigned n = 0; n < CONFIG_TRIES; n++) {
		uint8_t before = mmio_read8(v->common, COMMON_CONFIG_GENERATION);

		for (unsigned i = 0; i < len; i++)
			((uint8_t *)dst)[i] = mmio_read8(v->device, off + i);
		if (mmio_read8(v->common, COMMON_CONFIG_GENERATION) == before)
			return OK;
	}
	return E_IO;
}

bool virtio_pci_failed(struct virtio_pci *v)
{
	return v->dead || (vp_status(v) & VIRTIO_STATUS_NEEDS_RESET) != 0;
}

void virtio_pci_kill(struct virtio_pci *v)
{
	if (v->dead)
		return;
	v->dead = true;
	pci_disable_dma(v->pci);
	if (v->common && vp_reset(v) != OK)
		log_error(v->name, PCI_FMT ": does not reset", PCI_ARGS(v->pci));
}
