/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio-blk driver: request layout, completion and errors with an honest device; refusals; a device that lies. */
#include "../../core/drv/virtio_blk.c"
#include "tap.h"
#include "virtio_model.h"

static struct vblk *b;
static struct model_queue mq;
static struct blk_seg segs[20];
static struct blk_req reqs[8];
static unsigned done_count;
static err_t result;

static void on_done(struct blk_req *r, err_t e)
{
	(void)r;
	done_count++;
	result = e;
}

static bool start(uint64_t features)
{
	blk_ndevs = 0;
	model_reset(VIRTIO_PCI_ID_BLK, (uint32_t)features);
	put_le64(model_regs + MODEL_DEVICE + BLK_CFG_CAPACITY, 100);
	put_le32(model_regs + MODEL_DEVICE + BLK_CFG_SEG_MAX, 4);
	put_le32(model_regs + MODEL_DEVICE + BLK_CFG_SIZE_MAX, 4096);
	model_probe(&virtio_blk_driver);
	if (blk_ndevs != 1)
		return false;
	b = container_of(blk_devs[0], struct vblk, dev);
	mq = (struct model_queue){.q = &b->q};
	done_count = 0;
	result = 1;
	return true;
}

static err_t submit(unsigned i, enum blk_op op, uint64_t sector, unsigned nsegs, uint32_t len)
{
	for (unsigned k = 0; k < ARRAY_LEN(segs); k++)
		segs[k] = (struct blk_seg){HPA(0x1000000), len};
	reqs[i] = (struct blk_req){.op = op, .sector = sector, .segs = segs, .nsegs = nsegs, .done = on_done};
	return b->dev.ops->submit(&b->dev, &reqs[i]);
}

/* The device finishes the next request with a status. */
static void finish(unsigned nbuffers, uint8_t status)
{
	uint16_t head = 0;

	CHECK(model_take(&mq, &head));
	*model_buffer(&mq, head, nbuffers - 1) = status;
	model_give(&mq, head, 1);
	model_interrupt(1);
}

static void test_honest(void)
{
	const uint8_t *header;
	uint16_t head;

	ok(start(VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_FLUSH), "taken");
	ok(b->dev.sectors == 100 && b->dev.max_segs == 4 && !b->dev.read_only, "capacity and limits");
	ok(submit(0, BLK_WRITE, 42, 2, 512) == OK, "a write of two segments");
	head = 0;
	CHECK(model_take(&mq, &head));
	mq.seen--;
	header = model_buffer(&mq, head, 0);
	ok(get_le32(header) == VIRTIO_BLK_T_OUT && get_le64(header + 8) == 42, "its header");
	ok(model_buffer(&mq, head, 1) == hal_direct(HPA(0x1000000)), "its data");
	finish(4, VIRTIO_BLK_S_OK);
	ok(done_count == 1 && result == OK, "done");
	CHECK(submit(0, BLK_READ, 0, 1, 512) == OK);
	finish(3, VIRTIO_BLK_S_IOERR);
	ok(done_count == 2 && result == E_IO, "an I/O error");
	CHECK(submit(0, BLK_READ, 0, 1, 512) == OK);
	finish(3, 0x55);
	ok(done_count == 3 && result == E_IO, "a status that does not exist");
	CHECK(submit(0, BLK_FLUSH, 0, 0, 0) == OK);
	finish(2, VIRTIO_BLK_S_OK);
	ok(done_count == 4 && result == OK, "a flush");
	ok_eq(b->nfree, RING, "all slots are free");
}

static void test_refusals(void)
{
	CHECK(start(VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_SIZE_MAX));
	ok(submit(0, BLK_READ, 100, 1, 512) == E_RANGE, "past the end");
	ok(submit(0, BLK_READ, 99, 2, 512) == E_RANGE, "across the end");
	ok(submit(0, BLK_READ, UINT64_MAX, 1, 512) == E_RANGE, "a sector that wraps");
	ok(submit(0, BLK_READ, 0, 5, 512) == E_INVAL, "too many segments");
	ok(submit(0, BLK_READ, 0, 0, 512) == E_INVAL, "none");
	ok(submit(0, BLK_READ, 0, 1, 100) == E_INVAL, "a part of a sector");
	ok(submit(0, BLK_READ, 0, 1, 8192) == E_INVAL, "a segment past SIZE_MAX");
	ok(submit(0, (enum blk_op)9, 0, 1, 512) == E_INVAL, "an operation that does not exist");
	ok(submit(0, BLK_READ, 0, 4, 512) == OK && submit(1, BLK_READ, 0, 1, 512) == E_AGAIN, "a full queue");
	ok(submit(1, BLK_FLUSH, 0, 0, 0) == OK && done_count == 0, "a flush of a device that writes through");
	fake_loop_settle();
	ok(done_count == 1 && result == OK, "is done by itself");
	CHECK(start(VIRTIO_BLK_F_RO));
	ok(b->dev.read_only && submit(0, BLK_WRITE, 0, 1, 512) == E_PERM, "a write to a read-only device");
	fake_cpu_set(1);
	ok(submit(0, BLK_READ, 0, 1, 512) == E_STATE, "a request from another CPU");
	fake_cpu_set(0);
}

static void test_lies(void)
{
	uint16_t head = 0;

	CHECK(start(0));
	CHECK(submit(0, BLK_READ, 0, 1, 512) == OK && submit(1, BLK_READ, 0, 1, 512) == OK);
	CHECK(model_take(&mq, &head));
	model_give(&mq, head, 514);
	model_interrupt(1);
	ok(done_count == 2 && result == E_IO, "a length past the buffers fails all requests");
	ok(!model_bus_master() && submit(2, BLK_READ, 0, 1, 512) == E_IO, "and switches the device off");
	CHECK(start(0));
	CHECK(submit(0, BLK_READ, 0, 1, 512) == OK && model_take(&mq, &head));
	model_give(&mq, head, 1);
	model_give(&mq, head, 1);
	model_interrupt(1);
	ok(done_count == 1 && !model_bus_master(), "the same request twice is done once");
	CHECK(start(0));
	CHECK(submit(0, BLK_READ, 0, 1, 512) == OK && model_take(&mq, &head));
	model_regs[COMMON_DEVICE_STATUS] |= VIRTIO_STATUS_NEEDS_RESET;
	model_interrupt(0);
	ok(done_count == 1 && result == E_IO, "a device that asks for a reset fails what is out");
	ok(!start(VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_RO) || b->size_max == 4096, "limits are read");
	model_reset(VIRTIO_PCI_ID_BLK, (uint32_t)VIRTIO_BLK_F_SIZE_MAX);
	blk_ndevs = 0;
	model_probe(&virtio_blk_driver);
	ok_eq(blk_ndevs, 0, "a device whose segments hold nothing is not taken");
}

int main(void)
{
	fake_init(64 * MIB, 2);
	test_honest();
	test_refusals();
	test_lies();
	return tap_done();
}
