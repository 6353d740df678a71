/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's device tree, read back by libfdt: what Linux's drivers look for is there and agrees with the layout and the loaders. */
#include <unit/tap.h>
#include <libfdt.h>
#include <vmm/pci_bus.h>
#include "arm_image.h"
#include "vmm/boot/aarch64/boot_virt.h"

#define RAM (64 * MIB)
static struct gmem *mem;
static uint8_t chunk[BOOT_CHUNK] __attribute__((aligned(8)));
static uint8_t fdt[BOOT_CHUNK];
static char why[VM_REASON_MAX];

static err_t build(unsigned nvcpus, uint64_t initrd_size, const char *cmdline)
{
	static uint8_t kernel_bytes[0x1000], ramdisk[0x3000];
	struct bytes k = {kernel_bytes, sizeof(kernel_bytes)}, i = {ramdisk, initrd_size};
	struct vm_source kernel = {.size = sizeof(kernel_bytes), .ctx = &k, .read = bytes_read}, initrd = {.size = initrd_size, .ctx = &i, .read = bytes_read};
	struct boot_ctx c = {.mem = mem, .pool = &arm_pool, .ram_end = VIRT_RAM + RAM, .kernel = &kernel, .initrd = &initrd, .cmdline = cmdline,
			     .chunk = chunk, .why = why};
	struct boot_entry entry;
	err_t e;

	make_image(kernel_bytes, sizeof(kernel_bytes), 0, sizeof(kernel_bytes));
	gmem_clear(mem);
	e = boot_load(&c, nvcpus, &entry);
	memset(fdt, 0xff, sizeof(fdt));
	return e ? e : gmem_read(mem, GPA(VIRT_FDT), fdt, sizeof(fdt));
}

static int at(const char *path)
{
	int node = fdt_path_offset(fdt, path);

	if (node < 0)
		ok(false, "node %s", path);
	return node;
}

static bool cells_are(const char *path, const char *name, const uint32_t *want, int n)
{
	int len;
	const fdt32_t *p = fdt_getprop(fdt, at(path), name, &len);

	if (!p || len != n * 4)
		return ok(false, "%s %s has %d cells", path, name, p ? len / 4 : -1);
	for (int i = 0; i < n; i++)
		if (fdt32_to_cpu(p[i]) != want[i])
			return ok(false, "%s %s cell %d is 0x%x, not 0x%x", path, name, i, fdt32_to_cpu(p[i]), want[i]);
	return ok(true, "%s %s", path, name);
}
#define cells(path, name, ...) cells_are(path, name, (const uint32_t[]){__VA_ARGS__}, (int)(sizeof((const uint32_t[]){__VA_ARGS__}) / 4))

static const char *string(const char *path, const char *name)
{
	int len;
	const char *p = fdt_getprop(fdt, at(path), name, &len);

	return p && len > 0 && p[len - 1] == '\0' ? p : NULL;
}

static void compatible(const char *path, const char *with)
{
	ok(fdt_node_check_compatible(fdt, at(path), with) == 0, "%s is %s", path, with);
}

static bool empty(const char *path, const char *name)
{
	int len = -1;

	return fdt_getprop(fdt, at(path), name, &len) && len == 0;
}

static void test_cpus(void)
{
	ok_eq(build(18, 0, "console=ttyAMA0"), OK, "a tree for 18 vCPUs");
	ok(fdt_check_header(fdt) == 0 && fdt_totalsize(fdt) <= VIRT_FDT_SIZE && fdt_version(fdt) == 17, "that is one");
	cells("/cpus/cpu@0", "reg", 0);
	cells("/cpus/cpu@101", "reg", 0x101);
	ok(fdt_path_offset(fdt, "/cpus/cpu@102") < 0, "and no 19th");
	ok_str(string("/cpus/cpu@101", "enable-method"), "psci", "started by PSCI");
	ok_str(string("/psci", "method"), "hvc", "which is called by HVC");
	compatible("/psci", "arm,psci-1.0");
	compatible("/psci", "arm,psci-0.2");
	compatible("/timer", "arm,armv8-timer");
	cells("/timer", "interrupts", 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4);
	cells("/memory@40000000", "reg", 0, 0x40000000, 0, RAM);
}

static void test_gic(void)
{
	compatible("/intc@8000000", "arm,gic-v3");
	cells("/intc@8000000", "reg", 0, VIRT_GICD, 0, VIRT_GICD_SIZE, 0, VIRT_GICR, 0, 18 * VIRT_GICR_STRIDE);
	cells("/intc@8000000", "mbi-ranges", VIRT_MSI_FIRST, VIRT_MSI_COUNT);
	ok(empty("/intc@8000000", "msi-controller") && empty("/intc@8000000", "interrupt-controller"), "for wires and messages");
	ok(fdt_getprop(fdt, 0, "interrupt-parent", NULL) && fdt_get_phandle(fdt, at("/intc@8000000")) == 1, "everyone's");
	cells("/", "interrupt-parent", 1);
}

static void test_devices(void)
{
	uint32_t clock = fdt_get_phandle(fdt, at("/apb-pclk")), gpio = fdt_get_phandle(fdt, at("/gpio@9030000"));

	compatible("/serial@9000000", "arm,pl011");
	compatible("/serial@9000000", "arm,primecell");
	cells("/serial@9000000", "reg", 0, VIRT_UART, 0, VIRT_DEVICE_SIZE);
	cells("/serial@9000000", "interrupts", 0, VIRT_SPI_UART - 32, 4);
	cells("/serial@9000000", "clocks", clock, clock);
	compatible("/rtc@9010000", "arm,pl031");
	cells("/rtc@9010000", "clocks", clock);
	ok(!fdt_getprop(fdt, at("/rtc@9010000"), "interrupts", NULL), "no alarm is promised");
	compatible("/gpio@9030000", "arm,pl061");
	cells("/gpio@9030000", "interrupts", 0, VIRT_SPI_GPIO - 32, 4);
	compatible("/gpio-keys", "gpio-keys");
	cells("/gpio-keys/power", "linux,code", 116);
	cells("/gpio-keys/power", "interrupts-extended", gpio, 3, 1);
	compatible("/pcie@3f000000", "pci-host-ecam-generic");
	cells("/pcie@3f000000", "reg", 0, VIRT_ECAM, 0, PCI_ECAM_SIZE);
	cells("/pcie@3f000000", "bus-range", 0, 0);
	cells("/pcie@3f000000", "ranges", 0x02000000, 0, VIRT_PCI_WINDOW, 0, VIRT_PCI_WINDOW, 0, VIRT_PCI_WINDOW_SIZE);
	cells("/pcie@3f000000", "msi-parent", 1);
	ok(empty("/pcie@3f000000", "dma-coherent"), "DMA is coherent");
}

/* Through all nodes and properties: the error that ends it. */
static int walk(void)
{
	int node = 0, prop;

	while (node >= 0) {
		for (prop = fdt_first_property_offset(fdt, node); prop >= 0; prop = fdt_next_property_offset(fdt, prop))
			if (!fdt_get_property_by_offset(fdt, prop, NULL))
				return 0;
		if (prop != -FDT_ERR_NOTFOUND)
			return prop;
		node = fdt_next_node(fdt, node, NULL);
	}
	return node;
}

static void test_chosen(void)
{
	static char longest[VM_CMDLINE_MAX + 1];
	uint8_t seed[64], kaslr[8];
	uint32_t start = VIRT_RAM + RAM - 0x3000;
	int len;

	ok_str(string("/chosen", "bootargs"), "console=ttyAMA0", "the command line");
	ok_str(string("/chosen", "stdout-path"), "/serial@9000000", "and the console");
	ok(fdt_path_offset(fdt, string("/chosen", "stdout-path")) > 0, "which is there");
	ok(!fdt_getprop(fdt, at("/chosen"), "linux,initrd-start", NULL), "no initrd");
	ok(fdt_getprop(fdt, at("/chosen"), "rng-seed", &len) && len == 64, "64 random bytes");
	ok(fdt_getprop(fdt, at("/chosen"), "kaslr-seed", &len) && len == 8, "and eight for the kernel's place");
	memcpy(seed, fdt_getprop(fdt, at("/chosen"), "rng-seed", NULL), 64);
	memcpy(kaslr, fdt_getprop(fdt, at("/chosen"), "kaslr-seed", NULL), 8);
	ok(memcmp(seed, kaslr, 8) != 0, "which are others");
	memset(longest, 'x', VM_CMDLINE_MAX);
	ok_eq(build(VM_MAX_VCPUS, 0x2fff, longest), OK, "most vCPUs and the longest command line");
	ok_eq(walk(), -FDT_ERR_NOTFOUND, "the tree can be walked to its end");
	ok(memcmp(seed, fdt_getprop(fdt, at("/chosen"), "rng-seed", NULL), 64) != 0, "other random bytes each time");
	ok_str(string("/chosen", "bootargs"), longest, "whole");
	cells("/chosen", "linux,initrd-start", 0, start);
	cells("/chosen", "linux,initrd-end", 0, start + 0x2fff);
	ok_eq(build(1, 0, ""), OK, "and the least");
	ok_str(string("/chosen", "bootargs"), "", "no command line");
}

int main(void)
{
	fake_init(160 * MIB, 1);
	mem = arm_ram(RAM);
	test_cpus();
	test_gic();
	test_devices();
	test_chosen();
	return tap_done();
}
