/* SPDX-License-Identifier: Apache-2.0 */
/* A console device on the guest's PCI bus, driven through configuration space and BAR as a driver would, and as none should. */
#include "tap.h"
#include "vring.h"
#include <vmm/virtio_console.h>
#include <vmm/virtio_pci.h>
#include "../../vmm/vm/vm_internal.h"

enum { WINDOW = 0x10000000, SLOT = 3, CFG_BAR0 = 0x10, CFG_COMMAND = 4 };
enum { COMMON = 0, ISR = 0x1000, DEVICE = 0x2000, NOTIFY = 0x3000, MSIX = 0x4000 };
#define RAM (2 * MIB)

static struct gmem *mem;
static struct bus mmio;
static struct pci_bus pci;
static struct virtio_pci dev;
static struct virtio_console con;
static char out[256];
static size_t out_len, out_total;
static uint32_t first_bar;
static unsigned msis;
static uint64_t msi_address;
static uint32_t msi_data;

static struct vm vm; /* the device's, for what it puts off */
static struct vring refill;
static unsigned refills; /* buffers that the driver adds, each while another is being written out */

static size_t sink_write(struct chardev *c, const void *p, size_t n)
{
	(void)c;
	if (refills) {
		refills--;
		vring_offer(&refill, 0);
	}
	out_total += n;
	for (size_t i = 0; i < n && out_len < sizeof(out); i++)
		out[out_len++] = ((const char *)p)[i];
	return n;
}
static const struct chardev_ops sink_ops = {.write = sink_write};
static struct chardev sink = {&sink_ops};
static void got_msi(void *ctx, uint64_t address, uint32_t data) { (void)ctx; msis++; msi_address = address; msi_data = data; }

static uint32_t cfg_read(unsigned off, unsigned size) { return (uint32_t)pci_ecam_ops.read(&pci, (SLOT << 15) + off, size); }
static void cfg_write(unsigned off, unsigned size, uint32_t v) { pci_ecam_ops.write(&pci, (SLOT << 15) + off, size, v); }
static uint64_t bar(void) { return cfg_read(CFG_BAR0, 4) & ~0xfu; }
static uint64_t rd(uint64_t off, unsigned size) { uint64_t v = 0; return bus_read(&mmio, bar() + off, size, &v) ? v : UINT64_MAX; }
static void wr(uint64_t off, unsigned size, uint64_t v) { bus_write(&mmio, bar() + off, size, v); }

static void test_discovery(void)
{
	unsigned seen = 0, cap;

	ok_eq(cfg_read(0, 4), 0x10431af4, "vendor and device");
	ok_eq((uint32_t)pci_ecam_ops.read(&pci, 4 << 15, 4), -1 & 0xffffffff, "an empty slot reads as ones");
	ok_eq((uint32_t)pci_ecam_ops.read(&pci, (SLOT << 15) + (1 << 12), 4), 0xffffffff, "function 1 too");
	for (cap = cfg_read(0x34, 1); cap && seen < 20; cap = cfg_read(cap + 1, 1))
		seen++;
	ok_eq(seen, 6, "MSI-X and five virtio capabilities: no ports, no port to notify");
	cfg_write(CFG_BAR0, 4, 0xffffffff);
	ok_eq(cfg_read(CFG_BAR0, 4), 0xffff8000, "the BAR tells its size");
	cfg_write(CFG_BAR0, 4, WINDOW + 0x10000);
	ok_eq((int64_t)rd(COMMON + 18, 2), -1, "no memory decoding, no BAR");
	cfg_write(CFG_COMMAND, 2, 6);
	ok_eq((int64_t)rd(COMMON + 18, 2), 2, "two queues");
	cfg_write(CFG_BAR0, 4, 0xfff00000);
	ok_eq((int64_t)rd(COMMON + 18, 2), -1, "a BAR outside of the window is nowhere");
	cfg_write(CFG_BAR0, 4, WINDOW);
	ok_eq((int64_t)rd(COMMON + 18, 2), 2, "and back");
	pci_cf8_ops.write(&pci, 0, 4, 0x80000000 | SLOT << 11);
	ok_eq((int64_t)pci_cf8_ops.read(&pci, 4, 4), 0x10431af4, "the same by 0xCF8");
}

static void negotiate(void)
{
	wr(COMMON + 20, 1, 0);
	wr(COMMON + 20, 1, 3);
	wr(COMMON + 8, 4, 1);
	wr(COMMON + 12, 4, 1); /* VERSION_1 */
	wr(COMMON + 8, 4, 0);
	wr(COMMON + 12, 4, 1); /* F_SIZE */
	wr(COMMON + 20, 1, 11);
}

static void set_queue(unsigned q, const struct vring *r, unsigned vector)
{
	wr(COMMON + 22, 2, q);
	wr(COMMON + 24, 2, r->size);
	wr(COMMON + 26, 2, vector);
	wr(COMMON + 32, 8, r->desc);
	wr(COMMON + 40, 8, r->avail);
	wr(COMMON + 48, 8, r->used);
	wr(COMMON + 28, 2, 1);
}

static void test_negotiation(void)
{
	wr(COMMON + 20, 1, 3);
	wr(COMMON + 20, 1, 11);
	ok_eq((int64_t)rd(COMMON + 20, 1), 3, "a driver without VERSION_1 does not get FEATURES_OK");
	wr(COMMON + 20, 1, 15);
	ok_eq((int64_t)rd(COMMON + 20, 1), 3, "nor DRIVER_OK");
	wr(COMMON + 8, 4, 1);
	wr(COMMON + 12, 4, 0xffffffff);
	wr(COMMON + 20, 1, 11);
	ok_eq((int64_t)rd(COMMON + 20, 1), 3, "nor one that accepts what is not offered");
	negotiate();
	ok_eq((int64_t)rd(COMMON + 20, 1), 11, "a good one does");
	ok_eq((int64_t)rd(DEVICE, 2), 80, "80 columns");
	ok_eq((int64_t)rd(DEVICE + 0xffc, 4), 0, "beyond the configuration: zero");
}

static void test_queues(void)
{
	struct vring rx = vring_at(mem, 0x10000, 4), tx = vring_at(mem, 0x20000, 4);

	wr(COMMON + 22, 2, 9);
	ok_eq((int64_t)rd(COMMON + 24, 2), 0, "queue 9 has size 0");
	wr(COMMON + 22, 2, 0);
	wr(COMMON + 24, 2, 3);
	ok_eq((int64_t)rd(COMMON + 24, 2), 64, "a size that is no power of two is not taken");
	wr(COMMON + 26, 2, 77);
	ok_eq((int64_t)rd(COMMON + 26, 2), 0xffff, "a vector that is not there reads back as none");
	set_queue(0, &rx, 1);
	set_queue(1, &tx, 2);
	wr(COMMON + 32, 4, 0xdead0000);
	ok_eq((int64_t)rd(COMMON + 32, 4), (int64_t)tx.desc, "an enabled queue's address stays");
	wr(COMMON + 20, 1, 15);
	cfg_write(dev.fn.msix_cap + 2u, 2, 0x8000);
	for (unsigned i = 1; i < 3; i++) {
		wr(MSIX + 16 * i, 8, 0xfee00000);
		wr(MSIX + 16 * i + 8, 4, 0x40 + i);
		wr(MSIX + 16 * i + 12, 4, i == 2); /* the transmit queue's stays masked at first */
	}
	put(mem, 0x30000, "hi there", 8);
	vring_desc(&tx, 0, 0x30000, 8, 0, 0);
	vring_offer(&tx, 0);
	wr(NOTIFY + 4, 2, 1);
	ok(out_len == 8 && memcmp(out, "hi there", 8) == 0, "what the driver sends comes out");
	ok(vring_used_idx(&tx) == 1 && msis == 0, "it is given back; the masked vector is pending");
	wr(MSIX + 16 * 2 + 12, 4, 0);
	ok(msis == 1 && msi_address == 0xfee00000 && msi_data == 0x42, "unmasking sends it");
	ok_eq((int64_t)virtio_console_input(&con, "abc", 3), 3, "typed bytes wait");
	vring_desc(&rx, 1, 0x31000, 2, V_WRITE, 0);
	vring_offer(&rx, 1);
	wr(NOTIFY, 2, 0);
	ok(get(mem, 0x31000, 2) == 0x6261 && vring_used_len(&rx, 0) == 2 && msi_data == 0x41, "as many as fit, and an interrupt");
	vring_offer(&rx, 1);
	wr(NOTIFY, 2, 0);
	ok(get(mem, 0x31000, 1) == 'c' && vring_used_len(&rx, 1) == 1, "then the rest");
	virtio_console_resize(&con, 132, 50);
	ok(rd(DEVICE, 2) == 132 && rd(COMMON + 21, 1) == 1, "a resize shows, with a new generation");
	ok_eq((int64_t)rd(ISR, 1), 3, "the ISR tells of queues and configuration");
	ok_eq((int64_t)rd(ISR, 1), 0, "and is cleared by reading");
}

static void broken(const char *name, void (*make)(struct vring *tx))
{
	struct vring rx = vring_at(mem, 0x10000, 4), tx = vring_at(mem, 0x20000, 4);

	if (gmem_zero(mem, GPA(0x10000), 0x20000))
		abort();
	negotiate();
	set_queue(0, &rx, 1);
	make(&tx);
	ok(rd(COMMON + 20, 1) & VIRTIO_S_NEEDS_RESET, "%s", name);
	wr(NOTIFY + 4, 2, 1);
	wr(COMMON + 20, 1, 0);
	ok_eq((int64_t)rd(COMMON + 20, 1), 0, "and a reset heals it");
}

static void bad_ring_address(struct vring *tx) { tx->avail = RAM - 2; set_queue(1, tx, 2); }
static void misaligned_ring(struct vring *tx) { tx->desc += 1; set_queue(1, tx, 2); }
static void offer_and_kick(struct vring *tx)
{
	set_queue(1, tx, 2);
	wr(COMMON + 20, 1, 15);
	vring_offer(tx, 0);
	wr(NOTIFY + 4, 2, 1);
}
static void monster_buffer(struct vring *tx) { vring_desc(tx, 0, 0, 1 << 20, 0, 0); offer_and_kick(tx); }
static void looping_chain(struct vring *tx) { vring_desc(tx, 0, 0, 1, V_NEXT, 0); offer_and_kick(tx); }
static void used_ring_leaves(struct vring *tx)
{
	vring_desc(tx, 0, 0x30000, 4, 0, 0);
	set_queue(1, tx, 2);
	wr(COMMON + 20, 1, 15);
	con.dev.queues[1].used = GPA(RAM); /* as if memory had gone */
	vring_offer(tx, 0);
	wr(NOTIFY + 4, 2, 1);
}

/* One kick must not keep the CPU for long: beyond its budget output is given back unread. */
static void test_flood(void)
{
	struct vring rx = vring_at(mem, 0x10000, 4), tx = vring_at(mem, 0x20000, 64);

	if (gmem_zero(mem, GPA(0x10000), 0x20000))
		abort();
	negotiate();
	set_queue(0, &rx, 1);
	set_queue(1, &tx, 2);
	wr(COMMON + 20, 1, 15);
	for (uint16_t i = 0; i < 64; i++) {
		vring_desc(&tx, i, 0x40000, 65536, 0, 0);
		vring_offer(&tx, i);
	}
	out_total = 0;
	wr(NOTIFY + 4, 2, 1);
	ok(vring_used_idx(&tx) == 64 && !(rd(COMMON + 20, 1) & VIRTIO_S_NEEDS_RESET), "four MiB in one kick: all buffers come back");
	ok(out_total >= 256 * KIB && out_total <= 320 * KIB, "but only %zu KiB are written", out_total / 1024);
	vring_desc(&tx, 0, 0x40000, 4096, 0, 0);
	vring_offer(&tx, 0);
	out_total = 0;
	wr(NOTIFY + 4, 2, 1);
	ok(vring_used_idx(&tx) == 65 && out_total == 4096, "the next kick writes again");
	wr(COMMON + 20, 1, 0);
}

/* A driver that is never done, and sends no second kick since it was not asked for one: each turn takes a part, and the end is reached. */
static void test_refill(void)
{
	struct vring rx = vring_at(mem, 0x10000, 4);
	unsigned turns = 0;

	refill = vring_at(mem, 0x20000, 4);
	if (gmem_zero(mem, GPA(0x10000), 0x20000))
		abort();
	negotiate();
	set_queue(0, &rx, 1);
	set_queue(1, &refill, 2);
	wr(COMMON + 20, 1, 15);
	vring_desc(&refill, 0, 0x40000, 16, 0, 0);
	vring_offer(&refill, 0);
	refills = 1000;
	wr(NOTIFY + 4, 2, 1);
	ok(refills > 500 && vring_used_idx(&refill) < 500, "one kick takes %u buffers", vring_used_idx(&refill));
	while (vm_deferred_run(&vm))
		turns++;
	ok(vring_used_idx(&refill) == 1001 && refills == 0, "the rest follows by itself, in %u turns", turns);
	refills = 1000;
	vring_offer(&refill, 0);
	wr(NOTIFY + 4, 2, 1);
	wr(COMMON + 20, 1, 0);
	turns = refills;
	ok(vm_deferred_run(&vm) && !vm_deferred_run(&vm) && refills == turns, "but not after a reset");
	refills = 0;
}

/* Buffers of a byte, of which the driver adds one more whenever it is interrupted: all that was typed arrives. */
static void test_receive_bytes(void)
{
	struct vring rx = vring_at(mem, 0x10000, 64), tx = vring_at(mem, 0x20000, 4);
	char text[1000];

	memset(text, 'x', sizeof text);
	if (gmem_zero(mem, GPA(0x10000), 0x20000))
		abort();
	negotiate();
	set_queue(0, &rx, 1);
	set_queue(1, &tx, 2);
	wr(COMMON + 20, 1, 15);
	for (uint16_t i = 0; i < 64; i++)
		vring_desc(&rx, i, 0x40000 + i, 1, V_WRITE, 0);
	ok_eq(virtio_console_input(&con, text, sizeof text), sizeof text, "a thousand bytes are taken");
	for (unsigned n = 0; n < 1000; n += 50) {
		ok(vring_used_idx(&rx) == n, "%u arrived", n);
		for (unsigned i = 0; i < 50; i++)
			vring_offer(&rx, (uint16_t)(i % 64));
		ok(!get(mem, rx.used, 2), "a kick is asked for");
		wr(NOTIFY, 2, 0);
	}
	ok_eq(vring_used_idx(&rx), 1000, "all arrived");
	wr(COMMON + 20, 1, 0);
}

/* A reset is a power cycle: what the guest did to the BAR is undone. */
static void test_reset_bar(void)
{
	uint32_t first = first_bar;

	cfg_write(CFG_COMMAND, 2, 6);
	cfg_write(CFG_BAR0, 4, WINDOW + 0x20000);
	cfg_write(0x3c, 1, 0x77);
	ok_eq((int64_t)rd(COMMON + 18, 2), 2, "moved");
	virtio_pci_reset(&dev);
	ok_eq(cfg_read(CFG_BAR0, 4), first, "after a reset the BAR is where it was first");
	ok_eq(cfg_read(0x3c, 1), 0, "and scratch registers are empty");
	ok_eq(mmio.n, 0, "nothing is claimed");
	cfg_write(CFG_COMMAND, 2, 6);
	ok_eq((int64_t)rd(COMMON + 18, 2), 2, "and it answers there");
}

static void test_window(void)
{
	unsigned cap = dev.cfg_cap;

	cfg_write(cap + 8, 4, COMMON + 18);
	cfg_write(cap + 12, 4, 2);
	ok_eq(cfg_read(cap + 16, 4), 2, "the BAR through configuration space");
	cfg_write(cap + 8, 4, 0xfffffffe);
	ok_eq(cfg_read(cap + 16, 4), 2, "an offset outside of it reads nothing new");
	cfg_write(cap + 12, 4, 3);
	cfg_write(cap + 16, 4, 5);
	ok(true, "a width of three does nothing");
}

static void test_every_register(void)
{
	unsigned n = 0;

	for (uint64_t off = 0; off < 0x8000; off++)
		for (unsigned size = 1; size <= 8; size *= 2) {
			(void)rd(off, size);
			if (off < COMMON + 20 || off > COMMON + 21)
				wr(off, size, 0xa5a5a5a5a5a5a5a5ull);
			n++;
		}
	for (unsigned off = 0; off < 256; off++)
		cfg_write(off, 1, 0xff);
	ok_eq(n, 0x8000 * 4, "every offset and size of the BAR and the configuration space");
}

int main(void)
{
	fake_init(32 * MIB, 1);
	mem = guest_ram(RAM);
	bus_init(&mmio, 1ull << 40);
	pci_bus_init(&pci, &mmio, (struct msi_sink){got_msi, NULL}, WINDOW, 0x1000000);
	spin_init(&vm.lock);
	spin_init(&vm.log_lock);
	strcpy(vm.name, "t");
	virtio_console_init(&con, mem, &sink);
	con.dev.vm = &vm;
	ok_eq(virtio_pci_init(&dev, &pci, SLOT, &con.dev), OK, "plugged in");
	first_bar = cfg_read(CFG_BAR0, 4);
	test_discovery();
	test_negotiation();
	test_queues();
	broken("rings outside of RAM", bad_ring_address);
	broken("misaligned rings", misaligned_ring);
	broken("a buffer of a megabyte", monster_buffer);
	broken("a chain that loops", looping_chain);
	broken("a used ring that cannot be written", used_ring_leaves);
	test_flood();
	test_refill();
	test_receive_bytes();
	test_window();
	test_reset_bar();
	test_every_register();
	ok(!fake_guest_access_open(), "guest access is closed");
	return tap_done();
}
