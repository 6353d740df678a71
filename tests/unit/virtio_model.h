/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio PCI device for driver tests: registers are plain memory (which answers resets, features and vectors as a patient
 * device would), rings are worked by the test. One device at a time; host only; must not know which driver it serves. */
#ifndef TESTS_UNIT_VIRTIO_MODEL_H
#define TESTS_UNIT_VIRTIO_MODEL_H
#include "../../core/drv/virtio_spec.h"
#include "../../core/drv/virtqueue.h"
#include "../fake/fake.h"
#include "../fake/fake_pci.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/pci.h>
#include <string.h>

#define MODEL_BAR 0xfe000000u
#define MODEL_BAR_BYTES 0x4000u
enum { MODEL_COMMON = 0, MODEL_NOTIFY = 0x1000, MODEL_DEVICE = 0x2000, MODEL_MSIX = 0x3000 };

static struct fake_pci_fn model_fn;
static _Alignas(8) uint8_t model_regs[MODEL_BAR_BYTES];

static inline void model_cap(uint8_t at, uint8_t next, uint8_t type, uint32_t off, uint32_t len)
{
	fake_pci_cap(&model_fn, at, 9, next, at == 0x40);
	model_fn.cfg[at + VIRTIO_CAP_LEN] = 20;
	model_fn.cfg[at + VIRTIO_CAP_TYPE] = type;
	model_fn.cfg[at + VIRTIO_CAP_BAR] = 0;
	put_le32(model_fn.cfg + at + VIRTIO_CAP_OFFSET, off);
	put_le32(model_fn.cfg + at + VIRTIO_CAP_LENGTH, len);
	put_le32(model_fn.cfg + at + VIRTIO_CAP_NOTIFY_MULT, 4);
}

/* A fresh, honest device. features: the low word; the high one reads the same, so bit 0 stands for VERSION_1 too. */
static inline void model_reset(uint16_t device, uint32_t features)
{
	static bool mapped;

	if (!mapped)
		fake_mmio_add(HPA(MODEL_BAR), MODEL_BAR_BYTES, model_regs);
	mapped = true;
	memset(model_regs, 0, sizeof(model_regs));
	model_fn = (struct fake_pci_fn){.devfn = 8};
	fake_pci_describe(&model_fn, VIRTIO_PCI_VENDOR, device, 0x020000, 0);
	put_le32(model_fn.cfg + 0x10, MODEL_BAR);
	model_fn.bar_mask[0] = ~(MODEL_BAR_BYTES - 1);
	model_cap(0x40, 0x54, VIRTIO_PCI_CAP_COMMON_CFG, MODEL_COMMON, COMMON_BYTES);
	model_cap(0x54, 0x68, VIRTIO_PCI_CAP_NOTIFY_CFG, MODEL_NOTIFY, 16);
	model_cap(0x68, 0x80, VIRTIO_PCI_CAP_DEVICE_CFG, MODEL_DEVICE, 64);
	fake_pci_cap(&model_fn, 0x80, 0x11, 0, false);
	put_le16(model_fn.cfg + 0x82, 3); /* four entries */
	put_le32(model_fn.cfg + 0x84, MODEL_MSIX);
	put_le32(model_regs + COMMON_DEVICE_FEATURE, features | 1);
	put_le16(model_regs + COMMON_NUM_QUEUES, 2);
	put_le16(model_regs + COMMON_QUEUE_SIZE, 8);
}

/* Enumerates and offers the device to one driver. */
static inline void model_probe(const struct pci_driver *driver)
{
	fake_pci_set(&model_fn, 1);
	pci_init();
	pci_probe(&driver, 1);
}

static inline bool model_bus_master(void)
{
	return (model_fn.cfg[4] & 4) != 0;
}

/* Raises the interrupt of MSI-X entry n as the driver programmed it, and lets the loop handle it. */
static inline void model_interrupt(unsigned n)
{
	struct hal_msi msi = {get_le64(model_regs + MODEL_MSIX + 16 * n), get_le32(model_regs + MODEL_MSIX + 16 * n + 8)};

	fake_msi_raise(&msi);
	fake_loop_settle();
}

/* The device's end of a queue; zeroed at start. */
struct model_queue { struct virtqueue *q; uint16_t seen, done; };

/* Takes the next chain; false when none is offered. */
static inline bool model_take(struct model_queue *m, uint16_t *head)
{
	const uint8_t *avail = hal_direct(virtqueue_avail(m->q));

	if (get_le16(avail + 2) == m->seen)
		return false;
	*head = get_le16(avail + 4 + 2 * (m->seen++ % m->q->size));
	return true;
}

/* The n-th buffer of a chain. */
static inline uint8_t *model_buffer(struct model_queue *m, uint16_t head, unsigned n)
{
	const uint8_t *desc = hal_direct(virtqueue_desc(m->q));

	while (n--)
		head = get_le16(desc + 16 * head + 14);
	return hal_direct(HPA(get_le64(desc + 16 * head)));
}

static inline void model_give(struct model_queue *m, uint32_t id, uint32_t len)
{
	uint8_t *used = hal_direct(virtqueue_used(m->q));

	put_le32(used + 4 + 8 * (m->done % m->q->size), id);
	put_le32(used + 8 + 8 * (m->done % m->q->size), len);
	put_le16(used + 2, ++m->done);
}

#endif
