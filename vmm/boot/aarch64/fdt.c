/* SPDX-License-Identifier: Apache-2.0 */
/* The device tree of an aarch64 guest (Devicetree Specification 0.4; the bindings are in Linux Documentation/devicetree/bindings). It names
 * what virt.c builds and virt_layout.h places, and nothing else. */
#include <core/arith.h>
#include <core/fmt.h>
#include <core/rng.h>
#include <libfdt.h>
#include <string.h>
#include <vmm/aarch64/virt_layout.h>
#include <vmm/pci_bus.h>
#include "boot_virt.h"

enum { PHANDLE_GIC = 1, PHANDLE_CLOCK, PHANDLE_GPIO };
enum { GIC_SPI = 0, GIC_PPI = 1, IRQ_EDGE_RISING = 1, IRQ_LEVEL_HIGH = 4 }; /* arm,gic-v3: type, number within it, flags */
enum { KEY_POWER = 116, GPIO_POWER_KEY = 3, APB_HZ = 24000000 };
#define PCI_MEMORY_32 0x02000000u /* phys.hi of a ranges entry (IEEE 1275 PCI binding 2.2.1.1) */
#define HI(v) ((uint32_t)((uint64_t)(v) >> 32))
#define LO(v) ((uint32_t)(v))

/* A tree as it grows; the first error stays and stops the rest. */
struct tree { void *fdt; int err; };

static void tree_keep(struct tree *t, int err)
{
	if (!t->err)
		t->err = err;
}

static void node(struct tree *t, const char *name) { tree_keep(t, t->err ? 0 : fdt_begin_node(t->fdt, name)); }
static void node_end(struct tree *t) { tree_keep(t, t->err ? 0 : fdt_end_node(t->fdt)); }

static void node_at(struct tree *t, const char *name, uint64_t address)
{
	char full[32];

	fmt_buf(full, sizeof(full), "%s@%llx", name, (unsigned long long)address);
	node(t, full);
}

static void prop_bytes(struct tree *t, const char *name, const void *p, size_t n)
{
	tree_keep(t, t->err ? 0 : fdt_property(t->fdt, name, p, (int)n));
}

static void prop_empty(struct tree *t, const char *name) { prop_bytes(t, name, "", 0); }
static void prop_string(struct tree *t, const char *name, const char *s) { prop_bytes(t, name, s, strlen(s) + 1); }

static void prop_cell_array(struct tree *t, const char *name, const uint32_t *v, unsigned n)
{
	fdt32_t cells[32];

	for (unsigned i = 0; i < n && i < ARRAY_LEN(cells); i++)
		cells[i] = cpu_to_fdt32(v[i]);
	prop_bytes(t, name, cells, n * sizeof(cells[0]));
}
#define prop_cells(t, name, ...) \
	prop_cell_array(t, name, (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))
/* Several strings in one property: "a\0b". The literal's own NUL ends the last one. */
#define prop_strings(t, name, literal) prop_bytes(t, name, literal, sizeof(literal))

static void prop_reg(struct tree *t, uint64_t base, uint64_t size)
{
	prop_cells(t, "reg", HI(base), LO(base), HI(size), LO(size));
}

static void prop_spi(struct tree *t, unsigned intid)
{
	prop_cells(t, "interrupts", GIC_SPI, intid - 32, IRQ_LEVEL_HIGH);
}

/* ---- the parts */

static void tree_cpus(struct tree *t, unsigned nvcpus)
{
	node(t, "cpus");
	prop_cells(t, "#address-cells", 1);
	prop_cells(t, "#size-cells", 0);
	for (unsigned i = 0; i < nvcpus; i++) {
		node_at(t, "cpu", VIRT_AFFINITY(i));
		prop_string(t, "device_type", "cpu");
		prop_string(t, "compatible", "arm,armv8");
		prop_cells(t, "reg", LO(VIRT_AFFINITY(i)));
		prop_string(t, "enable-method", "psci");
		node_end(t);
	}
	node_end(t);

	node(t, "psci");
	prop_strings(t, "compatible", "arm,psci-1.0\0arm,psci-0.2");
	prop_string(t, "method", "hvc");
	node_end(t);
}

static void tree_timer(struct tree *t)
{
	node(t, "timer");
	prop_strings(t, "compatible", "arm,armv8-timer");
	/* By position: secure physical and hypervisor's are there for those who count, and never come. */
	prop_cells(t, "interrupts", GIC_PPI, 29 - 16, IRQ_LEVEL_HIGH, GIC_PPI, VIRT_PPI_PTIMER - 16, IRQ_LEVEL_HIGH,
		   GIC_PPI, VIRT_PPI_VTIMER - 16, IRQ_LEVEL_HIGH, GIC_PPI, 26 - 16, IRQ_LEVEL_HIGH);
	prop_empty(t, "always-on");
	node_end(t);
}

static void tree_gic(struct tree *t, unsigned nvcpus)
{
	uint64_t redist = VIRT_GICR_STRIDE * nvcpus;

	node_at(t, "intc", VIRT_GICD);
	prop_string(t, "compatible", "arm,gic-v3");
	prop_empty(t, "interrupt-controller");
	prop_cells(t, "#interrupt-cells", 3);
	prop_cells(t, "#address-cells", 0);
	prop_cells(t, "reg", HI(VIRT_GICD), LO(VIRT_GICD), HI(VIRT_GICD_SIZE), LO(VIRT_GICD_SIZE),
		   HI(VIRT_GICR), LO(VIRT_GICR), HI(redist), LO(redist));
	prop_empty(t, "msi-controller");
	prop_cells(t, "mbi-ranges", VIRT_MSI_FIRST, VIRT_MSI_COUNT);
	prop_cells(t, "phandle", PHANDLE_GIC);
	node_end(t);
}

static void tree_primecells(struct tree *t)
{
	node(t, "apb-pclk");
	prop_string(t, "compatible", "fixed-clock");
	prop_cells(t, "#clock-cells", 0);
	prop_cells(t, "clock-frequency", APB_HZ);
	prop_string(t, "clock-output-names", "clk24mhz");
	prop_cells(t, "phandle", PHANDLE_CLOCK);
	node_end(t);

	node_at(t, "serial", VIRT_UART);
	prop_strings(t, "compatible", "arm,pl011\0arm,primecell");
	prop_reg(t, VIRT_UART, VIRT_DEVICE_SIZE);
	prop_spi(t, VIRT_SPI_UART);
	prop_cells(t, "clocks", PHANDLE_CLOCK, PHANDLE_CLOCK);
	prop_strings(t, "clock-names", "uartclk\0apb_pclk");
	node_end(t);

	/* No interrupt: there is no alarm (pl031.c). */
	node_at(t, "rtc", VIRT_RTC);
	prop_strings(t, "compatible", "arm,pl031\0arm,primecell");
	prop_reg(t, VIRT_RTC, VIRT_DEVICE_SIZE);
	prop_cells(t, "clocks", PHANDLE_CLOCK);
	prop_string(t, "clock-names", "apb_pclk");
	node_end(t);

	node_at(t, "gpio", VIRT_GPIO);
	prop_strings(t, "compatible", "arm,pl061\0arm,primecell");
	prop_reg(t, VIRT_GPIO, VIRT_DEVICE_SIZE);
	prop_spi(t, VIRT_SPI_GPIO);
	prop_empty(t, "gpio-controller");
	prop_cells(t, "#gpio-cells", 2);
	prop_empty(t, "interrupt-controller");
	prop_cells(t, "#interrupt-cells", 2);
	prop_cells(t, "#address-cells", 0);
	prop_cells(t, "clocks", PHANDLE_CLOCK);
	prop_string(t, "clock-names", "apb_pclk");
	prop_cells(t, "phandle", PHANDLE_GPIO);
	node_end(t);
}

/* The key is its interrupt alone, each of which is one stroke: no driver has to look at the line while it is up. */
static void tree_power_key(struct tree *t)
{
	node(t, "gpio-keys");
	prop_string(t, "compatible", "gpio-keys");
	node(t, "power");
	prop_string(t, "label", "Power");
	prop_cells(t, "linux,code", KEY_POWER);
	prop_cells(t, "interrupts-extended", PHANDLE_GPIO, GPIO_POWER_KEY, IRQ_EDGE_RISING);
	node_end(t);
	node_end(t);
}

static void tree_pci(struct tree *t)
{
	node_at(t, "pcie", VIRT_ECAM);
	prop_string(t, "compatible", "pci-host-ecam-generic");
	prop_string(t, "device_type", "pci");
	prop_cells(t, "#address-cells", 3);
	prop_cells(t, "#size-cells", 2);
	prop_cells(t, "bus-range", 0, 0);
	prop_cells(t, "linux,pci-domain", 0);
	prop_reg(t, VIRT_ECAM, PCI_ECAM_SIZE);
	prop_cells(t, "ranges", PCI_MEMORY_32, HI(VIRT_PCI_WINDOW), LO(VIRT_PCI_WINDOW), HI(VIRT_PCI_WINDOW), LO(VIRT_PCI_WINDOW),
		   HI(VIRT_PCI_WINDOW_SIZE), LO(VIRT_PCI_WINDOW_SIZE));
	prop_cells(t, "msi-parent", PHANDLE_GIC);
	prop_empty(t, "dma-coherent");
	node_end(t);
}

static void tree_memory(struct tree *t, const struct boot_ctx *c)
{
	node_at(t, "memory", VIRT_RAM);
	prop_string(t, "device_type", "memory");
	prop_reg(t, VIRT_RAM, c->ram_end - VIRT_RAM);
	node_end(t);
}

static void tree_chosen(struct tree *t, const struct boot_ctx *c)
{
	uint64_t end = c->initrd_addr + c->initrd->size;
	char console[32];
	uint8_t seed[64];

	fmt_buf(console, sizeof(console), "/serial@%llx", (unsigned long long)VIRT_UART);
	node(t, "chosen");
	prop_string(t, "bootargs", c->cmdline);
	prop_string(t, "stdout-path", console);
	if (c->initrd_addr) {
		prop_cells(t, "linux,initrd-start", HI(c->initrd_addr), LO(c->initrd_addr));
		prop_cells(t, "linux,initrd-end", HI(end), LO(end));
	}
	rng_bytes(seed, sizeof(seed));
	prop_bytes(t, "kaslr-seed", seed, 8);
	rng_bytes(seed, sizeof(seed)); /* not the bytes that say where the kernel lies */
	prop_bytes(t, "rng-seed", seed, sizeof(seed));
	memset(seed, 0, sizeof(seed));
	node_end(t);
}

static void tree_build(struct tree *t, const struct boot_ctx *c, unsigned nvcpus)
{
	tree_keep(t, fdt_create(t->fdt, BOOT_CHUNK));
	tree_keep(t, t->err ? 0 : fdt_finish_reservemap(t->fdt));
	node(t, "");
	prop_string(t, "compatible", "linux,dummy-virt");
	prop_string(t, "model", "Caisson microVM");
	prop_cells(t, "#address-cells", 2);
	prop_cells(t, "#size-cells", 2);
	prop_cells(t, "interrupt-parent", PHANDLE_GIC);
	tree_chosen(t, c);
	tree_memory(t, c);
	tree_cpus(t, nvcpus);
	tree_timer(t);
	tree_gic(t, nvcpus);
	tree_primecells(t);
	tree_power_key(t);
	tree_pci(t);
	node_end(t);
	tree_keep(t, t->err ? 0 : fdt_finish(t->fdt));
}

_Static_assert(BOOT_CHUNK <= VIRT_FDT_SIZE, "the tree is built in the chunk, and must fit where it goes");

err_t boot_fdt(struct boot_ctx *c, unsigned nvcpus)
{
	struct tree t = {.fdt = c->chunk};
	err_t e;

	tree_build(&t, c, nvcpus);
	if (t.err)
		return boot_fail(c, E_RANGE, "cannot build the guest's device tree: %s", fdt_strerror(t.err));
	e = gmem_write(c->mem, GPA(VIRT_FDT), t.fdt, fdt_totalsize(t.fdt));
	return e ? boot_fail(c, e, "cannot write the guest's device tree: %s", err_name(e)) : OK;
}
