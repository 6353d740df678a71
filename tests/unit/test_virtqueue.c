/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's side of a split virtqueue against a scripted device: honest, out of order, and lying in its used ring. */
#include "../../core/drv/virtqueue.h"
#include "../fake/fake.h"
#include "tap.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/page.h>
#include <string.h>

#define SIZE 8

/* The device sees the rings as the specification lays them out (Virtio 1.2, 2.7.5 to 2.7.8). */
struct desc { uint64_t addr; uint32_t len; uint16_t flags, next; };
struct device { struct desc *desc; uint16_t *avail; uint8_t *used; uint16_t seen, done; };

static struct virtqueue q;
static struct device dev;
static char cookies[64];

static void set_up(void)
{
	CHECK(virtqueue_init(&q, 3, SIZE) == OK);
	dev = (struct device){hal_direct(virtqueue_desc(&q)), hal_direct(virtqueue_avail(&q)), hal_direct(virtqueue_used(&q)), 0, 0};
}

static err_t add(unsigned nout, unsigned nin, unsigned cookie)
{
	struct vq_seg segs[16];

	for (unsigned i = 0; i < nout + nin && i < 16; i++)
		segs[i] = (struct vq_seg){HPA(0x1000 * (i + 1)), 100};
	return virtqueue_add(&q, segs, nout, nin, &cookies[cookie]);
}

static uint16_t device_next(void)
{
	return dev.avail[2 + dev.seen++ % SIZE];
}

static void device_put(uint32_t id, uint32_t len)
{
	put_le32(dev.used + 4 + 8 * (dev.done % SIZE), id);
	put_le32(dev.used + 8 + 8 * (dev.done % SIZE), len);
	put_le16(dev.used + 2, ++dev.done);
}

static void test_layout(void)
{
	uint16_t head;

	set_up();
	ok(is_aligned(virtqueue_desc(&q).v, 16) && is_aligned(virtqueue_avail(&q).v, 2) && is_aligned(virtqueue_used(&q).v, 4),
	   "rings are aligned as 2.7 asks");
	ok(add(1, 2, 0) == OK, "a chain of three");
	ok_eq(dev.avail[1], 0, "not visible before it is published");
	ok(virtqueue_publish(&q), "the device wants to be told");
	ok_eq(dev.avail[1], 1, "visible afterwards");
	head = device_next();
	ok_eq(dev.desc[head].flags, 1, "first: readable, goes on");
	ok_eq(dev.desc[dev.desc[head].next].flags, 3, "second: writable, goes on");
	ok_eq(dev.desc[dev.desc[dev.desc[head].next].next].flags, 2, "third: writable, last");
	put_le16(dev.used, 1);
	ok(!virtqueue_publish(&q), "NO_NOTIFY is honoured");
	virtqueue_fini(&q);
	virtqueue_fini(&q);
	ok(add(1, 0, 0) == E_IO, "a finished queue takes nothing");
}

static void test_full_and_order(void)
{
	uint16_t ids[SIZE];
	void *c = NULL;
	uint32_t len = 0;

	set_up();
	ok(add(0, 0, 0) == E_INVAL, "an empty chain is refused");
	for (unsigned i = 0; i < SIZE; i++)
		CHECK(add(0, 1, i) == OK);
	ok(add(0, 1, 9) == E_AGAIN, "a full ring says so");
	virtqueue_publish(&q);
	ok(virtqueue_take(&q, &c, &len) == E_AGAIN, "nothing is done yet");
	for (unsigned i = 0; i < SIZE; i++)
		ids[i] = device_next();
	for (unsigned i = SIZE; i-- > 0;)
		device_put(ids[i], i);
	for (unsigned i = SIZE; i-- > 0;)
		ok(virtqueue_take(&q, &c, &len) == OK && c == &cookies[i] && len == i, "chain %u comes back with its cookie", i);
	ok_eq(q.nfree, SIZE, "all descriptors are free again");
	ok(add(4, 4, 1) == OK, "and make one long chain");
	virtqueue_fini(&q);
}

/* 70000 rounds pass the 16-bit indices' wrap. */
static void test_wrap(void)
{
	bool good = true;

	set_up();
	for (unsigned i = 0; i < 70000 && good; i++) {
		void *c = NULL;
		uint32_t len = 0;

		good = add(1, i % 3, i % 64) == OK;
		virtqueue_publish(&q);
		device_put(device_next(), i % 3 ? 7 : 0);
		good = good && virtqueue_take(&q, &c, &len) == OK && c == &cookies[i % 64];
	}
	ok(good, "indices wrap");
	ok_eq(q.nfree, SIZE, "nothing is lost");
	virtqueue_fini(&q);
}

/* Each case: what the device puts into the used ring while one chain (id h, 100 writable bytes) is out. */
static void test_lies(void)
{
	static const struct { const char *what; int id; uint32_t len; uint16_t jump; } cases[] = {
		{"an id beyond the ring", 0x10000, 0, 0},
		{"an id just beyond the ring", SIZE, 0, 0},
		{"the id of a descriptor that is no head", -2, 0, 0},
		{"a length past the buffers", -1, 101, 0},
		{"a length of 4 GiB", -1, 0xffffffff, 0},
		{"an index two ahead", -1, 0, 1},
		{"an index running backwards", -1, 0, 0xfffe},
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		void *c = (void *)1;
		uint32_t len = 77;
		uint16_t head;

		set_up();
		CHECK(add(1, 1, 0) == OK);
		virtqueue_publish(&q);
		head = device_next();
		device_put(cases[i].id == -1 ? head : cases[i].id == -2 ? dev.desc[head].next : (uint32_t)cases[i].id, cases[i].len);
		if (cases[i].jump)
			put_le16(dev.used + 2, (uint16_t)(dev.done + cases[i].jump));
		ok(virtqueue_take(&q, &c, &len) == E_IO, "%s breaks the queue", cases[i].what);
		ok(c == (void *)1 && len == 77, "results are untouched");
		ok(add(1, 0, 1) == E_IO && virtqueue_take(&q, &c, &len) == E_IO && !virtqueue_publish(&q), "and it stays broken");
		virtqueue_fini(&q);
	}
}

static void test_twice(void)
{
	void *c;
	uint32_t len;
	uint16_t head;

	set_up();
	CHECK(add(0, 1, 0) == OK && add(0, 1, 1) == OK);
	virtqueue_publish(&q);
	head = device_next();
	device_put(head, 0);
	device_put(head, 0);
	ok(virtqueue_take(&q, &c, &len) == OK, "the first return is good");
	ok(virtqueue_take(&q, &c, &len) == E_IO, "the same chain again is not");
	virtqueue_fini(&q);
}

/* Our free list does not depend on what a device scribbles over the descriptors. */
static void test_scribble(void)
{
	void *c;
	uint32_t len;

	set_up();
	CHECK(add(2, 2, 0) == OK);
	virtqueue_publish(&q);
	memset(dev.desc, 0xff, sizeof(struct desc) * SIZE);
	device_put(device_next(), 0);
	ok(virtqueue_take(&q, &c, &len) == OK, "taken by our own records");
	ok_eq(q.nfree, SIZE, "with all its descriptors");
	ok(add(4, 4, 1) == OK && q.nfree == 0, "each of them usable once");
	virtqueue_fini(&q);
}

static void test_arguments(void)
{
	struct vq_seg big[2] = {{HPA(0), UINT32_MAX}, {HPA(0), 2}}, empty = {HPA(0x1000), 0};

	ok(virtqueue_init(&q, 0, 0) == E_INVAL && virtqueue_init(&q, 0, 3) == E_INVAL && virtqueue_init(&q, 0, 512) == E_INVAL,
	   "odd sizes are refused");
	set_up();
	ok(virtqueue_add(&q, &empty, 1, 0, NULL) == E_INVAL, "an empty segment is refused");
	ok(virtqueue_add(&q, big, 0, 2, NULL) == E_INVAL, "a sum past 32 bits is refused");
	virtqueue_irq_off(&q);
	ok_eq(dev.avail[0], 1, "no interrupts, please");
	ok(!virtqueue_irq_on(&q) && dev.avail[0] == 0, "interrupts again, nothing missed");
	CHECK(add(0, 1, 0) == OK);
	virtqueue_publish(&q);
	device_put(device_next(), 0);
	ok(virtqueue_irq_on(&q), "something finished meanwhile");
	virtqueue_fini(&q);
}

int main(void)
{
	fake_init(16 * MIB, 1);
	test_layout();
	test_full_and_order();
	test_wrap();
	test_lies();
	test_twice();
	test_scribble();
	test_arguments();
	return tap_done();
}
