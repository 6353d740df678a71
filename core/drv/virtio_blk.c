/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-blk as a blkdev (Virtio 1.2, 5.2): one queue, requests in flight up to its size, completion by MSI-X. CPU 0 only.
 * No allocation per request. A device that breaks the protocol is switched off and every request in flight fails. */
#include "drivers.h"
#include "virtio_pci.h"
#include "virtio_spec.h"
#include <core/arith.h>
#include <core/blkdev.h>
#include <core/fmt.h>
#include <core/log.h>
#include <core/page.h>
#include <core/task.h>

#define RING 128
#define MAX_SEGS 16
#define DONE_BUDGET 64
enum { VECTOR_CONFIG = 0, VECTOR_QUEUE = 1 };

/* One request's header and status byte, shared with the device (5.2.6). */
struct vblk_slot {
	uint8_t type[4], reserved[4], sector[8];
	uint8_t status, pad[15];
};
_Static_assert(sizeof(struct vblk_slot) == 32 && offsetof(struct vblk_slot, status) == 16, "Virtio 1.2 5.2.6");
_Static_assert(sizeof(struct vblk_slot) * RING <= PAGE_SIZE, "slots fit a page");

struct vblk {
	struct blkdev dev;
	struct virtio_pci v;
	struct virtqueue q;
	struct vblk_slot *slots;          /* RING of them in one page */
	struct blk_req *reqs[RING];       /* by slot; NULL: free */
	uint16_t free[RING];
	unsigned nfree;
	struct blk_req *flushed;          /* flushes that need no device, linked by drv */
	uint32_t size_max;
	bool has_flush;
	struct work work, config_work;
};

static void vblk_fail_all(struct vblk *b)
{
	struct blk_req *r;

	for (unsigned i = 0; i < RING; i++) {
		r = b->reqs[i];
		b->reqs[i] = NULL;
		if (r)
			r->done(r, E_IO);
	}
	while ((r = b->flushed) != NULL) {
		b->flushed = r->drv;
		r->done(r, E_IO);
	}
}

static void vblk_kill(struct vblk *b, const char *why)
{
	if (b->v.dead)
		return;
	log_error(b->dev.name, "switched off: %s", why);
	virtio_pci_kill(&b->v);
	vblk_fail_all(b);
}

static err_t vblk_check(const struct vblk *b, const struct blk_req *r)
{
	uint64_t sectors = 0;

	if (hal_cpu_id() != 0)
		return E_STATE;
	if (r->op == BLK_FLUSH)
		return OK;
	if ((r->op != BLK_READ && r->op != BLK_WRITE) || r->nsegs == 0 || r->nsegs > b->dev.max_segs)
		return E_INVAL;
	if (r->op == BLK_WRITE && b->dev.read_only)
		return E_PERM;
	for (unsigned i = 0; i < r->nsegs; i++) {
		if (r->segs[i].len == 0 || r->segs[i].len % BLK_SECTOR || r->segs[i].len > b->size_max)
			return E_INVAL;
		sectors += r->segs[i].len / BLK_SECTOR;
	}
	return range_within(r->sector, sectors, b->dev.sectors) ? OK : E_RANGE;
}

/* Queues r in a slot: header, data, status (5.2.6). */
static err_t vblk_queue(struct vblk *b, struct blk_req *r, uint16_t i)
{
	struct vblk_slot *s = &b->slots[i];
	uint64_t base = hal_hpa_of(s).v;
	struct vq_seg segs[MAX_SEGS + 2];
	unsigned n = 0, nsegs = r->op == BLK_FLUSH ? 0 : r->nsegs;

	*s = (struct vblk_slot){.status = 0xff};
	put_le32(s->type, r->op == BLK_READ ? VIRTIO_BLK_T_IN : r->op == BLK_WRITE ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_FLUSH);
	put_le64(s->sector, r->op == BLK_FLUSH ? 0 : r->sector);
	segs[n++] = (struct vq_seg){HPA(base), offsetof(struct vblk_slot, status)};
	for (unsigned k = 0; k < nsegs; k++)
		segs[n++] = (struct vq_seg){r->segs[k].addr, r->segs[k].len};
	segs[n++] = (struct vq_seg){HPA(base + offsetof(struct vblk_slot, status)), 1};
	return virtqueue_add(&b->q, segs, r->op == BLK_READ ? 1 : n - 1, r->op == BLK_READ ? n - 1 : 1, s);
}

static err_t vblk_submit(struct blkdev *d, struct blk_req *r)
{
	struct vblk *b = container_of(d, struct vblk, dev);
	uint16_t slot;
	err_t e = vblk_check(b, r);

	if (e != OK)
		return e;
	if (b->v.dead)
		return E_IO;
	if (r->op == BLK_FLUSH && !b->has_flush) { /* 5.2.6.2: then the device writes through */
		r->drv = b->flushed;
		b->flushed = r;
		work_post(0, &b->work);
		return OK;
	}
	if (b->nfree == 0)
		return E_AGAIN;
	slot = b->free[b->nfree - 1];
	e = vblk_queue(b, r, slot);
	if (e != OK)
		return e;
	b->nfree--;
	b->reqs[slot] = r;
	virtio_pci_kick(&b->v, &b->q);
	return OK;
}

static const struct blkdev_ops vblk_ops = {.submit = vblk_submit};

/* Finishes one request: the device's word on success is the status byte, which held none of its values before. */
static err_t vblk_finish(struct vblk *b, const struct vblk_slot *s)
{
	unsigned i = (unsigned)(s - b->slots);
	struct blk_req *r = b->reqs[i];
	uint8_t status = *(const volatile uint8_t *)&s->status;

	if (!r)
		return E_CORRUPT; /* ours: the queue checks cookies */
	b->reqs[i] = NULL;
	b->free[b->nfree++] = (uint16_t)i;
	r->done(r, status == VIRTIO_BLK_S_OK ? OK : status == VIRTIO_BLK_S_UNSUPP ? E_UNSUPPORTED : E_IO);
	return OK;
}

static void vblk_run(struct work *w)
{
	struct vblk *b = container_of(w, struct vblk, work);
	struct blk_req *r = b->flushed;
	err_t e = OK;

	b->flushed = NULL;
	while (r) {
		struct blk_req *next = r->drv;

		r->done(r, OK);
		r = next;
	}
	for (unsigned i = 0; i < DONE_BUDGET && e == OK && !b->v.dead; i++) {
		void *slot;
		uint32_t len;

		e = virtqueue_take(&b->q, &slot, &len);
		if (e == OK)
			e = vblk_finish(b, slot);
	}
	if (b->v.dead)
		return;
	if (e == OK)
		work_post(0, w);
	else if (e != E_AGAIN)
		vblk_kill(b, "request queue");
}

static void vblk_irq(void *ctx)
{
	work_post(0, &((struct vblk *)ctx)->work);
}

static void vblk_config_run(struct work *w)
{
	struct vblk *b = container_of(w, struct vblk, config_work);

	if (!b->v.dead && virtio_pci_failed(&b->v))
		vblk_kill(b, "the device asks for a reset");
}

static void vblk_config_irq(void *ctx)
{
	work_post(0, &((struct vblk *)ctx)->config_work);
}

static err_t vblk_read_config(struct vblk *b, uint64_t features)
{
	uint8_t capacity[8], word[4];
	err_t e = virtio_pci_config(&b->v, BLK_CFG_CAPACITY, capacity, sizeof(capacity));

	if (e != OK)
		return e;
	b->dev.sectors = get_le64(capacity);
	b->dev.max_segs = MIN(MAX_SEGS, b->q.size - 2u);
	b->size_max = UINT32_MAX;
	if (features & VIRTIO_BLK_F_SEG_MAX) {
		e = virtio_pci_config(&b->v, BLK_CFG_SEG_MAX, word, sizeof(word));
		if (e == OK && get_le32(word) != 0)
			b->dev.max_segs = MIN(b->dev.max_segs, get_le32(word));
	}
	if (e == OK && (features & VIRTIO_BLK_F_SIZE_MAX)) {
		e = virtio_pci_config(&b->v, BLK_CFG_SIZE_MAX, word, sizeof(word));
		b->size_max = get_le32(word);
	}
	b->dev.read_only = (features & VIRTIO_BLK_F_RO) != 0;
	b->has_flush = (features & VIRTIO_BLK_F_FLUSH) != 0;
	if (e == OK && (b->size_max < BLK_SECTOR || b->dev.max_segs == 0))
		return E_CORRUPT;
	return e;
}

static err_t vblk_queues(struct vblk *b)
{
	struct hpa page;
	err_t e = pci_irq_setup(b->v.pci, VECTOR_CONFIG, 0, vblk_config_irq, b);

	if (e == OK)
		e = pci_irq_setup(b->v.pci, VECTOR_QUEUE, 0, vblk_irq, b);
	if (e == E_UNSUPPORTED)
		return E_IO; /* no MSI-X with two entries */
	if (e == OK)
		e = virtio_pci_config_vector(&b->v, VECTOR_CONFIG);
	if (e == OK)
		e = virtio_pci_queue(&b->v, &b->q, 0, RING, VECTOR_QUEUE);
	if (e == OK && b->q.size < 4)
		e = E_IO;
	if (e == OK)
		e = page_alloc(&pool_core, 0, PAGE_HOST, &page);
	if (e != OK)
		return e;
	b->slots = hal_direct(page);
	for (unsigned i = 0; i < RING; i++)
		b->free[b->nfree++] = (uint16_t)i;
	return OK;
}

static err_t vblk_start(struct vblk *b, struct pci_dev *d)
{
	uint64_t features = 0;
	err_t e = virtio_pci_open(&b->v, d, "virtio-blk");

	if (e == OK)
		e = virtio_pci_negotiate(&b->v, VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_RO | VIRTIO_BLK_F_FLUSH,
		                         &features);
	if (e == OK)
		e = vblk_queues(b);
	if (e == OK)
		e = vblk_read_config(b, features);
	if (e == OK)
		virtio_pci_start(&b->v);
	return e;
}

static err_t vblk_probe(struct pci_dev *d)
{
	struct vblk *b;
	err_t e;

	if (!virtio_pci_is(d, VIRTIO_PCI_ID_BLK, VIRTIO_PCI_ID_BLK_TRANSITIONAL))
		return E_UNSUPPORTED;
	if (blk_ndevs == BLK_MAX_DEVS)
		return E_LIMIT;
	b = pool_alloc(&pool_core, sizeof(*b));
	if (!b)
		return E_NOMEM;
	work_init(&b->work, vblk_run);
	work_init(&b->config_work, vblk_config_run);
	b->dev.ops = &vblk_ops;
	fmt_buf(b->dev.name, sizeof(b->dev.name), "blk%u", blk_ndevs);
	e = vblk_start(b, d);
	if (e != OK) {
		virtio_pci_kill(&b->v);
		b->v.dead = true;
		/* Once a vector points here the object stays: an interrupt may still be on its way. */
		if (!d->msix_table)
			pool_free(&pool_core, b, sizeof(*b));
		return e;
	}
	log_info(b->dev.name, "virtio-blk at " PCI_FMT ", %llu sectors%s", PCI_ARGS(d), (unsigned long long)b->dev.sectors,
	         b->dev.read_only ? ", read only" : "");
	blk_register(&b->dev);
	return OK;
}

const struct pci_driver virtio_blk_driver = {.name = "virtio-blk", .probe = vblk_probe};
