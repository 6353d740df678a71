/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-net as an uplink (Virtio 1.2, 5.1): one queue pair, no offloads. CPU 0: interrupts only post work; frames are
 * handed on and sent in the loop, without allocation. A device that breaks the protocol is switched off. */
#include "drivers.h"
#include "virtio_pci.h"
#include "virtio_spec.h"
#include <core/arith.h>
#include <core/fmt.h>
#include <core/l2port.h>
#include <core/log.h>
#include <core/page.h>
#include <core/rng.h>
#include <core/task.h>
#include <string.h>

#define RING 128
#define BUF_BYTES 2048u
#define RX_BUDGET 64
#define FRAME_MIN 14
enum { QUEUE_RX = 0, QUEUE_TX = 1, VECTOR_CONFIG = 0, VECTOR_RX = 1 };

_Static_assert(NET_HDR_BYTES + L2_FRAME_MAX <= BUF_BYTES, "a frame fits its buffer");

struct vnet {
	struct l2port port;
	struct virtio_pci v;
	struct virtqueue rx, tx;
	uint8_t *rx_mem, *tx_mem; /* RING buffers of BUF_BYTES each */
	uint16_t tx_free[RING];
	unsigned tx_nfree;
	bool has_status;
	struct work rx_work, config_work;
};

/* The device is not believed any more: no DMA, no link, and nothing is ever freed that it may still write. */
static void vnet_kill(struct vnet *n, const char *why)
{
	bool was_up = n->port.link_up;

	if (n->v.dead)
		return;
	log_error(n->port.name, "switched off: %s", why);
	virtio_pci_kill(&n->v);
	n->port.link_up = false;
	if (was_up && n->port.link)
		n->port.link(n->port.ctx, false);
}

static err_t vnet_post_rx(struct vnet *n, uint8_t *buf)
{
	struct vq_seg seg = {hal_hpa_of(buf), BUF_BYTES};

	return virtqueue_add(&n->rx, &seg, 0, 1, buf);
}

static void vnet_deliver(struct vnet *n, const uint8_t *buf, uint32_t len)
{
	size_t frame = len - NET_HDR_BYTES;

	/* No offload was agreed on, so a frame that needs one finished is none. */
	if (len < NET_HDR_BYTES + FRAME_MIN || frame > L2_FRAME_MAX || buf[0] & NET_HDR_F_NEEDS_CSUM || buf[1] != 0 ||
	    !n->port.rx) {
		n->port.rx_dropped++;
		return;
	}
	n->port.rx_frames++;
	n->port.rx_bytes += frame;
	n->port.rx(n->port.ctx, buf + NET_HDR_BYTES, frame);
}

static void vnet_rx_run(struct work *w)
{
	struct vnet *n = container_of(w, struct vnet, rx_work);
	err_t e = OK;

	if (n->v.dead)
		return;
	virtqueue_irq_off(&n->rx);
	for (unsigned i = 0; i < RX_BUDGET; i++) {
		void *buf;
		uint32_t len;

		e = virtqueue_take(&n->rx, &buf, &len);
		if (e != OK)
			break;
		vnet_deliver(n, buf, len);
		if (n->v.dead)
			return;
		e = vnet_post_rx(n, buf);
		if (e != OK)
			break;
	}
	if (e != OK && e != E_AGAIN) {
		vnet_kill(n, "receive queue");
		return;
	}
	virtio_pci_kick(&n->v, &n->rx);
	if (e == OK || virtqueue_irq_on(&n->rx))
		work_post(0, w);
}

static void vnet_rx_irq(void *ctx)
{
	work_post(0, &((struct vnet *)ctx)->rx_work);
}

/* Takes back what was sent; there is no transmit interrupt. */
static err_t vnet_reclaim(struct vnet *n)
{
	void *buf;
	uint32_t len;
	err_t e;

	while ((e = virtqueue_take(&n->tx, &buf, &len)) == OK)
		n->tx_free[n->tx_nfree++] = (uint16_t)(((uint8_t *)buf - n->tx_mem) / BUF_BYTES);
	return e == E_AGAIN ? OK : e;
}

static err_t vnet_send(struct l2port *p, const void *frame, size_t len)
{
	struct vnet *n = container_of(p, struct vnet, port);
	struct vq_seg seg = {.len = (uint32_t)(NET_HDR_BYTES + len)};
	uint8_t *buf;

	if (len < FRAME_MIN || len > L2_FRAME_MAX)
		return E_INVAL;
	if (n->v.dead)
		return E_IO;
	if (vnet_reclaim(n) != OK) {
		vnet_kill(n, "transmit queue");
		return E_IO;
	}
	if (n->tx_nfree == 0) {
		p->tx_dropped++;
		return E_AGAIN;
	}
	buf = n->tx_mem + (size_t)n->tx_free[n->tx_nfree - 1] * BUF_BYTES;
	memset(buf, 0, NET_HDR_BYTES);
	memcpy(buf + NET_HDR_BYTES, frame, len);
	seg.addr = hal_hpa_of(buf);
	if (virtqueue_add(&n->tx, &seg, 1, 0, buf) != OK) {
		p->tx_dropped++;
		return E_AGAIN;
	}
	n->tx_nfree--;
	p->tx_frames++;
	p->tx_bytes += len;
	virtio_pci_kick(&n->v, &n->tx);
	return OK;
}

static const struct l2port_ops vnet_ops = {.send = vnet_send};

static bool vnet_read_link(struct vnet *n)
{
	uint8_t status[2];

	if (!n->has_status)
		return true; /* 5.1.5: then the link is always up */
	return virtio_pci_config(&n->v, NET_CFG_STATUS, status, sizeof(status)) == OK &&
	       (get_le16(status) & NET_S_LINK_UP) != 0;
}

static void vnet_config_run(struct work *w)
{
	struct vnet *n = container_of(w, struct vnet, config_work);
	bool up;

	if (n->v.dead)
		return;
	if (virtio_pci_failed(&n->v)) {
		vnet_kill(n, "the device asks for a reset");
		return;
	}
	up = vnet_read_link(n);
	if (up == n->port.link_up)
		return;
	n->port.link_up = up;
	log_info(n->port.name, "link %s", up ? "up" : "down");
	if (n->port.link)
		n->port.link(n->port.ctx, up);
}

static void vnet_config_irq(void *ctx)
{
	work_post(0, &((struct vnet *)ctx)->config_work);
}

static err_t vnet_alloc(struct vnet *n)
{
	unsigned order = 0;
	struct hpa rx, tx;
	err_t e;

	while ((PAGE_SIZE << order) < RING * BUF_BYTES)
		order++;
	e = page_alloc(&pool_core, order, PAGE_HOST, &rx);
	if (e != OK)
		return e;
	e = page_alloc(&pool_core, order, PAGE_HOST, &tx);
	if (e != OK) {
		page_free(&pool_core, rx, order, PAGE_HOST);
		return e;
	}
	n->rx_mem = hal_direct(rx);
	n->tx_mem = hal_direct(tx);
	return OK;
}

static void vnet_free(struct vnet *n)
{
	unsigned order = 0;

	while ((PAGE_SIZE << order) < RING * BUF_BYTES)
		order++;
	virtqueue_fini(&n->rx);
	virtqueue_fini(&n->tx);
	if (n->rx_mem)
		page_free(&pool_core, hal_hpa_of(n->rx_mem), order, PAGE_HOST);
	if (n->tx_mem)
		page_free(&pool_core, hal_hpa_of(n->tx_mem), order, PAGE_HOST);
	pool_free(&pool_core, n, sizeof(*n));
}

static err_t vnet_queues(struct vnet *n)
{
	err_t e = pci_irq_setup(n->v.pci, VECTOR_CONFIG, 0, vnet_config_irq, n);

	if (e == OK)
		e = pci_irq_setup(n->v.pci, VECTOR_RX, 0, vnet_rx_irq, n);
	if (e == E_UNSUPPORTED)
		return E_IO; /* no MSI-X with two entries: no virtio device of today */
	if (e == OK)
		e = virtio_pci_config_vector(&n->v, VECTOR_CONFIG);
	if (e == OK)
		e = virtio_pci_queue(&n->v, &n->rx, QUEUE_RX, RING, VECTOR_RX);
	if (e == OK)
		e = virtio_pci_queue(&n->v, &n->tx, QUEUE_TX, RING, VIRTIO_MSI_NO_VECTOR);
	if (e != OK)
		return e;
	virtqueue_irq_off(&n->tx);
	for (unsigned i = 0; i < n->rx.size && e == OK; i++)
		e = vnet_post_rx(n, n->rx_mem + (size_t)i * BUF_BYTES);
	for (unsigned i = 0; i < n->tx.size; i++)
		n->tx_free[n->tx_nfree++] = (uint16_t)i;
	return e;
}

static err_t vnet_start(struct vnet *n, struct pci_dev *d)
{
	uint64_t features = 0;
	err_t e = virtio_pci_open(&n->v, d, "virtio-net");

	if (e == OK)
		e = virtio_pci_negotiate(&n->v, VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS, &features);
	if (e == OK)
		e = vnet_alloc(n);
	if (e == OK)
		e = vnet_queues(n);
	if (e != OK)
		return e;
	n->has_status = (features & VIRTIO_NET_F_STATUS) != 0;
	if (!(features & VIRTIO_NET_F_MAC) || virtio_pci_config(&n->v, NET_CFG_MAC, n->port.mac, 6) != OK) {
		rng_bytes(n->port.mac, 6);
		n->port.mac[0] = (uint8_t)((n->port.mac[0] & 0xfc) | 2); /* own, local, unicast */
	}
	virtio_pci_start(&n->v);
	virtio_pci_kick(&n->v, &n->rx);
	n->port.link_up = vnet_read_link(n);
	return OK;
}

static err_t vnet_probe(struct pci_dev *d)
{
	struct vnet *n;
	err_t e;

	if (!virtio_pci_is(d, VIRTIO_PCI_ID_NET, VIRTIO_PCI_ID_NET_TRANSITIONAL))
		return E_UNSUPPORTED;
	if (l2_nuplinks == L2_MAX_UPLINKS)
		return E_LIMIT;
	n = pool_alloc(&pool_core, sizeof(*n));
	if (!n)
		return E_NOMEM;
	work_init(&n->rx_work, vnet_rx_run);
	work_init(&n->config_work, vnet_config_run);
	n->port.ops = &vnet_ops;
	fmt_buf(n->port.name, sizeof(n->port.name), "net%u", l2_nuplinks);
	e = vnet_start(n, d);
	if (e != OK) {
		virtio_pci_kill(&n->v);
		n->v.dead = true;
		/* Once a vector points here the object stays: an interrupt may still be on its way. */
		if (!d->msix_table)
			vnet_free(n);
		return e;
	}
	log_info(n->port.name, "virtio-net at " PCI_FMT ", %02x:%02x:%02x:%02x:%02x:%02x, link %s", PCI_ARGS(d), n->port.mac[0],
	         n->port.mac[1], n->port.mac[2], n->port.mac[3], n->port.mac[4], n->port.mac[5], n->port.link_up ? "up" : "down");
	l2_register_uplink(&n->port);
	return OK;
}

const struct pci_driver virtio_net_driver = {.name = "virtio-net", .probe = vnet_probe};
