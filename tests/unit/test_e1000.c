/* SPDX-License-Identifier: Apache-2.0 */
/* The e1000 driver's rings against scripted descriptors: good frames, spoilt and split ones, lengths past the buffer, a full
 * transmit ring, an interrupt that never comes. Registers are plain memory, so the reset is left out and tested on QEMU. */
#include "../../core/drv/e1000.c"
#include "../fake/fake.h"
#include "../fake/fake_pci.h"
#include "tap.h"

#define BAR 0xfe000000u
#define BAR_BYTES 0x20000u

static _Alignas(8) uint8_t regs[BAR_BYTES];
static struct fake_pci_fn fn;
static struct e1000 *n;
static unsigned frames, next;
static size_t last_len;
static bool link_state;

static void on_frame(void *ctx, const void *frame, size_t len)
{
	(void)ctx;
	(void)frame;
	frames++;
	last_len = len;
}

static void on_link(void *ctx, bool up)
{
	(void)ctx;
	link_state = up;
}

/* What probe does, without the reset (whose waits need a clock that runs) and without registering. */
static bool start(void)
{
	static bool mapped;
	uint64_t size;

	if (!mapped)
		fake_mmio_add(HPA(BAR), BAR_BYTES, regs);
	mapped = true;
	memset(regs, 0, sizeof(regs));
	fn = (struct fake_pci_fn){.devfn = 8};
	fake_pci_describe(&fn, 0x8086, 0x100e, 0x020000, 0);
	put_le32(fn.cfg + 0x10, BAR);
	fn.bar_mask[0] = ~(BAR_BYTES - 1);
	fn.cfg[0x3c] = 11;
	fake_pci_set(&fn, 1);
	pci_init();
	n = pool_alloc(&pool_core, sizeof(*n));
	if (!n)
		return false;
	n->pci = pci_get(0);
	n->model = e1000_find_model(n->pci);
	n->port = (struct l2port){.ops = &e1000_ops, .name = "net0", .rx = on_frame, .link = on_link, .link_up = true};
	work_init(&n->work, e1000_run);
	timer_init(&n->poll, e1000_poll);
	put_le32(regs + REG_RAL0, 0x12005452);
	put_le32(regs + REG_RAH0, RAH_AV | 0x5634);
	put_le32(regs + REG_STATUS, STATUS_LU);
	pci_enable(n->pci);
	if (!n->model || pci_map_bar(n->pci, 0, &n->regs, &size) != OK || e1000_read_mac(n) != OK || e1000_alloc(n) != OK)
		return false;
	e1000_hook_irq(n);
	e1000_configure(n);
	frames = next = 0;
	link_state = true;
	return true;
}

static void stop(void)
{
	timer_cancel(&n->poll);
	n->dead = true;
	n = NULL; /* the interrupt's handler keeps pointing to it, as in the firmware */
}

/* The device fills the next descriptor. */
static void fill(unsigned len, uint8_t status, uint8_t errors)
{
	uint8_t *d = n->rx_ring + (size_t)(next++ % RING) * DESC_BYTES;

	put_le16(d + RXD_LENGTH, (uint16_t)len);
	d[RXD_ERRORS] = errors;
	d[RXD_STATUS] = status;
}

static void interrupt(uint32_t causes)
{
	put_le32(regs + REG_ICR, causes);
	fake_gsi_raise(11);
	fake_loop_settle();
}

static void test_setup(void)
{
	CHECK(start());
	ok_mem(n->port.mac, "\x52\x54\x00\x12\x34\x56", 6, "address");
	ok_eq(get_le32(regs + REG_RDLEN), RING * DESC_BYTES, "ring length");
	ok_eq(get_le32(regs + REG_RDBAL), hal_hpa_of(n->rx_ring).v, "ring address");
	ok_eq(get_le64(n->rx_ring + 16), hal_hpa_of(n->rx_mem).v + BUF_BYTES, "second buffer");
	ok_eq(get_le32(regs + REG_RDT), RING - 1, "all but one are the device's");
	ok(!(fn.cfg[5] & 4), "the interrupt line is on");
	stop();
}

static void test_receive(void)
{
	CHECK(start());
	fill(60, RXD_DD | RXD_EOP, 0);
	fill(L2_FRAME_MAX, RXD_DD | RXD_EOP, 0);
	interrupt(ICR_RXT0);
	ok(frames == 2 && last_len == L2_FRAME_MAX, "two frames by one interrupt");
	ok_eq(get_le32(regs + REG_RDT), 1, "their descriptors go back");
	fill(L2_FRAME_MAX + 1, RXD_DD | RXD_EOP, 0);
	fill(0xffff, RXD_DD | RXD_EOP, 0);
	fill(0, RXD_DD | RXD_EOP, 0);
	fill(60, RXD_DD | RXD_EOP, 1);
	interrupt(ICR_RXT0);
	ok(frames == 2 && n->port.rx_dropped == 4, "too long, beyond the buffer, empty, with a wrong checksum: dropped");
	fill(2048, RXD_DD, 0);
	fill(2048, RXD_DD, 0);
	fill(60, RXD_DD | RXD_EOP, 0);
	fill(61, RXD_DD | RXD_EOP, 0);
	interrupt(ICR_RXT0);
	ok(frames == 3 && last_len == 61, "a frame over three buffers is dropped whole, its tail is no frame");
	for (unsigned i = 0; i < 1000; i++) {
		fill(60, RXD_DD | RXD_EOP, 0);
		interrupt(ICR_RXT0);
	}
	ok_eq(frames, 1003, "the ring goes round");
	for (unsigned i = 0; i < RING - 1; i++)
		fill(60, RXD_DD | RXD_EOP, 0);
	interrupt(ICR_RXT0);
	ok_eq(frames, 1003 + RING - 1, "a full ring takes more than one turn of the loop, but is emptied");
	put_le64(n->rx_ring + (size_t)(next % RING) * DESC_BYTES, UINT64_MAX);
	fill(60, RXD_DD | RXD_EOP, 0);
	interrupt(ICR_RXT0);
	ok_eq(get_le64(n->rx_ring + (size_t)((next - 1) % RING) * DESC_BYTES), hal_hpa_of(n->rx_mem).v + (uint64_t)((next - 1) % RING) * BUF_BYTES,
	      "an address that the device scribbled on is ours again");
	stop();
}

static void test_send(void)
{
	uint8_t frame[L2_FRAME_MAX + 1] = {1, 2, 3};
	unsigned sent = 0;

	CHECK(start());
	ok(e1000_send(&n->port, frame, 13) == E_INVAL && e1000_send(&n->port, frame, sizeof(frame)) == E_INVAL, "impossible lengths");
	while (sent < 1000 && e1000_send(&n->port, frame, 60) == OK)
		sent++;
	ok_eq(sent, RING - 1, "the ring is full with one to spare");
	ok_eq(get_le32(regs + REG_TDT), RING - 1, "the tail is told");
	ok(get_le16(n->tx_ring + TXD_LENGTH) == 60 && n->tx_ring[TXD_CMD] == 0x0b && n->tx_mem[2] == 3, "descriptor and copy");
	n->tx_ring[DESC_BYTES + TXD_STATUS] = TXD_DD;
	ok(e1000_send(&n->port, frame, 60) == E_AGAIN, "out of order: not before the oldest is done");
	n->tx_ring[TXD_STATUS] = TXD_DD;
	ok(e1000_send(&n->port, frame, 60) == OK && e1000_send(&n->port, frame, 60) == OK && e1000_send(&n->port, frame, 60) == E_AGAIN,
	   "then both");
	stop();
}

static void test_link_and_loss(void)
{
	CHECK(start());
	put_le32(regs + REG_STATUS, 0);
	interrupt(ICR_LSC);
	ok(!link_state, "link down by interrupt");
	timer_set(&n->poll, hal_clock_ns() + POLL_FAST_NS);
	put_le32(regs + REG_STATUS, STATUS_LU);
	fake_clock_advance(POLL_FAST_NS);
	fake_loop_settle();
	ok(link_state, "link up by the timer");
	n->irq_ok = true;
	atomic_store(&n->irq_seen, false);
	fill(60, RXD_DD | RXD_EOP, 0);
	fake_clock_advance(POLL_SLOW_NS);
	fake_loop_settle();
	ok(frames == 1 && !n->irq_ok, "a frame without an interrupt is found by the timer");
	fill(60, RXD_DD | RXD_EOP, 0);
	fake_clock_advance(POLL_FAST_NS);
	fake_loop_settle();
	ok_eq(frames, 2, "which now polls fast");
	interrupt(UINT32_MAX);
	ok(!n->dead, "an interrupt of a neighbour is not ours");
	put_le32(regs + REG_STATUS, UINT32_MAX);
	fake_clock_advance(POLL_SLOW_NS);
	fake_loop_settle();
	ok(n->dead && !link_state && !(fn.cfg[4] & 4), "a device that is gone is switched off");
	ok(e1000_send(&n->port, regs, 60) == E_IO, "and sends nothing");
	stop();
}

static void test_mac(void)
{
	CHECK(start());
	put_le32(regs + REG_RAL0, 0x12005453);
	ok(e1000_read_mac(n) == E_TIMEOUT, "a group address is none; an EEPROM that never answers ends the wait");
	put_le32(regs + REG_RAH0, 0);
	ok(!e1000_mac_ok((const uint8_t *)"\0\0\0\0\0\0"), "nor are zeros");
	stop();
}

int main(void)
{
	fake_init(64 * MIB, 1);
	test_setup();
	test_receive();
	test_send();
	test_link_and_loss();
	test_mac();
	return tap_done();
}
