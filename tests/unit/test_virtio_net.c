/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio-net driver against an honest device, and against ones that lie in their capabilities, rings and headers. */
#include "../../core/drv/virtio_net.c"
#include "tap.h"
#include "virtio_model.h"

#define FEATURES ((uint32_t)(VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS))

static struct vnet *n;
static struct model_queue rx, tx;
static unsigned frames, links;
static size_t last_len;
static uint8_t last[2048];

static void on_frame(void *ctx, const void *frame, size_t len)
{
	(void)ctx;
	frames++;
	last_len = len;
	memcpy(last, frame, len);
}

static void on_link(void *ctx, bool up)
{
	(void)ctx;
	(void)up;
	links++;
}

static void device(void)
{
	l2_nuplinks = 0;
	model_reset(VIRTIO_PCI_ID_NET, FEATURES);
	memcpy(model_regs + MODEL_DEVICE, "\x52\x54\x00\x12\x34\x56\x01", 7);
}

static bool start(void)
{
	device();
	model_probe(&virtio_net_driver);
	if (l2_nuplinks != 1)
		return false;
	n = container_of(l2_uplinks[0], struct vnet, port);
	n->port.rx = on_frame;
	n->port.link = on_link;
	rx = (struct model_queue){.q = &n->rx};
	tx = (struct model_queue){.q = &n->tx};
	frames = links = 0;
	return true;
}

static void test_start(void)
{
	ok(start(), "an honest device is taken");
	ok_mem(n->port.mac, "\x52\x54\x00\x12\x34\x56", 6, "its address");
	ok(n->port.link_up && model_bus_master(), "link and DMA are on");
	ok_eq(model_regs[COMMON_DEVICE_STATUS], 15, "status: acknowledged, driver, features, running");
	ok_eq(get_le32(model_regs + COMMON_DRIVER_FEATURE), 1, "no feature of the high word but VERSION_1");
	ok_eq(n->rx.chains, 8, "every receive buffer is offered");
}

static void receive(uint32_t len, uint8_t flags)
{
	uint16_t head = 0;

	CHECK(model_take(&rx, &head));
	memset(model_buffer(&rx, head, 0), 0xab, MIN(len, 2048u));
	memset(model_buffer(&rx, head, 0), 0, 12);
	model_buffer(&rx, head, 0)[0] = flags;
	model_give(&rx, head, len);
	model_interrupt(1);
}

static void test_receive(void)
{
	CHECK(start());
	receive(12 + 60, 0);
	ok(frames == 1 && last_len == 60 && last[0] == 0xab && last[59] == 0xab, "a frame arrives");
	receive(12 + L2_FRAME_MAX, 0);
	ok(frames == 2 && last_len == L2_FRAME_MAX, "so does the longest");
	receive(12 + L2_FRAME_MAX + 1, 0);
	receive(12 + 13, 0);
	receive(5, 0);
	receive(0, 0);
	receive(12 + 60, NET_HDR_F_NEEDS_CSUM);
	ok(frames == 2 && n->port.rx_dropped == 5, "too long, too short, shorter than its header, unfinished: dropped");
	for (unsigned i = 0; i < 100; i++)
		receive(12 + 60, 0);
	ok_eq(frames, 102, "buffers go round");
	ok_eq(n->rx.chains, 8, "none is lost");
}

static void expect_dead(const char *what)
{
	uint8_t frame[60] = {0};

	ok(!model_bus_master() && model_regs[COMMON_DEVICE_STATUS] == 0, "%s: reset, no DMA any more", what);
	ok(!n->port.link_up && links == 1, "%s: link down is told once", what);
	ok(n->port.ops->send(&n->port, frame, sizeof(frame)) == E_IO, "%s: sending fails", what);
	model_interrupt(1);
	model_interrupt(0);
	ok(links == 1, "%s: further interrupts do nothing", what);
}

static void test_lies(void)
{
	uint16_t head = 0;

	CHECK(start());
	CHECK(model_take(&rx, &head));
	model_give(&rx, head, 2049);
	model_interrupt(1);
	ok_eq(frames, 0, "no frame");
	expect_dead("length past the buffer");
	CHECK(start());
	model_give(&rx, 4711, 72);
	model_interrupt(1);
	expect_dead("id beyond the ring");
	CHECK(start());
	model_regs[COMMON_DEVICE_STATUS] |= VIRTIO_STATUS_NEEDS_RESET;
	model_interrupt(0);
	expect_dead("asks for a reset");
	CHECK(start());
	model_give(&tx, 0, 0);
	ok(n->port.ops->send(&n->port, last, 60) == E_IO, "a transmit buffer that was never sent");
	expect_dead("transmit ring");
}

static void test_send(void)
{
	uint8_t frame[L2_FRAME_MAX + 1];
	uint16_t head = 0;
	unsigned sent = 0;

	memset(frame, 0xcd, sizeof(frame));
	CHECK(start());
	ok(n->port.ops->send(&n->port, frame, 13) == E_INVAL && n->port.ops->send(&n->port, frame, sizeof(frame)) == E_INVAL,
	   "frames of impossible length are refused");
	while (n->port.ops->send(&n->port, frame, 60) == OK && sent < 100)
		sent++;
	ok(sent == 8 && n->port.tx_dropped == 1, "a full ring says E_AGAIN");
	ok(model_take(&tx, &head) && model_buffer(&tx, head, 0)[0] == 0 && model_buffer(&tx, head, 0)[12] == 0xcd, "header, then frame");
	model_give(&tx, head, 0);
	ok(n->port.ops->send(&n->port, frame, 60) == OK, "a returned buffer is used again");
	ok(n->port.ops->send(&n->port, frame, 60) == E_AGAIN, "once");
}

static void test_link(void)
{
	CHECK(start());
	model_regs[MODEL_DEVICE + 6] = 0;
	model_interrupt(0);
	ok(!n->port.link_up && links == 1, "link down");
	model_interrupt(0);
	ok_eq(links, 1, "the same again is no news");
	model_regs[MODEL_DEVICE + 6] = 1;
	model_interrupt(0);
	ok(n->port.link_up && links == 2, "link up");
}

/* Devices that must not be taken; each spoils one thing. */
static void spoil(unsigned i)
{
	switch (i) {
	case 0: put_le32(model_fn.cfg + 0x40 + VIRTIO_CAP_OFFSET, MODEL_BAR_BYTES - 8); break;
	case 1: put_le32(model_fn.cfg + 0x40 + VIRTIO_CAP_LENGTH, 0xfffffff0); break;
	case 2: put_le32(model_fn.cfg + 0x40 + VIRTIO_CAP_LENGTH, COMMON_BYTES - 1); break;
	case 3: model_fn.cfg[0x40 + VIRTIO_CAP_BAR] = 5; break;
	case 4: model_fn.cfg[0x40 + VIRTIO_CAP_BAR] = 200; break;
	case 5: model_fn.cfg[0x54 + VIRTIO_CAP_TYPE] = 77; break;
	case 6: put_le32(model_regs + COMMON_DEVICE_FEATURE, FEATURES); break;
	case 7: put_le16(model_regs + COMMON_NUM_QUEUES, 1); break;
	case 8: put_le16(model_regs + COMMON_QUEUE_SIZE, 0); break;
	case 9: put_le16(model_regs + COMMON_QUEUE_SIZE, 7); break;
	case 10: put_le16(model_regs + COMMON_QUEUE_NOTIFY_OFF, 4); break;
	case 11: put_le32(model_fn.cfg + 0x54 + VIRTIO_CAP_NOTIFY_MULT, 3), put_le16(model_regs + COMMON_QUEUE_NOTIFY_OFF, 1); break;
	case 12: put_le32(model_fn.cfg + 0x84, MODEL_BAR_BYTES - 16); break;
	case 13: model_fn.cfg[0x69] = 0; break; /* no MSI-X capability */
	case 14: put_le32(model_fn.cfg + 0x40 + VIRTIO_CAP_OFFSET, 2); break;
	default: break;
	}
}

static void test_bad_devices(void)
{
	static const char *const what[] = {
		"a structure beyond its BAR", "one of 4 GiB", "one that is too short", "one in an absent BAR", "one in BAR 200",
		"no doorbells", "no VERSION_1", "one queue only", "a queue of no entries", "a queue of seven",
		"a doorbell outside", "an odd doorbell", "an interrupt table outside", "no MSI-X", "an unaligned structure",
	};

	for (unsigned i = 0; i < ARRAY_LEN(what); i++) {
		device();
		spoil(i);
		model_probe(&virtio_net_driver);
		ok(l2_nuplinks == 0, "%s: not taken", what[i]);
		ok(!model_bus_master(), "%s: no DMA", what[i]);
	}
}

int main(void)
{
	fake_init(64 * MIB, 1);
	test_start();
	test_receive();
	test_send();
	test_link();
	test_lies();
	test_bad_devices();
	return tap_done();
}
