/* SPDX-License-Identifier: Apache-2.0 */
/* The PC for the monitor: the kernel's interrupt controllers and PIT, the vCPU's CPUID and its state at a PVH entry, exits for ports. */
#include "machine.h"
#include <string.h>
#include <sys/ioctl.h>

#define MAX_LEAVES 128
#define TSC_HZ 1000000000 /* of an emulated machine that counts instructions */

const uint64_t machine_ram = 0;

void machine_begin(struct guest *g)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	check(ioctl(g->vm, KVM_CREATE_IRQCHIP, 0), "interrupt controllers");
	check(ioctl(g->vm, KVM_CREATE_PIT2, &pit), "PIT");
}

void machine_ready(struct guest *g)
{
	(void)g;
}

/* All that KVM can do, with the LAPIC's TSC deadline and the hypervisor's bit, and the frequency of the TSC (SDM 2A, CPUID 15H). */
static void set_cpuid(struct guest *g, int cpu)
{
	static struct { struct kvm_cpuid2 head; struct kvm_cpuid_entry2 leaf[MAX_LEAVES]; } c;
	struct kvm_cpuid_entry2 *l = c.head.entries;

	c.head.nent = MAX_LEAVES - 1;
	check(ioctl(g->kvm, KVM_GET_SUPPORTED_CPUID, &c), "CPUID");
	for (unsigned i = 0; i < c.head.nent; i++) {
		if (l[i].function == 0 && l[i].eax < 0x15)
			l[i].eax = 0x15;
		if (l[i].function == 1)
			l[i].ecx |= 1u << 24 | 1u << 31;
		if (l[i].function == 0x15)
			l[i].function = 0x7fffffff;
	}
	l[c.head.nent++] = (struct kvm_cpuid_entry2){ .function = 0x15, .eax = 1, .ebx = 1, .ecx = TSC_HZ };
	check(ioctl(cpu, KVM_SET_CPUID2, &c), "vCPU's CPUID");
}

/* The state in which PVH enters: protected mode, flat, no paging, EBX with start_info. */
void machine_cpu(struct guest *g, unsigned index, const struct entry *e)
{
	struct kvm_segment flat = { .limit = ~0u, .selector = 8, .present = 1, .type = 11, .s = 1, .db = 1, .g = 1 };
	struct kvm_regs r = { .rip = e->pc, .rbx = e->info, .rflags = 2 };
	struct kvm_sregs s;
	int cpu = g->cpus[index];

	set_cpuid(g, cpu);
	if (index)
		return;
	check(ioctl(cpu, KVM_GET_SREGS, &s), "registers");
	s.cs = flat;
	flat.type = 3;
	flat.selector = 16;
	s.ds = s.es = s.ss = s.fs = s.gs = flat;
	s.cr0 = 0x11;
	check(ioctl(cpu, KVM_SET_SREGS, &s), "registers");
	check(ioctl(cpu, KVM_SET_REGS, &r), "registers");
}

static int run_io(struct guest *g, struct kvm_run *r)
{
	uint8_t *data = (uint8_t *)r + r->io.data_offset;

	for (unsigned i = 0; i < r->io.count; i++, data += r->io.size)
		if (!port_access(g, r->io.port, r->io.direction == KVM_EXIT_IO_OUT, r->io.size, data))
			return 0;
	return 1;
}

int machine_exit(struct guest *g, struct kvm_run *r)
{
	switch (r->exit_reason) {
	case KVM_EXIT_IO:
		return run_io(g, r);
	case KVM_EXIT_MMIO: /* a device whose registers read as zero, and hold nothing */
		memset(r->mmio.data, 0, sizeof r->mmio.data);
		return 1;
	default:
		return -1;
	}
}
