/* SPDX-License-Identifier: Apache-2.0 */
/* Notification by an I/O port: two entropy devices on a bus of a machine that has ports, among a device of the machine's own; and on one that has
 * none. What a driver finds, and where a guest may put the port. */
#include "tap.h"
#include "vring.h"
#include <core/rng.h>
#include <vmm/virtio_pci.h>
#include <vmm/virtio_rng.h>

enum {
	WINDOW = 0x10000000, IO_WINDOW = 0xc000, IO_WINDOW_SIZE = 0x4000, OLD_PORT = 0x3f8, OLD_SIZE = 8,
	CFG_COMMAND = 4, CFG_BAR0 = 0x10, CFG_BAR1 = 0x14, IO = 1, MEMORY = 2, MASTER = 4,
	CAP_VENDOR = 9, CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_PCI_CFG = 5, MEMORY_NOTIFY = 0x3000,
};
#define RAM (1 * MIB)

static struct gmem *mem;
static struct bus mmio, pio;
static struct pci_bus pci;
static struct { struct virtio_rng rng; struct virtio_pci pci; struct vring ring; } devs[2];
static unsigned old_writes;

static uint64_t old_read(void *ctx, uint64_t off, unsigned size) { (void)ctx; (void)off; (void)size; return 0x5a; }
static void old_write(void *ctx, uint64_t off, unsigned size, uint64_t v) { (void)ctx; (void)off; (void)size; (void)v; old_writes++; }
static const struct bus_ops old_ops = {.read = old_read, .write = old_write};
static void drop_msi(void *ctx, uint64_t address, uint32_t data) { (void)ctx; (void)address; (void)data; }

static uint32_t cfg_read(unsigned slot, unsigned off, unsigned size) { return (uint32_t)pci_ecam_ops.read(&pci, (slot << 15) + off, size); }
static void cfg_write(unsigned slot, unsigned off, unsigned size, uint32_t v) { pci_ecam_ops.write(&pci, (slot << 15) + off, size, v); }

static void machine(bool ports)
{
	bus_init(&mmio, 1ull << 40);
	bus_init(&pio, 0x10000);
	pci_bus_init(&pci, &mmio, (struct msi_sink){drop_msi, NULL}, WINDOW, 0x1000000);
	if (ports)
		pci_bus_add_io(&pci, &pio, IO_WINDOW, IO_WINDOW_SIZE);
	ok_eq(bus_claim(&pio, OLD_PORT, OLD_SIZE, &old_ops, NULL, "old"), OK, "a device of the machine's own");
	for (unsigned i = 0; i < 2; i++) {
		virtio_rng_init(&devs[i].rng, mem);
		ok_eq(virtio_pci_init(&devs[i].pci, &pci, i, &devs[i].rng.dev), OK, "plugged in");
	}
}

/* Capabilities of a type, in their order: BARs, and the last one's offset. */
static unsigned caps_of(unsigned slot, uint8_t type, uint8_t bars[4], unsigned *last)
{
	unsigned n = 0;

	for (unsigned cap = cfg_read(slot, 0x34, 1); cap; cap = cfg_read(slot, cap + 1, 1))
		if (cfg_read(slot, cap, 1) == CAP_VENDOR && cfg_read(slot, cap + 3, 1) == type && n < 4) {
			bars[n++] = (uint8_t)cfg_read(slot, cap + 4, 1);
			*last = cap;
		}
	return n;
}

static void test_caps(void)
{
	uint8_t bars[4] = {0};
	unsigned cap, first = 0;

	ok(caps_of(0, CAP_NOTIFY, bars, &cap) == 2 && bars[0] == 1 && bars[1] == 0, "two ways to notify, the port before memory");
	ok(cfg_read(0, cap + 8, 4) == MEMORY_NOTIFY && cfg_read(0, cap + 16, 4) == 4, "of memory the one that it was");
	for (cap = cfg_read(0, 0x34, 1); cap && !first; cap = cfg_read(0, cap + 1, 1))
		if (cfg_read(0, cap, 1) == CAP_VENDOR && cfg_read(0, cap + 3, 1) == CAP_NOTIFY)
			first = cap;
	ok(cfg_read(0, first + 8, 4) == 0 && cfg_read(0, first + 12, 4) == 2 && cfg_read(0, first + 16, 4) == 0, "a port of 16 bits, the same for all queues");
	ok_eq(cfg_read(0, first + 2, 1), 20, "of a notification capability's length");
	ok(caps_of(0, CAP_COMMON, bars, &cap) == 1 && bars[0] == 0, "the rest is in memory alone");
}

/* Device i as a driver sets it up: a queue, and everything decoded. */
static void ready(unsigned i)
{
	static const struct { unsigned off, size; uint64_t v; } steps[] = {{20, 1, 0}, {20, 1, 3}, {8, 4, 1}, {12, 4, 1}, {20, 1, 11}, {22, 2, 0}};
	struct vring *r = &devs[i].ring;
	uint64_t bar;

	if (gmem_zero(mem, GPA(0x10000 * (i + 1)), 0x4000))
		abort();
	*r = vring_at(mem, 0x10000 * (i + 1), 8);
	vring_desc(r, 0, 0x10000 * (i + 1) + 0x3000, 16, V_WRITE, 0);
	cfg_write(i, CFG_COMMAND, 2, IO | MEMORY | MASTER);
	bar = cfg_read(i, CFG_BAR0, 4);
	for (unsigned s = 0; s < ARRAY_LEN(steps); s++)
		bus_write(&mmio, bar + steps[s].off, steps[s].size, steps[s].v);
	bus_write(&mmio, bar + 32, 8, r->desc);
	bus_write(&mmio, bar + 40, 8, r->avail);
	bus_write(&mmio, bar + 48, 8, r->used);
	bus_write(&mmio, bar + 28, 2, 1);
	bus_write(&mmio, bar + 20, 1, 15);
}

/* Does a write there make device i work? */
static bool rings(unsigned i, uint64_t port, unsigned size, uint64_t v)
{
	unsigned was = vring_used_idx(&devs[i].ring);

	vring_offer(&devs[i].ring, 0);
	bus_write(&pio, port, size, v);
	if (vring_used_idx(&devs[i].ring) != was)
		return true;
	bus_write(&mmio, cfg_read(i, CFG_BAR0, 4) + MEMORY_NOTIFY, 2, 0);
	ok(vring_used_idx(&devs[i].ring) == (uint16_t)(was + 1), "by memory it does");
	return false;
}

static unsigned port_of(unsigned i) { return cfg_read(i, CFG_BAR1, 4) & ~3u; }

static void test_notify(void)
{
	uint64_t v = 7;

	ready(0);
	ready(1);
	ok(port_of(0) == IO_WINDOW && port_of(1) == IO_WINDOW + 4 && (cfg_read(0, CFG_BAR1, 4) & 3) == 1, "ports side by side, and marked as such");
	ok(rings(0, port_of(0), 2, 0), "OUT of the queue's index notifies");
	ok(rings(1, port_of(1), 2, 0), "and the neighbour's its own device");
	ok(!rings(0, port_of(1), 2, 0), "but not the other");
	ok(!rings(0, port_of(0), 2, 1), "a queue that is not there is nobody's");
	ok(!rings(0, port_of(0), 2, 0xffff), "one far out too");
	ok(!rings(0, port_of(0), 1, 0), "a byte is no notification");
	ok(!rings(0, port_of(0), 4, 0), "nor a doubleword");
	ok(!rings(0, port_of(0) + 2, 2, 0), "nor another port of the BAR");
	ok(!rings(0, port_of(0) + 3, 2, 0), "nor a word over two BARs");
	for (unsigned size = 1; size <= 4; size *= 2)
		ok(bus_read(&pio, port_of(0), size, &v) && v == 0, "a read of %u is zero", size);
	cfg_write(0, CFG_COMMAND, 2, MEMORY | MASTER);
	ok(!rings(0, port_of(0), 2, 0) && !bus_read(&pio, port_of(0), 2, &v), "without I/O decoding there is no port");
	cfg_write(0, CFG_COMMAND, 2, IO | MASTER);
	ok(!bus_read(&mmio, cfg_read(0, CFG_BAR0, 4), 4, &v) && bus_read(&pio, port_of(0), 2, &v), "without memory decoding there is the port alone");
	cfg_write(0, CFG_COMMAND, 2, IO | MEMORY | MASTER);
	ok(rings(0, port_of(0), 2, 0), "and on again");
}

static void test_size(void)
{
	unsigned home = port_of(0);

	ready(0);
	cfg_write(0, CFG_BAR1, 4, 0xffffffff);
	ok_eq(cfg_read(0, CFG_BAR1, 4), 0xfffffffd, "the BAR tells its size and its kind");
	ok(!rings(0, home, 2, 0), "and is nowhere meanwhile");
	cfg_write(0, CFG_BAR1, 4, home);
	ok(rings(0, home, 2, 0), "then back");
	cfg_write(0, CFG_COMMAND, 2, 0xffff);
	ok_eq(cfg_read(0, CFG_COMMAND, 2), 0x407, "the command register has I/O decoding");
	ok_eq(cfg_read(0, CFG_BAR1 + 4, 4), 0, "no third BAR");
}

static void test_move(void)
{
	unsigned home = port_of(0);

	ready(0);
	ready(1);
	cfg_write(0, CFG_BAR1, 4, 0xd000);
	ok(rings(0, 0xd000, 2, 0) && !rings(0, home, 2, 0), "moved: here and no longer there");
	cfg_write(0, CFG_BAR1, 1, 0x40);
	ok(rings(0, 0xd040, 2, 0), "by a byte");
	cfg_write(0, CFG_BAR1, 4, 0xfffc);
	ok(rings(0, 0xfffc, 2, 0), "the last ports of all");
	cfg_write(0, CFG_BAR1, 4, home + 4);
	ok(rings(1, home + 4, 2, 0) && !rings(0, home + 4, 2, 0), "over the neighbour's: the neighbour was there first");
	cfg_write(0, CFG_BAR1, 4, home);
	ok(rings(0, home, 2, 0) && rings(1, home + 4, 2, 0), "and home again");
}

/* Where the machine has its own, and where nothing can be. */
static void test_hostile(void)
{
	static const uint32_t at[] = {0, 0x60, 0x70, OLD_PORT, OLD_PORT + 4, 0x600, 0xcf8, 0xcfc, IO_WINDOW - 4, 0x10000, 0x1c000, 0x10000 + OLD_PORT, 0xfffffffc};
	unsigned home = port_of(0);
	uint64_t v;

	ready(0);
	for (unsigned i = 0; i < ARRAY_LEN(at); i++) {
		unsigned writes = old_writes;

		cfg_write(0, CFG_BAR1, 4, at[i]);
		ok(pio.n == 2, "at 0x%x it is nowhere: the old device and the neighbour are all", (unsigned)at[i]);
		ok(!rings(0, at[i], 2, 0) && bus_read(&pio, OLD_PORT, 1, &v) && v == 0x5a, "and the old device is who it was");
		ok(bus_write(&pio, OLD_PORT + 4, 1, 0) && old_writes > writes, "in all of its ports");
	}
	for (unsigned i = 0; i < 3000; i++)
		cfg_write(0, CFG_BAR1, 4, i % 3 == 0 ? home + 4 : i % 3 == 1 ? IO_WINDOW + 4 * (i % 1024) : OLD_PORT);
	cfg_write(0, CFG_BAR1, 4, home);
	ok(pio.n == 3 && rings(0, home, 2, 0), "3000 moves later it works at home");
	cfg_write(0, CFG_BAR1, 4, 0xd000);
	virtio_pci_reset(&devs[0].pci);
	ok(pio.n == 2 && cfg_read(0, CFG_BAR1, 4) == (home | 1) && cfg_read(0, CFG_COMMAND, 2) == 0, "a reset puts it where it was first, and off");
}

/* The same by VIRTIO_PCI_CAP_PCI_CFG. */
static void test_window(void)
{
	unsigned cap = devs[0].pci.cfg_cap, was;

	ready(0);
	was = vring_used_idx(&devs[0].ring);
	vring_offer(&devs[0].ring, 0);
	cfg_write(0, cap + 4, 1, 1);
	cfg_write(0, cap + 8, 4, 0);
	cfg_write(0, cap + 12, 4, 2);
	cfg_write(0, cap + 16, 2, 0);
	ok_eq(vring_used_idx(&devs[0].ring), was + 1, "the port through configuration space");
	cfg_write(0, cap + 8, 4, 4);
	cfg_write(0, cap + 16, 2, 0);
	cfg_write(0, cap + 4, 1, 2);
	cfg_write(0, cap + 16, 2, 0);
	ok(vring_used_idx(&devs[0].ring) == was + 1 && !(devs[0].rng.dev.status & VIRTIO_S_NEEDS_RESET), "beyond it, or of a BAR that is not there, nothing");
}

/* A full bus, of which each function has its port. */
static void test_many(void)
{
	static struct virtio_pci fns[PCI_BUS_SLOTS];
	unsigned n = 0;

	for (unsigned slot = 2; slot < PCI_BUS_SLOTS; slot++)
		n += virtio_pci_init(&fns[slot], &pci, slot, &devs[0].rng.dev) == OK;
	for (unsigned slot = 0; slot < PCI_BUS_SLOTS; slot++)
		cfg_write(slot, CFG_COMMAND, 2, IO);
	ok(n == PCI_BUS_SLOTS - 2 && pio.n == PCI_BUS_SLOTS + 1, "%u functions, %u claims", n + 2, pio.n);
}

static void test_without(void)
{
	uint8_t bars[4] = {0};
	unsigned cap;

	machine(false);
	ok(caps_of(0, CAP_NOTIFY, bars, &cap) == 1 && bars[0] == 0, "a machine without ports: memory alone");
	ok(cfg_read(0, CFG_BAR1, 4) == 0, "and one BAR");
	cfg_write(0, CFG_BAR1, 4, 0xffffffff);
	cfg_write(0, CFG_COMMAND, 2, 0xffff);
	ok(cfg_read(0, CFG_BAR1, 4) == 0 && cfg_read(0, CFG_COMMAND, 2) == 0x406 && pio.n == 1, "which cannot be made more");
	ok_eq(pci_fn_add_io_bar(&devs[0].pci.fn, 4, &old_ops), E_LIMIT, "no room for ports");
}

int main(void)
{
	fake_init(32 * MIB, 1);
	rng_init();
	mem = guest_ram(RAM);
	machine(true);
	test_caps();
	test_notify();
	test_size();
	test_move();
	test_hostile();
	test_window();
	test_many();
	test_without();
	return tap_done();
}
