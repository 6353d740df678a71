/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio transport against a driver that misuses it: features and status out of order, queue sizes, enabling twice, kicks at
 * queues that are not there, every register in every size, BARs moved onto other devices, MSI-X with messages to nonsense. After each
 * the device works again, and its neighbour all the while. */
#include "lib/guest.h"
#include "lib/places.h"
#include "lib/virtio.h"

enum { SIZE = 8, BYTES = 64, BAR_SIZE = 0x8000, MSIX_ENABLE = 0x8000, MSIX_MASK = 0x4000 };
static struct virtio rng, con;
static struct ring ring;
static uint8_t buf[4096] __attribute__((aligned(4096)));
static volatile unsigned interrupts, others;

static void on_message(unsigned number)
{
	if (number == MSI_FIRST)
		interrupts++;
	else
		others++;
}

static void ready(void)
{
	(void)virtio_begin(&rng, 0);
	virtio_queue(&rng, 0, &ring, SIZE);
	virtio_set_status(&rng, VS_ACK | VS_DRIVER | VS_FEATURES_OK | VS_DRIVER_OK);
}

static void request(void)
{
	ring.desc[0].addr = (uint64_t)buf;
	ring.desc[0].len = BYTES;
	ring.desc[0].flags = VD_WRITE;
	ring.avail.ring[ring.avail.idx % SIZE] = 0;
	memory_barrier();
	ring.avail.idx++;
	virtio_kick(&rng, 0);
}

static bool works(void)
{
	ready();
	request();
	return WAIT(ring.used.idx == 1) && !(virtio_status(&rng) & VS_NEEDS_RESET);
}

static bool neighbour(void)
{
	return read16(con.common + VC_QUEUES) == 2;
}

/* ---- status and features */
static void check_negotiation(void)
{
	virtio_reset(&rng);
	virtio_set_status(&rng, VS_ACK | VS_DRIVER | VS_FEATURES_OK);
	ok(!(virtio_status(&rng) & VS_FEATURES_OK), "a driver without VERSION_1 is refused");
	ok(!virtio_begin(&rng, 1u << 20), "features that were not offered are refused");
	virtio_set_status(&rng, VS_ACK | VS_DRIVER | VS_DRIVER_OK);
	ok(!(virtio_status(&rng) & VS_DRIVER_OK), "DRIVER_OK without FEATURES_OK is refused");
	(void)virtio_begin(&rng, 0);
	write32(rng.common + VC_DRIVER_FEATURES, 0);
	write32(rng.common + VC_DRIVER_SELECT, 7);
	write32(rng.common + VC_DRIVER_FEATURES, ~0u);
	write32(rng.common + VC_DEVICE_SELECT, 9);
	ok_eq(read32(rng.common + VC_DEVICE_FEATURES), 0, "no features beyond the 64");
	for (unsigned s = 0; s < 256; s++)
		virtio_set_status(&rng, (uint8_t)s);
	ok(works(), "every status value is survived");
}

/* ---- queues */
static void check_queue_registers(void)
{
	static const uint16_t bad[] = {0, 3, 9, 16, 255, 0x8000, 0xffff};

	(void)virtio_begin(&rng, 0);
	write16(rng.common + VC_SELECT, 0);
	ok_eq(read16(rng.common + VC_SIZE), SIZE, "the queue's greatest size");
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write16(rng.common + VC_SIZE, bad[i]);
		if (on_caisson)
			ok_eq(read16(rng.common + VC_SIZE), SIZE, "a queue of %u is not taken", bad[i]);
	}
	write16(rng.common + VC_SIZE, 2);
	ok_eq(read16(rng.common + VC_SIZE), 2, "a queue of 2 is");
	write16(rng.common + VC_SELECT, 1);
	ok_eq(read16(rng.common + VC_SIZE), 0, "a queue that is not there has size 0");
	write16(rng.common + VC_SIZE, 8);
	write64(rng.common + VC_DESC, 0x1000);
	write16(rng.common + VC_ENABLE, 1);
	write16(rng.common + VC_SELECT, 0xffff);
	write16(rng.common + VC_ENABLE, 1);
	write16(rng.common + VC_VECTOR, 1);
	ok(works(), "queues that are not there can be set up without harm");
}

static void check_enable_twice(void)
{
	ready();
	write64(rng.common + VC_DESC, 0xdead0000);
	write64(rng.common + VC_USED, 0xdead0000);
	write16(rng.common + VC_SIZE, 2);
	write16(rng.common + VC_ENABLE, 1);
	write16(rng.common + VC_ENABLE, 0);
	request();
	ok(WAIT(ring.used.idx == 1), "an enabled queue stays where it is");
}

static void check_kicks(void)
{
	(void)virtio_begin(&rng, 0);
	virtio_queue(&rng, 0, &ring, SIZE);
	request();
	ok(ring.used.idx == 0, "nothing happens before DRIVER_OK");
	ready();
	for (unsigned i = 0; i < 0x1000; i += 4)
		write32(rng.notify + i % (on_caisson ? 0x1000 : 4), i);
	for (unsigned i = 0; i < 64; i++)
		write8(rng.notify + (on_caisson ? i : 0), (uint8_t)i);
	virtio_reset(&rng);
	virtio_set_status(&rng, VS_ACK | VS_DRIVER | VS_FEATURES_OK | VS_DRIVER_OK);
	virtio_kick(&rng, 0);
	ok(works(), "kicks at queues that are not there, or not ready");
}

/* ---- all registers, all sizes, all values */
static uint64_t reg(unsigned off, unsigned size) { return device_place(rng.bar + off, size); }

static void check_registers(void)
{
	uint64_t sum = 0;

	if (!on_caisson)
		return;
	for (unsigned off = 0; off < BAR_SIZE; off += off < 0x80 ? 1 : 61)
		sum += read8(rng.bar + off) + read16(reg(off, 2)) + read32(reg(off, 4)) + read64(reg(off, 8));
	for (unsigned round = 0; round < 3; round++)
		for (unsigned off = 0; off < BAR_SIZE; off += off < 0x80 ? 1 : 61) {
			uint64_t v = round == 0 ? 0 : round == 1 ? ~0ull : off * 0x0123456789abcdefull;

			write8(rng.bar + off, (uint8_t)v);
			write16(reg(off, 2), (uint16_t)v);
			write32(reg(off, 4), (uint32_t)v);
			write64(reg(off, 8), v);
		}
	for (unsigned off = 0; off < 0x100; off += 3)
		write32(device_place(con.device + off, 4), 0x41410041);
	note("checksum %llx", (unsigned long long)sum);
	ok(works() && neighbour(), "every register written with nonsense in every size");
}

static void check_cfg_window(void)
{
	static const uint32_t lens[] = {0, 1, 2, 3, 4, 8, 0xffffffff};
	unsigned cap = rng.cfg_cap;

	if (!cap || !on_caisson)
		return;
	for (unsigned bar = 0; bar < 256; bar += 51)
		for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
			for (uint64_t off = 0; off < 0x100000000; off += 0x1fffffff) {
				pci_write32(rng.slot, cap + 4, bar);
				pci_write32(rng.slot, cap + 8, (uint32_t)off);
				pci_write32(rng.slot, cap + 12, lens[i]);
				(void)pci_read32(rng.slot, cap + 16);
				pci_write32(rng.slot, cap + 16, 0xffffffff);
			}
	pci_write32(rng.slot, cap + 4, 0);
	pci_write32(rng.slot, cap + 8, VC_QUEUES);
	pci_write32(rng.slot, cap + 12, 2);
	ok_eq(pci_read32(rng.slot, cap + 16) & 0xffff, 1, "the window in configuration space reads a register");
	for (unsigned off = 0; off < 0x100; off++)
		write8(ECAM + (rng.slot << 15) + off, 0xff);
	for (unsigned off = 0; off < 0x1000; off += 2)
		write16(ECAM + (rng.slot << 15) + off, (uint16_t)(off * 0x9e37));
	ok_eq(pci_read32(rng.slot, 0), VIRTIO_RNG << 16 | 0x1af4, "identity stays, whatever is written");
	pci_write16(rng.slot, PCI_COMMAND, 0);
	pci_write32(rng.slot, PCI_BAR0, (uint32_t)rng.bar);
	pci_write16(rng.slot, rng.msix_cap + 2, 0);
	pci_write16(rng.slot, PCI_COMMAND, PCI_MEMORY | PCI_MASTER);
	ok(works() && neighbour(), "configuration space written with nonsense");
}

/* ---- BARs */
static void move(uint64_t to)
{
	pci_write32(rng.slot, rng.bar_reg, (uint32_t)to);
}

static void check_bars(void)
{
	static uint32_t word = 0x600dda7a;
	const uint64_t at[] = {BAR_PLACES, (uint64_t)&word & ~0x7fffull, con.bar, BAR_LAST};
	enum { PLACES = sizeof(at) / sizeof(at[0]) };
	uint64_t home = rng.bar, common = rng.common - rng.bar;

	if (!on_caisson)
		return;
	pci_write32(rng.slot, rng.bar_reg, 0xffffffff);
	ok_eq(pci_read32(rng.slot, rng.bar_reg), ~(uint32_t)(BAR_SIZE - 1), "the BAR tells its size");
	for (unsigned i = 0; i < PLACES; i++) {
		move(at[i]);
		ok(*(volatile uint32_t *)&word == 0x600dda7a && neighbour() && irqchip_alive() && read16(ECAM) == 0x1b36,
		   "BAR at %llx: memory, interrupt controller, configuration and neighbour are who they were", (unsigned long long)at[i]);
	}
	ok(read16(BAR_LAST + common + VC_QUEUES) == 1, "the last place of the window is a good one");
	move(home);
	ok(works() && neighbour(), "and works at home again");
	pci_write16(rng.slot, PCI_COMMAND, 0);
	ok_eq(read32(rng.common), 0xffffffff, "with decoding off nobody is there");
	pci_write16(rng.slot, PCI_COMMAND, PCI_MEMORY | PCI_MASTER);
	ok(works(), "and on again");
	for (unsigned i = 0; i < 300; i++)
		move(i % 3 == 0 ? con.bar : i % 3 == 1 ? home + BAR_SIZE * (i % 64) : IRQCHIP);
	move(home);
	ok(works() && neighbour(), "300 moves");
}

/* ---- MSI-X */
static void entry(unsigned i, uint64_t address, uint32_t data, uint32_t control)
{
	write64(rng.msix + 16ull * i, address);
	write32(rng.msix + 16ull * i + 8, data);
	write32(rng.msix + 16ull * i + 12, control);
}

static void msix(uint16_t control)
{
	pci_write16(rng.slot, rng.msix_cap + 2, control);
}

static void ready_with_vector(uint16_t vector)
{
	(void)virtio_begin(&rng, 0);
	write16(rng.common + VC_SELECT, 0);
	write16(rng.common + VC_VECTOR, vector);
	virtio_queue(&rng, 0, &ring, SIZE);
	virtio_set_status(&rng, VS_ACK | VS_DRIVER | VS_FEATURES_OK | VS_DRIVER_OK);
}

static bool interrupted(unsigned want)
{
	return WAIT((irq_window(), interrupts >= want)) && interrupts == want;
}

static void check_msix(void)
{
	msix(MSIX_ENABLE);
	entry(1, msi_address(), MSI_FIRST, 0);
	ready_with_vector(1);
	interrupts = 0;
	request();
	ok(interrupted(1), "a used buffer interrupts by MSI-X");
	entry(1, msi_address(), MSI_FIRST, 1);
	request();
	(void)WAIT(ring.used.idx == 2);
	irq_window();
	ok_eq(interrupts, 1, "a masked entry does not");
	entry(1, msi_address(), MSI_FIRST, 0);
	ok(interrupted(2), "but when it is unmasked");
	msix(MSIX_ENABLE | MSIX_MASK);
	request();
	(void)WAIT(ring.used.idx == 3);
	irq_window();
	ok_eq(interrupts, 2, "a masked function does not");
	msix(MSIX_ENABLE);
	ok(interrupted(3), "but when it is unmasked");
	write16(rng.common + VC_VECTOR, (uint16_t)rng.msix_count);
	ok_eq(read16(rng.common + VC_VECTOR), 0xffff, "a vector that is not there is refused");
	write16(rng.common + VC_VECTOR, 0xfffe);
	ok_eq(read16(rng.common + VC_VECTOR), 0xffff, "one far out too");
}

/* Messages that no interrupt comes of, and none that hurts. */
static void check_nonsense(void)
{
	static const uint64_t addresses[] = {MSI_BAD_ADDRESSES};
	static const uint32_t data[] = {MSI_BAD_DATA};
	uint32_t low = read32(RAM_BEGIN + 0x1000);

	if (!on_caisson)
		return;
	others = 0;
	for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		for (unsigned j = 0; j < sizeof(data) / sizeof(data[0]); j++) {
			entry(1, addresses[i], data[j], 0);
			ready_with_vector(1);
			request();
			irq_window();
		}
	ok_eq(read32(RAM_BEGIN + 0x1000), low, "messages to memory write no memory");
	note("%u came as interrupts", others);
	for (unsigned j = 0; j < sizeof(data) / sizeof(data[0]); j++) {
		entry(1, msi_address(), data[j], 0);
		ready_with_vector(1);
		request();
		irq_window();
	}
	interrupts = 0;
	entry(1, msi_address(), MSI_FIRST, 0);
	ready_with_vector(1);
	request();
	ok(interrupted(1), "after messages to nonsense it still interrupts");
	msix(0);
}

void guest_main(void)
{
	msi_take(on_message);
	if (!ok(virtio_find(&rng, VIRTIO_RNG), "there is an entropy device") || !ok(virtio_find(&con, VIRTIO_CONSOLE), "there is a console"))
		return;
	ok(works() && neighbour(), "both are well");
	check_negotiation();
	check_queue_registers();
	check_enable_twice();
	check_kicks();
	if (msi_offered()) {
		check_msix();
		check_nonsense();
	}
	check_registers();
	check_cfg_window();
	check_bars();
}
