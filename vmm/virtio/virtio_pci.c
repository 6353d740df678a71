/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio PCI transport, modern (Virtio 1.2 4.1). Turns register accesses of the guest into calls of the virtio core; the common
 * configuration is a const table of fields. Under vm->lock. Knows no device type. */
#include <core/arith.h>
#include <limits.h>
#include <string.h>
#include <vmm/virtio_pci.h>

enum {
	VIRTIO_VENDOR = 0x1af4, VIRTIO_DEVICE_BASE = 0x1040, CAP_VENDOR = 0x09,
	CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_ISR = 3, CAP_DEVICE = 4, CAP_PCI_CFG = 5,
	BAR_COMMON = 0x0000, BAR_ISR = 0x1000, BAR_DEVICE = 0x2000, BAR_NOTIFY = 0x3000, BAR_MSIX = 0x4000, BAR_PBA = 0x5000,
	BAR_REGION = 0x1000, BAR_SIZE = 0x8000, NOTIFY_MULTIPLIER = 4,
	IO_BAR_SIZE = 4, IO_NOTIFY_LEN = 2,
	NO_VECTOR = 0xffff, ISR_QUEUE = 1, ISR_CONFIG = 2,
};

/* ---- common configuration structure, 4.1.4.3 ---- */

static struct virtq *selected(struct virtio_pci *p)
{
	return p->queue_select < p->dev->ops->nqueues ? &p->dev->queues[p->queue_select] : NULL;
}

static uint32_t lo_hi(uint64_t v, unsigned half) { return (uint32_t)(v >> (32 * half)); }

static uint64_t common_read_queue(struct virtio_pci *p, unsigned off)
{
	struct virtq *q = selected(p);

	if (!q)
		return 0; /* 4.1.4.3.1: an unavailable queue has size 0 */
	switch (off) {
	case 24: return q->size;
	case 26: return p->queue_vector[p->queue_select];
	case 28: return q->enabled;
	case 30: return p->queue_select; /* queue_notify_off */
	case 32: case 36: return lo_hi(q->desc.v, (off - 32) / 4);
	case 40: case 44: return lo_hi(q->avail.v, (off - 40) / 4);
	case 48: case 52: return lo_hi(q->used.v, (off - 48) / 4);
	default: return 0;
	}
}

static uint64_t common_read(struct virtio_pci *p, unsigned off)
{
	struct virtio_dev *d = p->dev;

	switch (off) {
	case 0: return p->device_feature_select;
	case 4: return p->device_feature_select < 2 ? lo_hi(virtio_features(d), p->device_feature_select) : 0;
	case 8: return p->driver_feature_select;
	case 12: return p->driver_feature_select < 2 ? lo_hi(d->driver_features, p->driver_feature_select) : 0;
	case 16: return p->config_vector;
	case 18: return d->ops->nqueues;
	case 20: return d->status;
	case 21: return d->config_generation;
	case 22: return p->queue_select;
	default: return common_read_queue(p, off);
	}
}

static void set_half(uint64_t *v, unsigned half, uint32_t to)
{
	*v = (*v & ~(0xffffffffull << (32 * half))) | (uint64_t)to << (32 * half);
}

static uint16_t checked_vector(struct virtio_pci *p, uint64_t v)
{
	return v < p->fn.msix_count ? (uint16_t)v : NO_VECTOR; /* 4.1.5.1.2.1: a vector that cannot be mapped reads back as NO_VECTOR */
}

static void queue_enable(struct virtio_pci *p, struct virtq *q)
{
	/* The rings must lie in guest RAM as a whole; a driver that says otherwise gets no queue (2.7). */
	bool ok = is_aligned(q->desc.v, 16) && is_aligned(q->avail.v, 2) && is_aligned(q->used.v, 4) &&
		  gmem_is_ram(q->mem, q->desc, 16ull * q->size) && gmem_is_ram(q->mem, q->avail, 6 + 2ull * q->size) &&
		  gmem_is_ram(q->mem, q->used, 6 + 8ull * q->size);

	if (!ok) {
		virtio_needs_reset(p->dev, "queue addresses outside of RAM or misaligned");
		return;
	}
	q->enabled = true;
}

static void common_write_queue(struct virtio_pci *p, unsigned off, uint32_t v)
{
	struct virtq *q = selected(p);

	if (!q)
		return;
	if (off == 26) {
		p->queue_vector[p->queue_select] = checked_vector(p, v);
		return;
	}
	if (q->enabled)
		return; /* 4.1.4.3.2: not to be changed while enabled */
	switch (off) {
	case 24:
		if (is_pow2(v) && v <= p->dev->ops->queue_size)
			q->size = (uint16_t)v;
		break;
	case 28:
		if (v == 1)
			queue_enable(p, q);
		break;
	case 32: case 36: set_half(&q->desc.v, (off - 32) / 4, v); break;
	case 40: case 44: set_half(&q->avail.v, (off - 40) / 4, v); break;
	case 48: case 52: set_half(&q->used.v, (off - 48) / 4, v); break;
	}
}

static void common_write_status(struct virtio_pci *p, uint8_t v)
{
	virtio_set_status(p->dev, v);
	if (v)
		return;
	p->isr = 0;
	p->config_vector = NO_VECTOR;
	for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++)
		p->queue_vector[i] = NO_VECTOR;
}

static void common_write(struct virtio_pci *p, unsigned off, uint32_t v)
{
	switch (off) {
	case 0: p->device_feature_select = v; break;
	case 8: p->driver_feature_select = v; break;
	case 12:
		if (p->driver_feature_select < 2 && !(p->dev->status & VIRTIO_S_FEATURES_OK))
			set_half(&p->dev->driver_features, p->driver_feature_select, v);
		break;
	case 16: p->config_vector = checked_vector(p, v); break;
	case 20: common_write_status(p, (uint8_t)v); break;
	case 22: p->queue_select = (uint16_t)v; break;
	default: common_write_queue(p, off, v); break;
	}
}

/* Offset and width of each field; 64-bit fields are two 32-bit halves and may be accessed whole (4.1.3.1). */
static const struct { uint8_t off, size; } common_fields[] = {
	{0, 4}, {4, 4}, {8, 4}, {12, 4}, {16, 2}, {18, 2}, {20, 1}, {21, 1}, {22, 2}, {24, 2}, {26, 2}, {28, 2}, {30, 2},
	{32, 4}, {36, 4}, {40, 4}, {44, 4}, {48, 4}, {52, 4},
};

static bool common_field(uint64_t off, unsigned size)
{
	for (unsigned i = 0; i < ARRAY_LEN(common_fields); i++)
		if (common_fields[i].off == off && common_fields[i].size == size)
			return true;
	return false;
}

/* ---- the BAR of memory ---- */

static uint64_t bar_read(void *ctx, uint64_t off, unsigned size)
{
	struct virtio_pci *p = ctx;
	uint64_t in = off % BAR_REGION;
	uint8_t isr;

	switch (off - in) {
	case BAR_COMMON:
		if (size == 8)
			return bar_read(ctx, off, 4) | bar_read(ctx, off + 4, 4) << 32;
		return common_field(in, size) ? common_read(p, (unsigned)in) : 0;
	case BAR_ISR:
		isr = p->isr; /* 4.1.4.5: reading clears */
		p->isr = 0;
		return in == 0 ? isr : 0;
	case BAR_DEVICE:
		return size <= 4 ? p->dev->ops->config_read(p->dev, (unsigned)in, size)
				 : bar_read(ctx, off, 4) | bar_read(ctx, off + 4, 4) << 32;
	case BAR_MSIX: return pci_msix_table_read(&p->fn, in, size);
	case BAR_PBA: return pci_msix_pba_read(&p->fn, in, size);
	default: return 0;
	}
}

static void bar_write(void *ctx, uint64_t off, unsigned size, uint64_t v)
{
	struct virtio_pci *p = ctx;
	uint64_t in = off % BAR_REGION;

	if (size == 8 && off - in != BAR_MSIX) {
		bar_write(ctx, off, 4, (uint32_t)v);
		bar_write(ctx, off + 4, 4, v >> 32);
		return;
	}
	switch (off - in) {
	case BAR_COMMON:
		if (common_field(in, size))
			common_write(p, (unsigned)in, (uint32_t)v);
		break;
	case BAR_DEVICE: p->dev->ops->config_write(p->dev, (unsigned)in, size, (uint32_t)v); break;
	case BAR_NOTIFY: virtio_kick(p->dev, (unsigned)(in / NOTIFY_MULTIPLIER)); break;
	case BAR_MSIX: pci_msix_table_write(&p->fn, in, size, v); break;
	default: break;
	}
}
static const struct bus_ops bar_ops = {.read = bar_read, .write = bar_write};

/* ---- the BAR of ports: one doorbell for all queues, told by the index that is written (4.1.4.4, a multiplier of 0) ---- */

static uint64_t port_read(void *ctx, uint64_t off, unsigned size)
{
	(void)ctx, (void)off, (void)size;
	return 0;
}

static void port_write(void *ctx, uint64_t off, unsigned size, uint64_t v)
{
	struct virtio_pci *p = ctx;

	if (off == 0 && size == IO_NOTIFY_LEN) /* 4.1.5.2: 16 bits; no other access is defined */
		virtio_kick(p->dev, (unsigned)v);
}
static const struct bus_ops port_ops = {.read = port_read, .write = port_write};

/* ---- VIRTIO_PCI_CAP_PCI_CFG: the BARs through configuration space, 4.1.4.9 ---- */

/* The handlers of the BAR that the driver has chosen, NULL for an access that is elsewhere or not defined. */
static const struct bus_ops *window(struct virtio_pci *p, unsigned off, unsigned size, uint32_t *bar_off, uint32_t *len)
{
	unsigned data = p->cfg_cap + 16u, bar = p->fn.cfg[p->cfg_cap + 4];

	*bar_off = get_le32(p->fn.cfg + p->cfg_cap + 8);
	*len = get_le32(p->fn.cfg + p->cfg_cap + 12);
	if (off >= data + 4 || off + size <= data || bar >= PCI_SPACES || (*len != 1 && *len != 2 && *len != 4))
		return NULL;
	return is_aligned(*bar_off, *len) && range_within(*bar_off, *len, p->fn.bars[bar].size) ? p->fn.bars[bar].ops : NULL;
}

static void window_read(void *ctx, unsigned off, unsigned size)
{
	struct virtio_pci *p = ctx;
	uint32_t at, len;
	const struct bus_ops *ops = window(p, off, size, &at, &len);

	if (ops)
		put_le32(p->fn.cfg + p->cfg_cap + 16, (uint32_t)ops->read(p, at, len));
}

static void window_write(void *ctx, unsigned off, unsigned size)
{
	struct virtio_pci *p = ctx;
	uint32_t at, len;
	const struct bus_ops *ops = window(p, off, size, &at, &len);

	if (ops)
		ops->write(p, at, len, get_le32(p->fn.cfg + p->cfg_cap + 16) & (len == 4 ? UINT32_MAX : (1u << (len * 8)) - 1));
}

/* ---- set-up ---- */

static void transport_notify(void *transport, unsigned q)
{
	struct virtio_pci *p = transport;
	uint16_t vector = q == UINT_MAX ? p->config_vector : p->queue_vector[q];

	p->isr |= q == UINT_MAX ? ISR_CONFIG : ISR_QUEUE;
	if (vector != NO_VECTOR)
		pci_msix_raise(&p->fn, vector);
}

struct virtio_cap { enum pci_space space; uint8_t type, len; uint32_t off, length, multiplier; };

static err_t add_virtio_cap(struct virtio_pci *p, const struct virtio_cap *c)
{
	uint8_t body[20] = {0};

	body[2] = c->len;
	body[3] = c->type;
	body[4] = (uint8_t)c->space; /* the number of its BAR */
	put_le32(body + 8, c->off);
	put_le32(body + 12, c->length);
	put_le32(body + 16, c->multiplier); /* beyond the end of those without */
	return pci_fn_add_cap(&p->fn, CAP_VENDOR, body, c->len, &p->cfg_cap);
}

static err_t add_all_caps(struct virtio_pci *p)
{
	static const struct virtio_cap caps[] = {
		{PCI_IO, CAP_NOTIFY, 20, 0, IO_NOTIFY_LEN, 0}, /* before the one of memory: a driver takes the first that it can (4.1.4.1) */
		{PCI_MEMORY, CAP_COMMON, 16, BAR_COMMON, 56, 0},
		{PCI_MEMORY, CAP_NOTIFY, 20, BAR_NOTIFY, VIRTIO_MAX_QUEUES * NOTIFY_MULTIPLIER, NOTIFY_MULTIPLIER},
		{PCI_MEMORY, CAP_ISR, 16, BAR_ISR, 1, 0},
		{PCI_MEMORY, CAP_DEVICE, 16, BAR_DEVICE, BAR_REGION, 0},
		{PCI_MEMORY, CAP_PCI_CFG, 20, 0, 0, 0},
	};
	err_t e = pci_fn_add_msix(&p->fn, p->dev->ops->nqueues + 1, BAR_MSIX, BAR_PBA);

	for (unsigned i = 0; e == OK && i < ARRAY_LEN(caps); i++)
		if (p->fn.bars[caps[i].space].size)
			e = add_virtio_cap(p, &caps[i]);
	return e; /* the last one is PCI_CFG, whose offset stays in cfg_cap */
}

/* 5.x: class codes by device type, so that lspci in the guest reads well. */
static uint32_t class_of(uint16_t id)
{
	switch (id) {
	case VIRTIO_ID_NET: return 0x020000;
	case VIRTIO_ID_BLOCK: return 0x010000;
	case VIRTIO_ID_CONSOLE: return 0x078000;
	case VIRTIO_ID_INPUT: return 0x090000;
	default: return 0xff0000;
	}
}

err_t virtio_pci_init(struct virtio_pci *p, struct pci_bus *bus, unsigned slot, struct virtio_dev *dev)
{
	struct pci_identity id = {.vendor = VIRTIO_VENDOR, .device = (uint16_t)(VIRTIO_DEVICE_BASE + dev->ops->id), .subsys_vendor = VIRTIO_VENDOR,
				  .subsys = 0x1100, .class_code = class_of(dev->ops->id), .revision = 1};
	err_t e;

	memset(p, 0, sizeof(*p));
	p->dev = dev;
	e = pci_fn_init(&p->fn, bus, slot, &id, BAR_SIZE, &bar_ops, p);
	if (e == OK && pci_bus_has_io(bus))
		e = pci_fn_add_io_bar(&p->fn, IO_BAR_SIZE, &port_ops);
	if (e == OK)
		e = add_all_caps(p);
	if (e)
		return e;
	memset(p->fn.wmask + p->cfg_cap + 4, 0xff, 1);
	memset(p->fn.wmask + p->cfg_cap + 8, 0xff, 12);
	p->fn.cfg_read = window_read;
	p->fn.cfg_written = window_write;
	dev->transport = p;
	dev->notify = transport_notify;
	virtio_pci_reset(p);
	return OK;
}

void virtio_pci_reset(struct virtio_pci *p)
{
	common_write_status(p, 0);
	p->device_feature_select = p->driver_feature_select = 0;
	p->queue_select = 0;
	pci_fn_reset(&p->fn);
}
