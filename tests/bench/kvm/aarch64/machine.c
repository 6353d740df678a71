/* SPDX-License-Identifier: Apache-2.0 */
/* The arm64 machine for the monitor: the kernel's GICv3, vCPUs as PSCI has them (Linux Documentation/virt/kvm/api.rst, devices/arm-vgic-v3.rst), a
 * PL011 of which only the data register does something, and registers that read as zero. */
#include "monitor.h"
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define INTIDS 128
#define UART_DR 0
#define CORE_REG(name) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(name))

const uint64_t machine_ram = MONITOR_RAM;
static int gic;

static void gic_set(uint32_t group, uint64_t attr, const void *value, const char *what)
{
	struct kvm_device_attr a = { .group = group, .attr = attr, .addr = (uintptr_t)value };

	check(ioctl(gic, KVM_SET_DEVICE_ATTR, &a), what);
}

/* KVM wants it before the vCPUs, and its addresses after. */
void machine_begin(struct guest *g)
{
	struct kvm_create_device d = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };

	check(ioctl(g->vm, KVM_CREATE_DEVICE, &d), "GICv3");
	gic = (int)d.fd;
}

void machine_ready(struct guest *g)
{
	static const uint64_t gicd = MONITOR_GICD, gicr = MONITOR_GICR;
	static const uint32_t intids = INTIDS;

	(void)g;
	gic_set(KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &intids, "number of interrupts");
	gic_set(KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &gicd, "distributor");
	gic_set(KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, &gicr, "redistributors");
	gic_set(KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL, "GICv3 is ready");
}

static void set_register(int cpu, uint64_t id, uint64_t value)
{
	struct kvm_one_reg r = { .id = id, .addr = (uintptr_t)&value };

	check(ioctl(cpu, KVM_SET_ONE_REG, &r), "register");
}

void machine_cpu(struct guest *g, unsigned index, const struct entry *e)
{
	struct kvm_vcpu_init init;
	int cpu = g->cpus[index];

	check(ioctl(g->vm, KVM_ARM_PREFERRED_TARGET, &init), "kind of vCPU");
	init.features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2 | (index ? 1u << KVM_ARM_VCPU_POWER_OFF : 0);
	check(ioctl(cpu, KVM_ARM_VCPU_INIT, &init), "vCPU");
	if (index)
		return;
	set_register(cpu, CORE_REG(regs.pc), e->pc);
	set_register(cpu, CORE_REG(regs.regs[0]), e->info);
}

static void uart_write(uint64_t reg, uint8_t c)
{
	static char out[4096];
	static size_t len;

	if (reg != UART_DR)
		return;
	out[len++] = (char)c;
	if (c != '\n' && len < sizeof out)
		return;
	if (write(1, out, len) < 0)
		die("output");
	len = 0;
}

int machine_exit(struct guest *g, struct kvm_run *r)
{
	(void)g;
	switch (r->exit_reason) {
	case KVM_EXIT_MMIO:
		if (!r->mmio.is_write)
			memset(r->mmio.data, 0, sizeof r->mmio.data);
		else if (r->mmio.phys_addr >> 12 == MONITOR_UART >> 12)
			uart_write(r->mmio.phys_addr & 0xfff, r->mmio.data[0]);
		return 1;
	case KVM_EXIT_SYSTEM_EVENT:
		return 0;
	default:
		return -1;
	}
}

void notify_init(struct guest *g)
{
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct kvm_ioeventfd by_memory = { .addr = MONITOR_NOTIFY, .len = 2, .fd = event };

	if (event < 0 || ioctl(g->vm, KVM_IOEVENTFD, &by_memory) < 0)
		die("notifications");
}
