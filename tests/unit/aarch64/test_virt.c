/* SPDX-License-Identifier: Apache-2.0 */
/* The aarch64 guest's machine as a whole: what is where, whose interrupt is whose, consoles, power button, reset, start of a kernel. */
#include <unit/tap.h>
#include <vmm/aarch64/regs.h>
#include <vmm/machine.h>
#include <vmm/pci_bus.h>
#include "bare_arm.h"
#include "arm_image.h"

static char out[64];
static size_t out_len;
static size_t sink_write(struct chardev *c, const void *p, size_t n)
{
	(void)c;
	for (size_t i = 0; i < n && out_len < sizeof(out); i++)
		out[out_len++] = ((const char *)p)[i];
	return n;
}
static const struct chardev_ops sink_ops = {.write = sink_write};
static struct chardev sink = {&sink_ops};

static struct arch_regs entry;
static struct vcpu *entered;
static void set_regs(struct vcpu *v, const struct arch_regs *r) { entered = v; entry = *r; }
static const struct hv_ops ops = {.name = "test", .vcpu_set_regs = set_regs};
const struct hv_ops *hv_current = &ops; /* in place of the chosen backend */

static char why[VM_REASON_MAX];
static uint8_t image[0x3000];
static struct bytes kernel_bytes = {image, sizeof(image)}, no_bytes;

static err_t create(uint64_t memory_bytes)
{
	CHECK(bare_vcpus_init(2));
	bare.cfg = (struct vm_config){.memory_bytes = memory_bytes, .console = &sink, .kernel = {.size = sizeof(image), .ctx = &kernel_bytes, .read = bytes_read},
				      .initrd = {.ctx = &no_bytes, .read = bytes_read}};
	out_len = 0;
	why[0] = '\0';
	if (gmem_create(&bare.pool, &stage2_plain, 0, &bare.mem) != OK)
		abort();
	return machine_create(&bare, why);
}

static void destroy(void)
{
	machine_destroy(&bare);
	machine_destroy(&bare);
	gmem_destroy(bare.mem);
	for (unsigned i = 0; i < bare.nvcpus; i++)
		vgic_vcpu_fini(&bare_vcpus[i]);
	ok(bare.pool.used_pages == 0 && bare.machine == NULL && bare.irqchip == NULL, "all is given back");
	pool_fini(&bare.pool);
}

static bool pends(unsigned intid) { return bit(0, ISPENDR, intid); }

/* ---- PCI functions */

static uint64_t ecam(unsigned slot, unsigned off) { return VIRT_ECAM + (slot << 15) + off; }

static unsigned find_cap(unsigned slot, uint8_t id)
{
	unsigned at = (unsigned)mmio_rd(ecam(slot, 0x34), 1);

	while (at && mmio_rd(ecam(slot, at), 1) != id)
		at = (unsigned)mmio_rd(ecam(slot, at + 1), 1);
	return at;
}

static uint64_t open_bar(unsigned slot)
{
	mmio_wr(ecam(slot, 4), 2, 6);
	return mmio_rd(ecam(slot, 0x10), 4) & ~0xfull;
}

static void test_layout(void)
{
	ok_eq(create(64 * MIB), OK, "a machine");
	ok(gmem_is_ram(bare.mem, GPA(VIRT_RAM), 64 * MIB) && !gmem_is_ram(bare.mem, GPA(VIRT_RAM + 64 * MIB), 1) && !gmem_is_ram(bare.mem, GPA(0), 1), "RAM");
	ok_eq(gicd(0xffe8), 0x3b, "the interrupt controller");
	ok(mmio_rd(VIRT_UART + 0xfe0, 4) == 0x11 && mmio_rd(VIRT_RTC + 0xfe0, 4) == 0x31 && mmio_rd(VIRT_GPIO + 0xfe0, 4) == 0x61, "serial port, clock, GPIO");
	ok(mmio_rd(ecam(0, 0), 4) == 0x00081b36 && mmio_rd(ecam(0, 8), 4) >> 8 == 0x060000, "the host bridge");
	ok(mmio_rd(ecam(1, 0), 4) == 0x10431af4 && mmio_rd(ecam(2, 0), 4) == 0x10441af4, "virtio console and entropy");
	ok_eq(mmio_rd(ecam(3, 0), 4), 0x10521af4, "and the power key");
	ok_eq(mmio_rd(ecam(4, 0), 4), 0xffffffff, "and nothing more");
	ok(open_bar(1) >= VIRT_PCI_WINDOW && open_bar(2) > open_bar(1) && open_bar(2) < VIRT_PCI_WINDOW + VIRT_PCI_WINDOW_SIZE, "placed in the window");
	ok(mmio_rd(open_bar(1) + 18, 2) == 2 && mmio_rd(open_bar(2) + 18, 2) == 1, "with their queues");
	destroy();
}

static void test_consoles(void)
{
	uint64_t bar;

	ok_eq(create(64 * MIB), OK, "a machine");
	mmio_wr(VIRT_UART, 4, 'u');
	ok(out_len == 1 && out[0] == 'u', "the serial port writes");
	mmio_wr(VIRT_UART + 0x38, 4, 0x50);
	ok_eq((int64_t)machine_console_input(&bare, "a", 1), 1, "what is typed ...");
	ok(pends(VIRT_SPI_UART) && mmio_rd(VIRT_UART, 4) == 'a' && !pends(VIRT_SPI_UART), "... goes to it, with its interrupt");
	bar = open_bar(1);
	mmio_wr(bar + 0x2008, 4, 'v');
	ok(out_len == 2 && out[1] == 'v', "the virtio console writes");
	ok_eq((int64_t)machine_console_input(&bare, "b", 1), 1, "what is typed now ...");
	ok(!pends(VIRT_SPI_UART) && (mmio_rd(VIRT_UART + 0x18, 4) & 0x10), "... does not go to the serial port");
	mmio_wr(VIRT_UART, 4, 'u');
	(void)machine_console_input(&bare, "c", 1);
	ok(pends(VIRT_SPI_UART) && mmio_rd(VIRT_UART, 4) == 'c', "until that one writes again");
	destroy();
}

/* A device's message by MSI-X: here the terminal's new size. */
static void test_messages(void)
{
	uint64_t bar;
	unsigned cap;

	ok_eq(create(64 * MIB), OK, "a machine");
	bar = open_bar(1);
	cap = find_cap(1, 0x11);
	mmio_wr(bar + 0x4000, 8, VIRT_GICD + SETSPI);
	mmio_wr(bar + 0x4008, 4, VIRT_MSI_FIRST + 3);
	mmio_wr(bar + 0x400c, 4, 0);
	mmio_wr(ecam(1, cap + 2), 2, 0x8000);
	mmio_wr(bar + 16, 2, 0);
	mmio_wr(bar + 8, 4, 1);
	mmio_wr(bar + 12, 4, 1);
	mmio_wr(bar + 20, 1, 0xf);
	ok_eq(mmio_rd(bar + 20, 1), 0xf, "a driver is there");
	set_edge(VIRT_MSI_FIRST + 3);
	machine_console_resize(&bare, 100, 40);
	ok(pends(VIRT_MSI_FIRST + 3) && mmio_rd(bar + 0x2000, 4) == (100 | 40 << 16), "a new size of the terminal is a message");
	mmio_wr(bar + 0x4000, 8, VIRT_RAM);
	machine_console_resize(&bare, 80, 25);
	ok_eq(bare.counters.spurious_msis, 1, "one to somewhere else is counted");
	destroy();
}

static void press(void)
{
	machine_power_button(&bare);
}

static void test_power_button(void)
{
	ok_eq(create(64 * MIB), OK, "a machine");
	press();
	ok(!pends(VIRT_SPI_GPIO), "nobody listens");
	mmio_wr(VIRT_GPIO + 0x41c, 4, 0xff);
	mmio_wr(VIRT_GPIO + 0x40c, 4, 8);
	mmio_wr(VIRT_GPIO + 0x410, 4, 8);
	ok(!pends(VIRT_SPI_GPIO), "the key is up");
	press();
	ok(pends(VIRT_SPI_GPIO) && mmio_rd(VIRT_GPIO + 0x418, 4) == 8, "a stroke");
	mmio_wr(VIRT_GPIO + 0x41c, 4, 8);
	ok(!pends(VIRT_SPI_GPIO), "is taken");
	press();
	ok(pends(VIRT_SPI_GPIO), "another");
	destroy();
}

static void test_reset(void)
{
	ok_eq(create(64 * MIB), OK, "a machine");
	mmio_wr(VIRT_UART + 0x38, 4, 0x50);
	mmio_wr(VIRT_RTC + 4, 4, 77);
	mmio_wr(VIRT_GPIO + 0x410, 4, 8);
	gicd_set(GICD_CTLR, 2);
	mmio_wr(open_bar(1) + 0x2008, 4, 'v');
	mmio_wr(ecam(2, 0x10), 4, VIRT_PCI_WINDOW + 0x100000);
	(void)machine_console_input(&bare, "x", 1);
	machine_reset(&bare);
	ok(mmio_rd(VIRT_UART + 0x38, 4) == 0 && mmio_rd(VIRT_RTC + 4, 4) == 0 && mmio_rd(VIRT_GPIO + 0x410, 4) == 0, "devices");
	ok_eq(gicd(GICD_CTLR), 0x50, "interrupt controller");
	ok(mmio_rd(ecam(1, 4), 2) == 0 && mmio_rd(ecam(2, 0x10), 4) != VIRT_PCI_WINDOW + 0x100000, "PCI functions");
	(void)machine_console_input(&bare, "y", 1);
	ok_eq(mmio_rd(VIRT_UART, 4), 'y', "the serial port is the console again");
	destroy();
}

static void test_load(void)
{
	bool zero = true;

	make_image(image, sizeof(image), 0, sizeof(image));
	ok_eq(create(64 * MIB), OK, "a machine");
	entered = NULL;
	memset(&entry, 0xff, sizeof(entry));
	ok_eq(machine_load(&bare, why), OK, "a kernel is loaded");
	ok(entered == &bare_vcpus[0] && entry.pc == VIRT_KERNEL_MIN && entry.x[0] == VIRT_FDT, "to be started on vCPU 0");
	for (unsigned i = 1; i < ARM_GPRS; i++)
		zero &= entry.x[i] == 0;
	ok(zero && entry.pstate == (PSTATE_EL1H | PSTATE_DAIF) && !(entry.sys[SYS_SCTLR] & SCTLR_M), "at EL1h, masked, MMU off");
	memset(image, 0, sizeof(image));
	entered = NULL;
	ok(machine_load(&bare, why) == E_CORRUPT && why[0] && !entered, "what is no kernel is not");
	destroy();
}

static void test_small(void)
{
	make_image(image, sizeof(image), 0, sizeof(image));
	ok_eq(create(MIB), OK, "a machine of 1 MiB");
	ok(machine_load(&bare, why) == E_RANGE && why[0], "has no room for a kernel");
	destroy();
	ok(create(1ull << 45) != OK && why[0], "one that no address reaches is refused with a reason");
	destroy();
}

/* Whatever fails on the way is undone. */
static void test_no_memory(void)
{
	unsigned n = 0;
	err_t e;

	do {
		struct pool *p = &bare.pool;

		if (!bare_vcpus_init(2))
			abort();
		bare.cfg = (struct vm_config){.memory_bytes = 64 * MIB, .console = &sink};
		if (gmem_create(p, &stage2_plain, 0, &bare.mem) != OK)
			abort();
		p->limit_pages = p->used_pages + n++;
		why[0] = '\0';
		e = machine_create(&bare, why);
		p->limit_pages = UINT64_MAX;
		if (e && (!why[0] || bare.machine || bare.irqchip || bare.mmio.n))
			ok(false, "undone at page %u", n);
		machine_destroy(&bare);
		gmem_destroy(bare.mem);
		for (unsigned i = 0; i < bare.nvcpus; i++)
			vgic_vcpu_fini(&bare_vcpus[i]);
		pool_fini(p);
	} while (e && n < 100);
	ok(e == OK && n > 1, "with too little memory %u times", n - 1);
}

int main(void)
{
	fake_init(160 * MIB, 1);
	test_layout();
	test_consoles();
	test_messages();
	test_power_button();
	test_reset();
	test_load();
	test_small();
	test_no_memory();
	return tap_done();
}
