/* SPDX-License-Identifier: Apache-2.0 */
/* The aarch64 guest's machine: puts devices, buses and the interrupt controller together (vmm/machine.h) and starts a kernel in it. CPU 0,
 * except for what the devices do themselves. Knows no virtualisation hardware. */
#include <core/arith.h>
#include <core/fmt.h>
#include <string.h>
#include <vmm/aarch64/regs.h>
#include <vmm/aarch64/vgic.h>
#include <vmm/aarch64/virt_layout.h>
#include <vmm/machine.h>
#include "../boot/aarch64/boot_virt.h"
#include "arm.h"
#include "virt.h"

enum { SLOT_HOST_BRIDGE = 0, SLOT_CONSOLE = 1, SLOT_RNG = 2, SLOT_POWER_KEY = 3, GPIO_POWER_KEY = 3 };

static struct virt *virt_of(struct vm *vm) { return vm->machine; }

static void uart_wrote(void *ctx) { ((struct virt *)ctx)->active = VIRT_CONSOLE_UART; }
static void console_wrote(void *ctx) { ((struct virt *)ctx)->active = VIRT_CONSOLE_VIRTIO; }

static void virt_init_devices(struct virt *m)
{
	struct vm *vm = m->vm;

	pl011_init(&m->uart, vm->cfg.console, vgic_line(vm, VIRT_SPI_UART));
	m->uart.wrote = uart_wrote;
	m->uart.ctx = m;
	pl031_reset(&m->rtc);
	pl061_init(&m->gpio, vgic_line(vm, VIRT_SPI_GPIO));
	virtio_console_init(&m->console, vm->mem, vm->cfg.console);
	m->console.wrote = console_wrote;
	m->console.ctx = m;
	virtio_rng_init(&m->rng, vm->mem);
	virtio_input_init(&m->power_key, vm->mem);
	m->console.dev.vm = m->rng.dev.vm = m->power_key.dev.vm = vm; /* whose time a batch takes that is cut, and whose name the log has */
}

static err_t virt_add_devices(struct virt *m)
{
	const struct { uint64_t base; const struct bus_ops *ops; void *ctx; const char *name; } devices[] = {
		{VIRT_UART, &pl011_ops, &m->uart, "uart"},
		{VIRT_RTC, &pl031_ops, &m->rtc, "rtc"},
		{VIRT_GPIO, &pl061_ops, &m->gpio, "gpio"},
	};
	err_t e = OK;

	for (unsigned i = 0; e == OK && i < ARRAY_LEN(devices); i++)
		e = bus_claim(&m->vm->mmio, devices[i].base, VIRT_DEVICE_SIZE, devices[i].ops, devices[i].ctx, devices[i].name);
	return e;
}

static err_t virt_add_pci(struct virt *m)
{
	static const struct pci_identity bridge = {.vendor = 0x1b36, .device = 0x0008, .class_code = 0x060000};
	struct vm *vm = m->vm;
	err_t e;

	pci_bus_init(&m->pci, &vm->mmio, vgic_msi_sink(vm), VIRT_PCI_WINDOW, VIRT_PCI_WINDOW_SIZE);
	e = bus_claim(&vm->mmio, VIRT_ECAM, PCI_ECAM_SIZE, &pci_ecam_ops, &m->pci, "ecam");
	if (e == OK)
		e = pci_fn_init(&m->host_bridge, &m->pci, SLOT_HOST_BRIDGE, &bridge, 0, NULL, NULL);
	if (e == OK)
		e = virtio_pci_init(&m->console_pci, &m->pci, SLOT_CONSOLE, &m->console.dev);
	if (e == OK)
		e = virtio_pci_init(&m->rng_pci, &m->pci, SLOT_RNG, &m->rng.dev);
	if (e == OK)
		e = virtio_pci_init(&m->power_key_pci, &m->pci, SLOT_POWER_KEY, &m->power_key.dev);
	return e;
}

static err_t virt_build(struct virt *m)
{
	struct vm *vm = m->vm;
	err_t e = gmem_add_ram(vm->mem, GPA(VIRT_RAM), vm->cfg.memory_bytes);

	if (e == OK)
		e = pvtime_create(vm);
	if (e == OK)
		e = vgic_create(vm);
	if (e)
		return e;
	virt_init_devices(m);
	e = virt_add_devices(m);
	return e ? e : virt_add_pci(m);
}

err_t machine_create(struct vm *vm, char *why)
{
	struct virt *m = pool_alloc(&vm->pool, sizeof(*m));
	err_t e;

	if (!m) {
		fmt_buf(why, VM_REASON_MAX, "no memory for the machine's devices");
		return E_NOMEM;
	}
	m->vm = vm;
	vm->machine = m;
	e = virt_build(m);
	if (e) {
		fmt_buf(why, VM_REASON_MAX, "cannot build the machine: %s", err_name(e));
		machine_destroy(vm);
	}
	return e;
}

void machine_destroy(struct vm *vm)
{
	vgic_destroy(vm);
	if (vm->machine)
		pool_free(&vm->pool, vm->machine, sizeof(struct virt));
	vm->machine = NULL;
}

void machine_reset(struct vm *vm)
{
	struct virt *m = virt_of(vm);

	spin_lock(&vm->lock);
	vgic_reset(vm);
	pl011_reset(&m->uart);
	pl031_reset(&m->rtc);
	pl061_reset(&m->gpio);
	pci_fn_reset(&m->host_bridge);
	virtio_pci_reset(&m->console_pci);
	virtio_pci_reset(&m->rng_pci);
	virtio_pci_reset(&m->power_key_pci);
	m->active = VIRT_CONSOLE_UART;
	spin_unlock(&vm->lock);
}

/* What the boot protocol says of the registers; everything else is as after power-on. */
static void virt_enter(struct vcpu *v, const struct boot_entry *b)
{
	struct arch_regs r;

	regs_reset(&r);
	r.pc = b->pc;
	r.x[0] = b->fdt;
	hv_current->vcpu_set_regs(v, &r);
}

err_t machine_load(struct vm *vm, char *why)
{
	struct boot_ctx c = {.mem = vm->mem, .pool = &vm->pool, .ram_end = VIRT_RAM + vm->cfg.memory_bytes, .kernel = &vm->cfg.kernel,
			     .initrd = &vm->cfg.initrd, .cmdline = vm->cmdline, .why = why};
	struct boot_entry entry;
	err_t e;

	c.chunk = pool_alloc(&vm->pool, BOOT_CHUNK);
	if (!c.chunk)
		return boot_fail(&c, E_NOMEM, "no memory to load the kernel");
	e = boot_load(&c, vm->nvcpus, &entry);
	pool_free(&vm->pool, c.chunk, BOOT_CHUNK);
	if (e == OK)
		virt_enter(&vm->vcpus[0], &entry);
	return e;
}

/* One stroke of both keys: that of the GPIO block, whose rising edge is what its driver is told of, and the virtio one, since not every
 * kernel has a driver for the first (Debian's cloud kernel has none). Who has both is told twice of the same wish. */
void machine_power_button(struct vm *vm)
{
	struct virt *m = virt_of(vm);

	spin_lock(&vm->lock);
	pl061_set(&m->gpio, GPIO_POWER_KEY, true);
	pl061_set(&m->gpio, GPIO_POWER_KEY, false);
	virtio_input_press(&m->power_key);
	spin_unlock(&vm->lock);
}

size_t machine_console_input(struct vm *vm, const void *buf, size_t n)
{
	struct virt *m = virt_of(vm);
	size_t took;

	spin_lock(&vm->lock);
	took = m->active == VIRT_CONSOLE_VIRTIO ? virtio_console_input(&m->console, buf, n) : pl011_input(&m->uart, buf, n);
	spin_unlock(&vm->lock);
	return took;
}

void machine_console_resize(struct vm *vm, unsigned cols, unsigned rows)
{
	spin_lock(&vm->lock);
	virtio_console_resize(&virt_of(vm)->console, cols, rows);
	spin_unlock(&vm->lock);
}
