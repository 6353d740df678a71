/* SPDX-License-Identifier: Apache-2.0 */
/* The device side of a virtqueue against right and malformed rings. */
#include "tap.h"
#include "vring.h"
#include <vmm/virtq.h>

enum { SIZE = 8 };
#define RAM (2 * MIB)
static struct gmem *mem;

static struct virtq queue(const struct vring *r)
{
	return (struct virtq){.mem = r->m, .size = r->size, .desc = GPA(r->desc), .avail = GPA(r->avail), .used = GPA(r->used), .enabled = true};
}

static struct vring fresh(void)
{
	struct vring r = vring_at(mem, 0x10000, SIZE);

	if (gmem_zero(mem, GPA(0x10000), 0x3000))
		abort();
	return r;
}

static void test_good_chain(void)
{
	struct vring r = fresh();
	struct virtq q = queue(&r);
	struct virtq_chain c;
	uint8_t buf[16];

	ok_eq(virtq_pop(&q, &c), E_AGAIN, "an empty queue has nothing");
	put(mem, 0x20000, "hello", 5);
	put(mem, 0x21000, "world", 5);
	vring_desc(&r, 3, 0x20000, 5, V_NEXT, 5);
	vring_desc(&r, 5, 0x21000, 5, V_NEXT, 1);
	vring_desc(&r, 1, 0x22000, 8, V_NEXT | V_WRITE, 7);
	vring_desc(&r, 7, 0x23000, 8, V_WRITE, 0);
	vring_offer(&r, 3);
	ok_eq(virtq_pop(&q, &c), OK, "a chain of four");
	ok(c.head == 3 && c.nout == 2 && c.nin == 2 && c.out_len == 10 && c.in_len == 16, "its parts are counted");
	ok(virtq_read(&q, &c, 0, buf, 10) == OK && memcmp(buf, "helloworld", 10) == 0, "reading crosses segments");
	ok(virtq_read(&q, &c, 4, buf, 3) == OK && memcmp(buf, "owo", 3) == 0, "reading from the middle");
	ok_eq(virtq_read(&q, &c, 8, buf, 3), E_RANGE, "reading beyond the end");
	ok_eq(virtq_read(&q, &c, UINT32_MAX, buf, 3), E_RANGE, "an offset that wraps");
	ok_eq(virtq_write(&q, &c, 6, "abcd", 4), OK, "writing crosses segments");
	ok(get(mem, 0x22006, 2) == 0x6261 && get(mem, 0x23000, 2) == 0x6463, "and lands there");
	ok_eq(virtq_write(&q, &c, 14, "abcd", 4), E_RANGE, "writing beyond the end");
	ok_eq(virtq_push(&q, c.head, 10), OK, "giving it back");
	ok(vring_used_idx(&r) == 1 && vring_used_id(&r, 0) == 3 && vring_used_len(&r, 0) == 10, "the used ring has it");
	ok_eq(virtq_pop(&q, &c), E_AGAIN, "and nothing is left");
}

static void refused(const char *name, void (*make)(struct vring *))
{
	struct vring r = fresh();
	struct virtq q = queue(&r);
	struct virtq_chain c;

	make(&r);
	ok_eq(virtq_pop(&q, &c), E_GUEST, name);
	ok_eq(q.last_avail, 0, "the queue did not move");
}

static void loop_to_self(struct vring *r) { vring_desc(r, 0, 0x20000, 1, V_NEXT, 0); vring_offer(r, 0); }
static void loop_of_all(struct vring *r)
{
	for (uint16_t i = 0; i < SIZE; i++)
		vring_desc(r, i, 0x20000, 1, V_NEXT, (uint16_t)((i + 1) % SIZE));
	vring_offer(r, 0);
}
static void head_out_of_range(struct vring *r) { vring_offer(r, SIZE); }
static void next_out_of_range(struct vring *r) { vring_desc(r, 0, 0x20000, 1, V_NEXT, 0xffff); vring_offer(r, 0); }
static void beyond_ram(struct vring *r) { vring_desc(r, 0, RAM - 1, 2, 0, 0); vring_offer(r, 0); }
static void wraps(struct vring *r) { vring_desc(r, 0, UINT64_MAX - 1, 4, 0, 0); vring_offer(r, 0); }
static void write_first(struct vring *r)
{
	vring_desc(r, 0, 0x20000, 1, V_NEXT | V_WRITE, 1);
	vring_desc(r, 1, 0x20000, 1, 0, 0);
	vring_offer(r, 0);
}
static void indirect(struct vring *r) { vring_desc(r, 0, 0x20000, 16, V_INDIRECT, 0); vring_offer(r, 0); }
static void index_jumps(struct vring *r) { put16(r->m, r->avail + 2, SIZE + 1); }
static void index_backwards(struct vring *r) { put16(r->m, r->avail + 2, 0xffff); }

static void test_length_sum(void)
{
	struct gmem *big = guest_ram(6 * GIB);
	struct vring r = vring_at(big, 0x10000, SIZE);
	struct virtq q = queue(&r);
	struct virtq_chain c;

	vring_desc(&r, 0, 0x20000, UINT32_MAX, V_NEXT, 1);
	vring_desc(&r, 1, 0x20000, 2, 0, 0);
	vring_offer(&r, 0);
	ok_eq(virtq_pop(&q, &c), E_GUEST, "lengths that add up to more than 32 bits");
}

static void test_rings_outside(void)
{
	struct virtq q = {.mem = mem, .size = SIZE, .desc = GPA(RAM), .avail = GPA(RAM - 1), .used = GPA(UINT64_MAX - 2)};
	struct virtq_chain c;

	ok_eq(virtq_pop(&q, &c), E_GUEST, "an available ring outside of RAM");
	ok_eq(virtq_pop(&q, &c), E_GUEST, "nor is it found at a second look");
	ok_eq(virtq_push(&q, 0, 0), E_GUEST, "a used ring outside of RAM");
	ok(!virtq_should_notify(&q), "no interrupt is wanted by what cannot be read");
}

/* Where the index lies is remembered: never for another ring, nor beyond a reset of the memory. */
static void test_ring_moves(void)
{
	struct gmem *own = guest_ram(RAM);
	struct vring r = vring_at(own, 0x10000, SIZE), other = r;
	struct virtq q = queue(&r);
	struct virtq_chain c;

	other.avail = r.avail + 0x10000;
	vring_desc(&r, 3, 0x20000, 5, 0, 0);
	ok_eq(virtq_pop(&q, &c), E_AGAIN, "a ring");
	put16(own, other.avail + 4, 3);
	put16(own, other.avail + 2, 1);
	q.avail = GPA(other.avail);
	ok(virtq_pop(&q, &c) == OK && c.head == 3, "another ring of the same queue");
	gmem_clear(own);
	q.last_avail = 0;
	ok_eq(virtq_pop(&q, &c), E_AGAIN, "after a reset its memory is empty");
	put16(own, other.avail + 2, 2 * SIZE);
	ok_eq(virtq_pop(&q, &c), E_GUEST, "and is looked at anew");
}

static void test_index_wrap(void)
{
	struct vring r = fresh();
	struct virtq q = queue(&r);
	struct virtq_chain c;
	bool all = true;

	enum { START = 0xfff0 };

	vring_desc(&r, 2, 0x20000, 1, 0, 0);
	q.last_avail = q.next_used = r.next = START;
	put16(mem, r.avail + 2, START);
	for (unsigned i = START; i < START + 32 && all; i++) {
		vring_offer(&r, 2);
		all = virtq_pop(&q, &c) == OK && virtq_push(&q, c.head, i) == OK && vring_used_len(&r, i) == i;
	}
	ok(all && vring_used_idx(&r) == 16, "the 16-bit indices wrap");
}

static void test_event_index(void)
{
	struct vring r = fresh();
	struct virtq q = queue(&r);

	q.event_idx = true;
	put16(mem, r.avail + 4 + 2 * SIZE, 2); /* used_event: tell me after the third */
	for (unsigned i = 0; i < 2; i++) {
		if (virtq_push(&q, 0, 0))
			abort();
		ok_eq(virtq_should_notify(&q), i == 0, i ? "not yet" : "the first time always");
	}
	if (virtq_push(&q, 0, 0))
		abort();
	ok(virtq_should_notify(&q), "the third was asked for");
	q.event_idx = false;
	put16(mem, r.avail, 1);
	ok(!virtq_should_notify(&q), "flags say no interrupt");
	q.event_idx = true;
	q.last_avail = 7;
	ok(virtq_ask(&q), "asking for a kick");
	ok_eq((int64_t)get(mem, r.used + 4 + 8 * SIZE, 2), 7, "avail_event is what is next");
	ok(!virtq_ask(&q), "once");
	q.last_avail = 8;
	ok(virtq_ask(&q) && get(mem, r.used + 4 + 8 * SIZE, 2) == 8, "and again for what comes then");
}

/* A notification may end at the queue when everything was taken and the driver knows that it is to tell of more. */
static void test_idle(void)
{
	struct vring r = fresh();
	struct virtq q = queue(&r);
	struct virtq_chain c;

	ok(!virtq_is_idle(&q), "nobody has looked at it yet");
	ok(virtq_pop(&q, &c) == E_AGAIN && !virtq_is_idle(&q), "the driver was not asked");
	ok(virtq_ask(&q) && virtq_is_idle(&q), "now it was");
	vring_desc(&r, 0, 0x20000, 5, 0, 0);
	vring_offer(&r, 0);
	ok(!virtq_is_idle(&q), "a buffer waits");
	ok(virtq_pop(&q, &c) == OK && virtq_is_idle(&q), "it was taken");
	q.event_idx = true;
	ok(!virtq_is_idle(&q), "a driver that goes by the index knows an old one");
	ok(virtq_ask(&q) && virtq_is_idle(&q), "it was told the next");
	r.next = q.last_avail = q.asked_at = 0xffff;
	put16(mem, r.avail + 2, 0xffff);
	ok(virtq_is_idle(&q), "the last index");
	vring_offer(&r, 0);
	ok(!virtq_is_idle(&q), "and the first after it");
	q.last_avail = q.asked_at = 0;
	ok(virtq_is_idle(&q), "taken");
	q.avail.v += 0x100;
	ok(!virtq_is_idle(&q), "a ring at another place");
	q = queue(&r);
	ok(!virtq_is_idle(&q), "a reset forgets all that");
}

int main(void)
{
	fake_init(64 * MIB, 1);
	mem = guest_ram(RAM);
	test_good_chain();
	test_idle();
	refused("a descriptor that names itself", loop_to_self);
	refused("a loop through all descriptors", loop_of_all);
	refused("a head beyond the table", head_out_of_range);
	refused("a next beyond the table", next_out_of_range);
	refused("a buffer that ends beyond RAM", beyond_ram);
	refused("a buffer that wraps around", wraps);
	refused("readable after writable", write_first);
	refused("an indirect table that was not offered", indirect);
	refused("an index that jumps too far", index_jumps);
	refused("an index that runs backwards", index_backwards);
	test_length_sum();
	test_rings_outside();
	test_ring_moves();
	test_index_wrap();
	test_event_index();
	ok(!fake_guest_access_open(), "guest access is closed");
	return tap_done();
}
