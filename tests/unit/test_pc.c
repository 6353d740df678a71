/* SPDX-License-Identifier: Apache-2.0 */
/* The guest PC as a whole: what is where, and a kernel that is loaded and entered with the registers that its protocol wants. */
#include "tap.h"
#include <core/arith.h>
#include <fake/fake.h>
#include <vmm/machine.h>
#include <vmm/pci_bus.h>
#include <vmm/stage2.h>
#include <vmm/x86_64/lapic.h>
#include <vmm/x86_64/pc_layout.h>
#include <vmm/x86_64/regs.h>

static struct vm vm;
static struct vcpu vcpu;
static char why[VM_REASON_MAX];
static struct arch_regs entry;
static struct vcpu *entered;
static uint8_t image[5 * 512 + 4096];

void vcpu_kick(struct vcpu *v) { (void)v; }
void vcpu_post(struct vcpu *v) { (void)v; }
void vm_defer(struct vm *v, struct vm_deferred *d) { (void)v; (void)d; }
bool vm_log_allowed(struct vm *v) { (void)v; return true; }
void vm_crash(struct vm *v, const char *f, ...) { (void)v; (void)f; }
void vm_guest_reset(struct vm *v) { (void)v; }
void vm_guest_poweroff(struct vm *v) { (void)v; }
static void set_regs(struct vcpu *v, const struct arch_regs *r) { entered = v; entry = *r; }
static const struct hv_ops ops = {.name = "test", .vcpu_set_regs = set_regs};
const struct hv_ops *hv_current = &ops; /* in place of the chosen backend */

static size_t sink_write(struct chardev *c, const void *p, size_t n) { (void)c; (void)p; return n; }
static const struct chardev_ops sink_ops = {.write = sink_write};
static struct chardev sink = {&sink_ops};

static err_t image_read(void *ctx, uint64_t off, void *dst, uint64_t len)
{
	(void)ctx;
	if (!range_within(off, len, sizeof(image)))
		return E_RANGE;
	memcpy(dst, image + off, len);
	return OK;
}

/* A bzImage that wants to be at 16 MiB. */
static void make_bzimage(void)
{
	memset(image, 0, sizeof(image));
	image[0x1f1] = 4;
	put_le16(image + 0x1fe, 0xaa55);
	image[0x201] = 0x6a;
	memcpy(image + 0x202, "HdrS", 4);
	put_le16(image + 0x206, 0x20f);
	put_le32(image + 0x22c, 0x7fffffff);
	put_le16(image + 0x236, 1);
	put_le32(image + 0x238, 2047);
	put_le64(image + 0x258, 0x1000000);
	put_le32(image + 0x260, 0x100000);
}

static err_t create(uint64_t memory_bytes)
{
	memset(&vm, 0, sizeof(vm));
	pool_init(&vm.pool, "pc", &pool_root, UINT64_MAX);
	bus_init(&vm.mmio, 1ull << 48);
	bus_init(&vm.pio, 0x10000);
	spin_init(&vm.lock);
	vm.cfg = (struct vm_config){.memory_bytes = memory_bytes, .console = &sink, .kernel = {.size = sizeof(image), .read = image_read}};
	vm.vcpus = &vcpu;
	vm.nvcpus = 1;
	vcpu = (struct vcpu){.vm = &vm};
	if (lapic_create(&vcpu) != OK || gmem_create(&vm.pool, &stage2_npt, 0, &vm.mem) != OK)
		return E_NOMEM;
	return machine_create(&vm, why);
}

static void destroy(void)
{
	machine_destroy(&vm);
	gmem_destroy(vm.mem);
	lapic_destroy(&vcpu);
	ok(vm.pool.used_pages == 0, "all is given back");
	pool_fini(&vm.pool);
}

static void test_layout(void)
{
	uint64_t v = 0;

	ok_eq(create(4 * GIB), OK, "a PC with memory on both sides of the hole");
	ok(gmem_is_ram(vm.mem, GPA(0), PC_RAM_HOLE) && !gmem_is_ram(vm.mem, GPA(PC_RAM_HOLE), 1) && gmem_is_ram(vm.mem, GPA(PC_HIGH_RAM), GIB), "RAM");
	ok(bus_read(&vm.mmio, PC_ECAM_BASE + (1u << 15), 4, &v) && (uint32_t)v == 0x10431af4, "the virtio console");
	ok(bus_read(&vm.pio, PC_COM1 + 5, 1, &v) && (uint8_t)v == 0x60, "the serial port");
	destroy();
}

/* The port of a virtio device, put over the machine's own: these stay who they are, configuration ports among them. */
static void test_ports(void)
{
	enum { CONSOLE_BAR1 = 0x80000000 | 1 << 11 | 0x14, CONSOLE_COMMAND = 0x80000000 | 1 << 11 | 4, OWN = 5 };
	static const uint16_t at[] = {0x60, 0x70, PC_COM1, 0x600, 0xcf8, 0xcfc, PC_PCI_IO_WINDOW - 4};
	uint64_t v = 0;

	ok_eq(create(64 * MIB), OK, "a PC");
	bus_write(&vm.pio, 0xcf8, 4, CONSOLE_COMMAND);
	bus_write(&vm.pio, 0xcfc, 2, 7);
	ok(vm.pio.n == OWN + 1 && bus_read(&vm.pio, PC_PCI_IO_WINDOW, 2, &v) && v == 0, "the console's port");
	for (unsigned i = 0; i < ARRAY_LEN(at); i++) {
		bus_write(&vm.pio, 0xcf8, 4, CONSOLE_BAR1);
		bus_write(&vm.pio, 0xcfc, 4, at[i]);
		ok(bus_read(&vm.pio, 0xcfc, 4, &v) && v == (at[i] | 1u), "the BAR says 0x%x", at[i]);
		ok(vm.pio.n == OWN && bus_read(&vm.pio, PC_COM1 + 5, 1, &v) && v == 0x60 && bus_read(&vm.pio, 0xcf8, 4, &v) && v == CONSOLE_BAR1,
		   "but nothing is there but what was");
	}
	bus_write(&vm.pio, 0xcfc, 4, PC_PCI_IO_WINDOW + 0x100);
	ok(vm.pio.n == OWN + 1 && bus_read(&vm.pio, PC_PCI_IO_WINDOW + 0x100, 2, &v), "in the window it is");
	destroy();
}

/* The host bridge passes ports on: a kernel places BARs of ports in a window that _CRS has (ACPI 6.5 6.4.3.5.3). */
static bool crs_has_ports(void)
{
	static const uint8_t want[16] = {0x88, 13, 0, 1, 0x0c, 3, 0, 0, 0x00, 0xc0, 0xff, 0xff, 0, 0, 0x00, 0x40};
	uint8_t got[16];

	for (uint64_t a = PC_ACPI_BASE; a < PC_ACPI_BASE + 0x1000; a++)
		if (gmem_read(vm.mem, GPA(a), got, sizeof(got)) == OK && memcmp(got, want, sizeof(want)) == 0)
			return true;
	return false;
}

static void test_load(void)
{
	make_bzimage();
	ok_eq(create(64 * MIB), OK, "a PC");
	ok_eq(machine_load(&vm, why), OK, "a bzImage is loaded");
	ok(entered == &vcpu && entry.rip == 0x1000200 && entry.gpr[REG_RSI] == PC_ZERO_PAGE, "to be started at its 64-bit entry");
	ok(crs_has_ports(), "the tables have the window of ports");
	entered = NULL;
	image[0x202] = 'X';
	ok(machine_load(&vm, why) == E_CORRUPT && why[0] && !entered, "what is no kernel is not");
	destroy();
}

int main(void)
{
	fake_init(128 * MIB, 1);
	test_layout();
	test_ports();
	test_load();
	return tap_done();
}
