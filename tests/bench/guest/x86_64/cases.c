/* SPDX-License-Identifier: Apache-2.0 */
/* The exits of the PC: instructions that are intercepted, ports, the I/O APIC, and the local APIC's timer by a deadline of the TSC. */
#include "exits.h"
#include "monitor_map.h"

#define TIMER_VECTOR 0x41
#define COM1_SCRATCH 0x3ff
#define PM_TIMER 0x608
#define IOAPIC 0xfec00000

volatile unsigned fired;

uint64_t bench_ticks(void)
{
	return rdtsc();
}

void case_instructions(void)
{
	BATCHES_OF(nothing, "nop", 0, 0);
	BATCHES_OF(cpuid, "xor %%eax, %%eax\n xor %%ecx, %%ecx\n cpuid", 0, 0);
	if (cpuid(0, 0).ebx == 0x756e6547) /* "Genu" */
		BATCHES_OF(hypercall, "mov $99, %%eax\n vmcall", 0, 0)
	else
		BATCHES_OF(hypercall, "mov $99, %%eax\n vmmcall", 0, 0)
	BATCHES_OF(rdmsr, "mov $0x1b, %%ecx\n rdmsr", 0, 0);
}

void case_devices(void)
{
	BATCHES_OF(out, "out %%al, %%dx", 0, COM1_SCRATCH);
	BATCHES_OF(in, "in %%dx, %%al", 0, COM1_SCRATCH);
	BATCHES_OF(pmtimer, "in %%dx, %%eax", 0, PM_TIMER);
	BATCHES_OF(mmio_write, "movl $0, (%%rbx)", device, 0);
	BATCHES_OF(mmio_read, "mov (%%rbx), %%eax", device, 0);
	BATCHES_OF(ioapic_read, "mov (%%rbx), %%eax", IOAPIC, 0);
	if (notify_port)
		BATCHES_OF(notify_pio, "xor %%eax, %%eax\n out %%ax, %%dx", 0, notify_port)
	BATCHES_OF(notify_mmio, "movw $0, (%%rbx)", notify, 0);
}

/* One vCPU is all that this guest is given. */
void case_ipis(void)
{
}

static void on_timer(struct frame *f)
{
	(void)f;
	fired++;
	apic_eoi();
}

/* A deadline of the local APIC (SDM 3A 11.5.4.1). */
void timer_init(void)
{
	trap_set(TIMER_VECTOR, on_timer);
	apic_enter_x2();
	apic_write(APIC_LVT_TIMER, TIMER_DEADLINE | TIMER_VECTOR);
}

/* The TSC of a machine that counts instructions ticks once in a nanosecond. */
void timer_arm(uint64_t ns)
{
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + ns);
}
