/* SPDX-License-Identifier: Apache-2.0 */
/* The guest PC: puts devices, buses and interrupt controllers together (vmm/machine.h) and starts a kernel in it. CPU 0, except for what
 * the devices do themselves. Knows no virtualisation hardware. */
#include <core/arith.h>
#include <core/fmt.h>
#include <string.h>
#include <vmm/machine.h>
#include <vmm/x86_64/ioapic.h>
#include <vmm/x86_64/lapic.h>
#include <vmm/x86_64/pc_layout.h>
#include <vmm/x86_64/regs.h>
#include "../boot/x86_64/boot_pc.h"
#include "pc.h"

enum { SLOT_HOST_BRIDGE = 0, SLOT_CONSOLE = 1, SLOT_RNG = 2 };

static struct pc *pc_of(struct vm *vm) { return vm->machine; }

static void com1_wrote(void *ctx) { ((struct pc *)ctx)->active = PC_CONSOLE_UART; }
static void console_wrote(void *ctx) { ((struct pc *)ctx)->active = PC_CONSOLE_VIRTIO; }

static err_t pc_add_ram(struct pc *pc)
{
	struct vm *vm = pc->vm;
	err_t e;

	pc->low_ram = MIN(vm->cfg.memory_bytes, PC_RAM_HOLE);
	pc->high_ram = vm->cfg.memory_bytes - pc->low_ram;
	e = gmem_add_ram(vm->mem, GPA(0), pc->low_ram);
	if (e == OK && pc->high_ram)
		e = gmem_add_ram(vm->mem, GPA(PC_HIGH_RAM), pc->high_ram);
	return e;
}

/* 0xCF9, the reset register, lies among the configuration ports 0xCF8-0xCFF: a byte access there is the reset's. */
static uint64_t cf8_read(void *ctx, uint64_t off, unsigned size)
{
	struct pc *pc = ctx;

	return off == RESET_PORT - 0xcf8 && size == 1 ? reset_ops.read(pc->vm, 0, 1) : pci_cf8_ops.read(&pc->pci, off, size);
}

static void cf8_write(void *ctx, uint64_t off, unsigned size, uint64_t v)
{
	struct pc *pc = ctx;

	if (off == RESET_PORT - 0xcf8 && size == 1)
		reset_ops.write(pc->vm, 0, 1, v);
	else
		pci_cf8_ops.write(&pc->pci, off, size, v);
}
static const struct bus_ops cf8_ops = {.read = cf8_read, .write = cf8_write};

static err_t pc_add_ports(struct pc *pc)
{
	const struct { uint16_t port, size; const struct bus_ops *ops; void *ctx; const char *name; } ports[] = {
		{PC_COM1, 8, &vuart_ops, &pc->com1, "com1"},
		{RTC_PORT, 2, &rtc_ops, &pc->rtc, "rtc"},
		{PM_PORT, PM_SIZE, &pm_ops, &pc->pm, "pm"},
		{KBD_PORT, 5, &kbd_ops, pc->vm, "kbd"},
		{0xcf8, 8, &cf8_ops, pc, "pci-ports"},
	};
	err_t e = OK;

	for (unsigned i = 0; e == OK && i < ARRAY_LEN(ports); i++)
		e = bus_claim(&pc->vm->pio, ports[i].port, ports[i].size, ports[i].ops, ports[i].ctx, ports[i].name);
	return e;
}

static err_t pc_add_pci(struct pc *pc)
{
	static const struct pci_identity bridge = {.vendor = 0x1b36, .device = 0x0008, .class_code = 0x060000};
	struct vm *vm = pc->vm;
	err_t e;

	pci_bus_init(&pc->pci, &vm->mmio, lapic_msi_sink(vm), PC_PCI_WINDOW, PC_PCI_WINDOW_SIZE);
	pci_bus_add_io(&pc->pci, &vm->pio, PC_PCI_IO_WINDOW, PC_PCI_IO_WINDOW_SIZE);
	e = bus_claim(&vm->mmio, PC_ECAM_BASE, PCI_ECAM_SIZE, &pci_ecam_ops, &pc->pci, "ecam");
	if (e == OK)
		e = pci_fn_init(&pc->host_bridge, &pc->pci, SLOT_HOST_BRIDGE, &bridge, 0, NULL, NULL);
	if (e == OK)
		e = virtio_pci_init(&pc->console_pci, &pc->pci, SLOT_CONSOLE, &pc->console.dev);
	if (e == OK)
		e = virtio_pci_init(&pc->rng_pci, &pc->pci, SLOT_RNG, &pc->rng.dev);
	return e;
}

static void pc_init_devices(struct pc *pc)
{
	struct vm *vm = pc->vm;

	vuart_init(&pc->com1, vm->cfg.console, ioapic_line(vm, PC_GSI_COM1));
	pc->com1.wrote = com1_wrote;
	pc->com1.ctx = pc;
	rtc_reset(&pc->rtc);
	pc->pm.vm = vm;
	pc->pm.sci = ioapic_line(vm, PC_GSI_SCI);
	virtio_console_init(&pc->console, vm->mem, vm->cfg.console);
	pc->console.wrote = console_wrote;
	pc->console.ctx = pc;
	virtio_rng_init(&pc->rng, vm->mem);
	pc->console.dev.vm = pc->rng.dev.vm = vm;
}

static err_t pc_build(struct pc *pc)
{
	err_t e = pc_add_ram(pc);

	if (e == OK)
		e = ioapic_create(pc->vm);
	if (e)
		return e;
	pc_init_devices(pc);
	e = pc_add_ports(pc);
	return e ? e : pc_add_pci(pc);
}

err_t machine_create(struct vm *vm, char *why)
{
	struct pc *pc = pool_alloc(&vm->pool, sizeof(*pc));
	err_t e;

	if (!pc) {
		fmt_buf(why, VM_REASON_MAX, "no memory for the machine's devices");
		return E_NOMEM;
	}
	pc->vm = vm;
	vm->machine = pc;
	e = pc_build(pc);
	if (e) {
		fmt_buf(why, VM_REASON_MAX, "cannot build the machine: %s", err_name(e));
		machine_destroy(vm);
	}
	return e;
}

void machine_destroy(struct vm *vm)
{
	ioapic_destroy(vm);
	if (vm->machine)
		pool_free(&vm->pool, vm->machine, sizeof(struct pc));
	vm->machine = NULL;
}

void machine_reset(struct vm *vm)
{
	struct pc *pc = pc_of(vm);

	spin_lock(&vm->lock);
	ioapic_reset(vm);
	vuart_reset(&pc->com1);
	rtc_reset(&pc->rtc);
	pm_reset(&pc->pm);
	pci_fn_reset(&pc->host_bridge);
	virtio_pci_reset(&pc->console_pci);
	virtio_pci_reset(&pc->rng_pci);
	pc->pci.cf8 = 0;
	pc->active = PC_CONSOLE_UART;
	spin_unlock(&vm->lock);
}

/* What the loaders left in the registers of vCPU 0; everything else is as after power-on. */
static void pc_enter(struct vcpu *v, const struct boot_entry *b)
{
	struct arch_regs r;

	regs_reset(&r);
	if (b->mode == BOOT_LONG_MODE)
		regs_flat64(&r, b->cr3);
	else
		regs_flat32(&r);
	r.rip = b->rip;
	r.gpr[REG_RBX] = b->rbx;
	r.gpr[REG_RSI] = b->rsi;
	r.gpr[REG_RSP] = b->rsp;
	r.seg[SEG_GDTR].base = b->gdt_base;
	r.seg[SEG_GDTR].limit = b->gdt_limit;
	hv_current->vcpu_set_regs(v, &r);
}

err_t machine_load(struct vm *vm, char *why)
{
	struct pc *pc = pc_of(vm);
	struct pc_boot b = {
		.c = {.mem = vm->mem, .pool = &vm->pool, .ram_end = pc->low_ram, .kernel = &vm->cfg.kernel, .initrd = &vm->cfg.initrd,
		      .cmdline = vm->cmdline, .why = why},
		.high_ram = pc->high_ram,
	};
	struct boot_entry entry;
	err_t e = boot_acpi(vm->mem, &vm->pool, vm->nvcpus, &b.rsdp);

	if (e)
		return boot_fail(&b.c, e, "cannot write the guest's ACPI tables: %s", err_name(e));
	b.c.chunk = pool_alloc(&vm->pool, BOOT_CHUNK);
	if (!b.c.chunk)
		return boot_fail(&b.c, E_NOMEM, "no memory to load the kernel");
	e = boot_load(&b, &entry);
	pool_free(&vm->pool, b.c.chunk, BOOT_CHUNK);
	if (e == OK)
		pc_enter(&vm->vcpus[0], &entry);
	return e;
}

void machine_power_button(struct vm *vm)
{
	spin_lock(&vm->lock);
	pm_power_button(&pc_of(vm)->pm);
	spin_unlock(&vm->lock);
}

size_t machine_console_input(struct vm *vm, const void *buf, size_t n)
{
	struct pc *pc = pc_of(vm);
	size_t took;

	spin_lock(&vm->lock);
	took = pc->active == PC_CONSOLE_VIRTIO ? virtio_console_input(&pc->console, buf, n) : vuart_input(&pc->com1, buf, n);
	spin_unlock(&vm->lock);
	return took;
}

void machine_console_resize(struct vm *vm, unsigned cols, unsigned rows)
{
	spin_lock(&vm->lock);
	virtio_console_resize(&pc_of(vm)->console, cols, rows);
	spin_unlock(&vm->lock);
}
