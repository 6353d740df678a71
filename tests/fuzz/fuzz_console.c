/* SPDX-License-Identifier: Apache-2.0 */
/* A hostile driver of the console device: the input is a program of register and memory writes. Nothing may crash, hang, or leave guest
 * memory access open. */
#include "../unit/vring.h"
#include <vmm/virtio_console.h>
#include <vmm/virtio_pci.h>
#include "../../vmm/vm/vm_internal.h"

#define RAM (1 * MIB)
static struct gmem *mem;
static struct bus mmio, pio;
static struct pci_bus pci;
static struct virtio_pci dev;
static struct vm vm;
static struct virtio_console con;

static size_t sink_write(struct chardev *c, const void *p, size_t n) { (void)c; (void)p; return n; }
static const struct chardev_ops sink_ops = {.write = sink_write};
static struct chardev sink = {&sink_ops};
static void drop_msi(void *ctx, uint64_t address, uint32_t data) { (void)ctx; (void)address; (void)data; }

/* A device that a good driver has set up, so that the input begins where it matters. */
static void prepare(void)
{
	static const struct { unsigned off, size; uint64_t v; } steps[] = {
		{20, 1, 0}, {20, 1, 3}, {8, 4, 1}, {12, 4, 1}, {20, 1, 11}, {22, 2, 0}, {32, 8, 0x1000}, {40, 8, 0x2000}, {48, 8, 0x3000}, {28, 2, 1},
		{22, 2, 1}, {32, 8, 0x4000}, {40, 8, 0x5000}, {48, 8, 0x6000}, {28, 2, 1}, {20, 1, 15},
	};

	gmem_clear(mem);
	pci_fn_reset(&dev.fn);
	pci_ecam_ops.write(&pci, 4, 2, 7);
	for (unsigned i = 0; i < ARRAY_LEN(steps); i++)
		bus_write(&mmio, 0x10000000 + steps[i].off, steps[i].size, steps[i].v);
}

static void step(const uint8_t *p)
{
	uint64_t at = get_le32(p + 1) & 0xfffff, v = get_le32(p + 5);
	unsigned size = 1u << (p[0] >> 3 & 3);

	switch (p[0] & 7) {
	case 0: case 1: bus_write(&mmio, 0x10000000 + (at & 0x7fff), size, v | v << 32); break;
	case 2: bus_read(&mmio, 0x10000000 + (at & 0x7fff), size, &v); break;
	case 3: pci_ecam_ops.write(&pci, at & 0xff, size & 7, v); break;
	case 4: virtio_console_input(&con, p, 9); break;
	case 5:
		if (at & 2)
			bus_write(&pio, 0xc000 + (at >> 2 & 3), size, v & 3);
		else
			bus_write(&mmio, 0x10003000 + 4 * (at & 1), 2, 0);
		break;
	default: /* rings and descriptors lie in the first 32 KiB */
		if (gmem_write(mem, GPA(at & 0x7fff), &v, MIN(size, 4u)) || fake_guest_access_open())
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!mem) {
		fake_init(16 * MIB, 1);
		mem = guest_ram(RAM);
		bus_init(&mmio, 1ull << 40);
		bus_init(&pio, 0x10000);
		pci_bus_init(&pci, &mmio, (struct msi_sink){drop_msi, NULL}, 0x10000000, 0x1000000);
		pci_bus_add_io(&pci, &pio, 0xc000, 0x4000);
		virtio_console_init(&con, mem, &sink);
		spin_init(&vm.lock);
		spin_init(&vm.log_lock);
		con.dev.vm = &vm;
		if (virtio_pci_init(&dev, &pci, 0, &con.dev))
			abort();
	}
	prepare();
	for (; size >= 9; data += 9, size -= 9) {
		step(data);
		(void)vm_deferred_run(&vm); /* one piece, as before an entry */
	}
	if (fake_guest_access_open())
		abort();
	return 0;
}
