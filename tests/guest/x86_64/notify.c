/* SPDX-License-Identifier: Apache-2.0 */
/* Notification of a virtio device by an I/O port: found by the capabilities, used, and moved to where it may be and to where it may not, over
 * the ports of others. Beside it notification by memory works all the while. */
#include "lib/guest.h"
#include "lib/virtio.h"

enum { SIZE = 8, BYTES = 64, IO_WINDOW = 0xc000, CONFIG_ADDRESS = 0xcf8, UART_SCRATCH = 0x3ff, RTC_INDEX = 0x70, RTC_D = 0x0d, RTC_VALID = 0x80 };
static struct virtio rng, con;
static struct ring ring;
static uint8_t buf[BYTES];

static void ready(void)
{
	(void)virtio_begin(&rng, 0);
	virtio_queue(&rng, 0, &ring, SIZE);
	virtio_set_status(&rng, VS_ACK | VS_DRIVER | VS_FEATURES_OK | VS_DRIVER_OK);
}

static void offer(void)
{
	ring.desc[0].addr = (uint64_t)buf;
	ring.desc[0].len = BYTES;
	ring.desc[0].flags = VD_WRITE;
	ring.avail.ring[ring.avail.idx % SIZE] = 0;
	memory_barrier();
	ring.avail.idx++;
	memory_barrier();
}

/* An emulator's device may take its time; Caisson's is done when the instruction is. */
static bool done(unsigned want)
{
	return WAIT(ring.used.idx == want) && !(virtio_status(&rng) & VS_NEEDS_RESET);
}

static bool works_at(uint16_t port)
{
	ready();
	offer();
	outw(port, 0);
	return done(1);
}

static bool works_by_memory(void)
{
	ready();
	offer();
	virtio_kick(&rng, 0);
	return done(1);
}

/* Nothing may come of an access. */
static bool silent(void)
{
	return ring.used.idx == 0 && works_by_memory();
}

static void check_notify(void)
{
	static uint16_t queues[50];
	const void *si = queues;
	uint64_t n = 50;

	ok(works_at(rng.port), "OUT of the queue's index notifies");
	ok(works_by_memory(), "a write to memory, too");
	ready();
	for (unsigned i = 0; i < 100; i++) {
		offer();
		outw(rng.port, 0);
		if (!done(i + 1))
			break;
	}
	ok_eq(ring.used.idx, 100, "a hundred buffers, each by its own");
	ready();
	offer();
	__asm__ volatile("rep outsw" : "+S"(si), "+c"(n) : "d"(rng.port) : "memory");
	ok(n == 0 && done(1), "REP OUTSW notifies again and again");
	ready();
	for (unsigned q = 1; q < 0x10000; q++)
		outw(rng.port, (uint16_t)q);
	ok(works_at(rng.port), "queues that are not there");
	outw(con.port, 0);
	outw(con.port, 1);
	ok(read16(con.common + VC_QUEUES) == 2, "queues that are not ready");
}

static void check_widths(void)
{
	ready();
	offer();
	outb(rng.port, 0);
	outl(rng.port, 0);
	outw((uint16_t)(rng.port + 1), 0);
	outw((uint16_t)(rng.port + 2), 0);
	outw((uint16_t)(rng.port + 3), 0);
	ok(silent(), "no other width and no other port notifies");
	ok(inb(rng.port) == 0 && inw(rng.port) == 0 && inl(rng.port) == 0, "reads are zero");
	pci_write16(rng.slot, PCI_COMMAND, PCI_MEMORY | PCI_MASTER);
	ready();
	offer();
	outw(rng.port, 0);
	ok(silent() && inw(rng.port) == 0xffff, "without I/O decoding nobody is there");
	pci_write16(rng.slot, PCI_COMMAND, PCI_IO | PCI_MEMORY | PCI_MASTER);
	ok(works_at(rng.port), "and on again");
}

/* ---- the BAR */

static void move(uint32_t to)
{
	pci_write32(rng.slot, rng.port_reg, to);
}

/* They answer where they always did. */
static bool machine_alive(void)
{
	outb(UART_SCRATCH, 0x5a);
	outb(RTC_INDEX, RTC_D);
	return inb(UART_SCRATCH) == 0x5a && inb(0x71) == RTC_VALID && pci_read32(rng.slot, 0) == (VIRTIO_RNG << 16 | 0x1af4) &&
	       read16(con.common + VC_QUEUES) == 2;
}

static void check_places(void)
{
	static const uint32_t good[] = {IO_WINDOW + 0x100, 0xd1f0, 0xfffc};
	static const uint32_t bad[] = {0, 0x60, RTC_INDEX, 0x3f8, 0x3fc, 0x600, 0x604, CONFIG_ADDRESS, 0xcfc, IO_WINDOW - 4, 0x10000, 0x103f8, 0xfffffffc};
	uint16_t home = rng.port;

	move(~0u);
	ok_eq(pci_read32(rng.slot, rng.port_reg), 0xfffffffd, "the BAR tells its size");
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		move(good[i]);
		ok(works_at((uint16_t)good[i]) && inw(home) == 0xffff, "moved to %x", (unsigned)good[i]);
	}
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		move(bad[i]);
		ok(machine_alive() && inw(home) == 0xffff && works_by_memory(), "at %x it is nowhere, and nobody is harmed", (unsigned)bad[i]);
	}
	move(con.port);
	ready();
	offer();
	outw(con.port, 0);
	ok(silent() && machine_alive(), "over its neighbour's port it is nowhere");
	for (unsigned i = 0; i < 300; i++)
		move(i % 3 == 0 ? con.port : i % 3 == 1 ? IO_WINDOW + 4 * i : CONFIG_ADDRESS);
	move(home);
	ok(works_at(home) && machine_alive(), "home again after 300 moves");
}

void guest_main(void)
{
	if (!ok(virtio_find(&rng, VIRTIO_RNG) && virtio_find(&con, VIRTIO_CONSOLE), "there are an entropy device and a console"))
		return;
	if (!on_caisson) {
		skip("not in Caisson", "a port to notify");
		return;
	}
	if (!ok(rng.port && rng.port_first && con.port && con.port_first && con.port != rng.port, "each has a port to notify, before memory"))
		return;
	note("ports %x and %x", rng.port, con.port);
	check_notify();
	check_widths();
	check_places();
}
