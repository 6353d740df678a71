/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual-interrupt delivery and posted interrupts of the VMX backend, with a CPU that plays what SDM 3C 30 says: what goes into the APIC
 * page and comes back, what is posted at which moment, EOIs that the IOAPIC waits for, and the way without any of it. Host only. */
#include "vmx_bench.h"
#include <fake/fake_irq.h>
#include <vmm/machine.h>
#include <vmm/x86_64/ioapic.h>
#include "../../vmm/vm/vm_internal.h"

enum { EOI = 0xb, SVR = 0xf, ISR = 0x10, TMR = 0x18, IRR = 0x20, ESR = 0x28, SELF = 0x3f };
enum { PIN = 5, LEVEL_VECTOR = 0x61 };

/* ---- the played CPU's half */

static uint32_t *page_word(unsigned reg, unsigned vector)
{
	return (uint32_t *)hal_direct(vmx_of(&vcpu)->vapic) + (reg + vector / 32) * 4;
}

static bool page_has(unsigned reg, unsigned vector) { return *page_word(reg, vector) >> (vector % 32) & 1; }

static unsigned page_highest(unsigned reg)
{
	for (unsigned v = 255; v > 0; v--)
		if (page_has(reg, v))
			return v;
	return 0;
}

static void set_status(void)
{
	vmcs_write(VMCS_GUEST_INTERRUPT_STATUS, page_highest(IRR) | page_highest(ISR) << 8);
}

/* SDM 3C 30.2.2 */
static void cpu_delivers(void)
{
	unsigned v = vmcs_read(VMCS_GUEST_INTERRUPT_STATUS) & 0xff;

	*page_word(IRR, v) &= ~(1u << (v % 32));
	*page_word(ISR, v) |= 1u << (v % 32);
	set_status();
}

/* SDM 3C 30.1.4. true: the EOI makes an exit. */
static bool cpu_ends(unsigned *vector)
{
	unsigned v = vmcs_read(VMCS_GUEST_INTERRUPT_STATUS) >> 8 & 0xff;

	*vector = v;
	*page_word(ISR, v) &= ~(1u << (v % 32));
	set_status();
	return vmcs_read(VMCS_EOI_EXITS + v / 64 * 2) >> (v % 64) & 1;
}

/* SDM 3C 30.6 */
static void cpu_takes_posted(void)
{
	uint32_t *d = hal_direct(HPA(vmcs_read(VMCS_POSTED)));

	d[8] &= ~1u;
	for (unsigned i = 0; i < 8; i++) {
		*page_word(IRR, i * 32) |= d[i];
		d[i] = 0;
	}
	set_status();
}

/* What the CPU does in the run that follows. */
static void (*in_guest)(void);

static bool guest(uint64_t *gpr, uint64_t *cr2)
{
	bool entered = played(gpr, cr2);

	if (entered && in_guest)
		in_guest();
	return entered;
}

static struct hv_exit run_with(uint32_t reason, void (*fn)(void))
{
	struct hv_exit e;

	in_guest = fn;
	e = run(reason);
	in_guest = NULL;
	return e;
}

/* ---- the LAPIC as the guest sees it when it exits for each access */

static uint32_t reg(unsigned r)
{
	uint64_t v = 0;

	return lapic_mmio(&vcpu, GPA(LAPIC_DEFAULT_BASE + r * 16), 4, false, &v) ? (uint32_t)v : 0;
}

static bool has(unsigned r, unsigned vector) { return reg(r + vector / 32) >> (vector % 32) & 1; }

static void put(unsigned r, uint32_t value)
{
	uint64_t v = value;

	if (!lapic_mmio(&vcpu, GPA(LAPIC_DEFAULT_BASE + r * 16), 4, true, &v))
		ok(false, "the APIC's page answers");
}

/* ---- */

static void nothing(void) { }

static void test_delivery(void)
{
	struct hv_exit e;
	uint64_t wake;

	put(SVR, 0x1ff);
	lapic_post(&vcpu, 0x51, false);
	lapic_post(&vcpu, 0x31, false);
	vcpu.idle = true;
	ok(arch_vcpu_prepare(&vcpu, hal_clock_ns(), &wake) && !vcpu.idle, "a pending interrupt wakes an idle guest");
	e = run_with(VMX_EXIT_PAUSE, nothing);
	ok(!(seen.event & GUEST_EVENT_VALID) && !(seen.proc & VMX_PROC_INTERRUPT_WINDOW) && seen.threshold == 0, "nothing is injected, and no window asked for");
	ok_eq(seen.status, 0x51, "the highest is requested");
	ok(has(IRR, 0x51) && has(IRR, 0x31) && e.undelivered == 0, "what the CPU leaves is pending again");
	run_with(VMX_EXIT_PAUSE, cpu_delivers);
	ok(has(ISR, 0x51) && !has(IRR, 0x51) && has(IRR, 0x31), "what it delivers is in service");
	run_with(VMX_EXIT_PAUSE, nothing);
	ok_eq(seen.status, 0x5131, "and stays so at the next entry");
	put(EOI, 0);
	run_with(VMX_EXIT_PAUSE, cpu_delivers);
	ok(seen.status == 0x31 && has(ISR, 0x31), "an EOI that exits lets the next one through");
	put(EOI, 0);
	run_with(VMX_EXIT_PAUSE, nothing);
	ok_eq(seen.status, 0, "until there is none");
}

static void cpu_ends_quietly(void)
{
	unsigned vector;

	ok(!cpu_ends(&vector), "the EOI of 0x%x makes no exit", vector);
}

static void test_vectoring(void)
{
	struct hv_exit e;

	lapic_post(&vcpu, 0x51, false);
	play.idt_event = (uint32_t)GUEST_EVENT_VALID | 0x51;
	e = run_with(VMX_EXIT_EPT_VIOLATION, cpu_delivers);
	play.idt_event = 0;
	ok_eq(e.undelivered, 0x51, "an interrupt whose delivery met a fault comes back");
	lapic_unack(&vcpu, e.undelivered); /* as arch_vcpu_exit does */
	run_with(VMX_EXIT_PAUSE, cpu_delivers);
	ok(seen.status == 0x51 && !(seen.event & GUEST_EVENT_VALID), "and is delivered again by the CPU");
	run_with(VMX_EXIT_PAUSE, cpu_ends_quietly);
	ok(!has(ISR, 0x51) && !has(IRR, 0x51), "once");
}

static void guest_lowers_tpr(void) { *page_word(8, 0) = 0x2c; }

static void test_priority(void)
{
	put(8, 0x5a);
	run_with(VMX_EXIT_PAUSE, nothing);
	ok(seen.tpr == 0x5a && seen.ppr == 0x5a, "the whole task priority goes into the page");
	run_with(VMX_EXIT_PAUSE, guest_lowers_tpr);
	ok(reg(8) == 0x2c && hv_vmx.arch->reg_get(&vcpu, X86_CR8) == 2, "and comes back, for CR8 too");
	put(8, 0);
}

static void test_failed_entries(void)
{
	lapic_post(&vcpu, 0x51, false);
	fake_vmx.refuse = VMX_EXIT_GUEST_STATE;
	run(0);
	fake_vmx.refuse = 0;
	ok_eq(lapic_pending(&vcpu), 0x51, "an entry that fails loses nothing");
	play.fails = true;
	run(0);
	play.fails = false;
	ok_eq(lapic_pending(&vcpu), 0x51, "nor one that is refused");
	run_with(VMX_EXIT_PAUSE, cpu_delivers);
	run_with(VMX_EXIT_PAUSE, cpu_ends_quietly);
}

/* ---- quick exits: the state stays with the CPU until somebody may look */

static bool away(void) { return !vmx_of(&vcpu)->apic_home; }

static struct hv_exit faults_at(uint64_t gpa, uint32_t idt_event)
{
	struct hv_exit e;

	play.physical = gpa;
	play.idt_event = idt_event;
	e = run_with(VMX_EXIT_EPT_VIOLATION, nothing);
	play.idt_event = 0;
	return e;
}

static struct hv_exit reads_msr(uint32_t msr)
{
	vmx_of(&vcpu)->regs.gpr[REG_RCX] = msr;
	return run_with(VMX_EXIT_RDMSR, nothing);
}

static void test_quick_exits(void)
{
	const struct hv_arch_ops *a = hv_vmx.arch;

	lapic_post(&vcpu, 0x51, false);
	run_with(VMX_EXIT_CPUID, cpu_delivers);
	ok(away() && page_has(ISR, 0x51) && !has(ISR, 0x51), "CPUID does not concern the APIC");
	*page_word(8, 0) = 0x20;
	run_with(VMX_EXIT_IO, nothing);
	ok(away() && seen.status == 0x5100 && seen.tpr == 0x20, "the next entry goes on with what the CPU has");
	run_with(VMX_EXIT_VMCALL, nothing);
	faults_at(0x2000, 0);
	ok(away(), "nor do a hypercall and a fault in memory");
	hv_vmx.vcpu_settle(&vcpu);
	ok(!away() && has(ISR, 0x51) && reg(8) == 0x20 && a->reg_get(&vcpu, X86_CR8) == 2, "it comes back when the run loop asks for it");
	reads_msr(0x1b);
	ok(away(), "away again");
	reads_msr(0x811);
	ok(!away(), "a register of the x2APIC's is read from the model");
	run_with(VMX_EXIT_CPUID, nothing);
	faults_at(LAPIC_DEFAULT_BASE + 0x110, 0);
	ok(!away(), "as is the xAPIC's page");
	run_with(VMX_EXIT_CPUID, nothing);
	ok(faults_at(0x2000, (uint32_t)GUEST_EVENT_VALID | 0x51).undelivered == 0x51 && !away(), "a vector that comes back goes into the model");
	run_with(VMX_EXIT_CPUID, nothing);
	run_with(VMX_EXIT_HLT, nothing);
	ok(!away(), "before the guest sleeps it is there");
	run_with(VMX_EXIT_CPUID, nothing);
	hv_vmx.vcpu_park(&vcpu);
	ok(!away(), "and when the vCPU leaves");
	put(8, 0);
	put(EOI, 0);
}

/* ---- level-triggered: the IOAPIC hears of each EOI */

static void cpu_delivers_and_ends(void)
{
	unsigned vector;

	cpu_delivers();
	if (cpu_ends(&vector))
		fake_vmx_put(VMCS_QUALIFICATION, vector);
	else
		ok(false, "the EOI of 0x%x makes an exit", vector);
}

static uint64_t redirection(void)
{
	struct ioapic_state s;

	ioapic_save(&vm, &s);
	return s.redir[PIN];
}

#define REMOTE_IRR (1u << 14)

/* The line goes up while the guest runs and does not wait for this vector's EOI; by another notification the CPU finds it all the same. */
static void level_by_stealth(void)
{
	unsigned vector;

	ioapic_set(&vm, PIN, true);
	ok(redirection() & REMOTE_IRR, "raised in the guest");
	cpu_takes_posted();
	cpu_delivers();
	ok(!cpu_ends(&vector) && vector == LEVEL_VECTOR, "and ended there, unheard");
	ioapic_set(&vm, PIN, false);
}

static void test_level(void)
{
	struct ioapic_state io;
	struct hv_exit e;

	ioapic_save(&vm, &io);
	io.redir[PIN] = LEVEL_VECTOR | 1u << 15;
	ok(ioapic_load(&vm, &io) == OK, "a level-triggered pin");
	if (vmx_of(&vcpu)->posted.v) {
		run_with(VMX_EXIT_PAUSE, level_by_stealth);
		ok(!(redirection() & REMOTE_IRR), "the exit makes up for it");
	}
	ioapic_set(&vm, PIN, true);
	e = run_with(VMX_EXIT_EOI, cpu_delivers_and_ends);
	ok(e.kind == HV_EXIT_SYSREG && !has(ISR, LEVEL_VECTOR), "its EOI exits, and is done");
	ok(has(IRR, LEVEL_VECTOR), "the line is still up: again");
	ioapic_set(&vm, PIN, false);
	run_with(VMX_EXIT_EOI, cpu_delivers_and_ends);
	ok(!has(IRR, LEVEL_VECTOR) && !(redirection() & REMOTE_IRR), "the line is down: the end");
	ok_eq(seen.rip, vmx_of(&vcpu)->regs.rip, "such an exit comes after the instruction, and steps over nothing");
}

/* ---- posting */

static void post_from_cpu1(uint8_t vector)
{
	fake_cpu_set(1);
	lapic_post(&vcpu, vector, false);
	fake_cpu_set(0);
}

static void two_are_posted(void)
{
	post_from_cpu1(0x41);
	ok(fake_irq.notified == 1 && fake_irq.notified_cpu == 0, "a sender notifies the CPU that runs the guest");
	post_from_cpu1(0x42);
	ok_eq(fake_irq.notified, 1, "a second one finds it notified");
	cpu_takes_posted();
	ok_eq(vmcs_read(VMCS_GUEST_INTERRUPT_STATUS), 0x42, "the guest has both without an exit");
	post_from_cpu1(0x43);
	ok_eq(fake_irq.notified, 2, "the next one notifies again");
}

static void test_posting(void)
{
	fake_irq = (struct fake_irq){ 0 };
	atomic_store(&vm.live, true);
	vcpu.cpu = 0;
	atomic_store(&vcpu.where, VCPU_GUEST);
	run_with(VMX_EXIT_PAUSE, two_are_posted);
	atomic_store(&vcpu.where, VCPU_HOST);
	ok(has(IRR, 0x41) && has(IRR, 0x42) && has(IRR, 0x43), "all three are pending after the exit, taken or not");
	post_from_cpu1(0x44);
	ok_eq(fake_irq.notified, 2, "outside of the guest nobody is notified");
	run_with(VMX_EXIT_PAUSE, nothing);
	ok_eq(seen.status, 0x44, "the next entry takes what was posted");
	ok_eq(((uint32_t *)hal_direct(vmx_of(&vcpu)->posted))[8], 0, "and forgets the notification that came too late");
	atomic_store(&vm.live, false);
	for (unsigned i = 0; i < 4; i++)
		run_with(VMX_EXIT_PAUSE, cpu_delivers);
	for (unsigned i = 0; i < 4; i++)
		put(EOI, 0);
}

static void test_acknowledged(void)
{
	struct hv_exit e;

	fake_irq = (struct fake_irq){ 0 };
	play.event = (uint32_t)GUEST_EVENT_VALID | 0xf0;
	e = run(VMX_EXIT_INTERRUPT);
	play.event = 0;
	ok(e.kind == HV_EXIT_HOST && fake_irq.taken == 1 && fake_irq.taken_vector == 0xf0, "an acknowledged interrupt of the host's reaches its handler");
	run(VMX_EXIT_INTERRUPT);
	ok_eq(fake_irq.taken, 1, "one that was not is left to the window");
}

/* ---- x2APIC mode */

static bool passes(uint32_t msr, bool write)
{
	const uint8_t *map = hal_direct(HPA(seen.msr_bitmap));

	return !(map[(write ? 0x800 : 0) + msr / 8] >> (msr % 8) & 1);
}

static void guest_sends_vector_5(void) { *page_word(SELF, 0) = 5; fake_vmx_put(VMCS_QUALIFICATION, 0x3f0); }

static void test_x2apic(void)
{
	uint64_t esr = 0;

	run_with(VMX_EXIT_PAUSE, nothing);
	ok(!passes(0x808, false) && !passes(0x80b, true) && !passes(0x83f, true), "in xAPIC mode the MSRs are the monitor's to refuse");
	ok(lapic_msr_write(&vcpu, MSR_APIC_BASE, lapic_base_msr(&vcpu) | 1 << 10) == OK, "x2APIC mode");
	run_with(VMX_EXIT_PAUSE, nothing);
	ok(passes(0x808, false) && passes(0x808, true) && passes(0x80b, true) && passes(0x83f, true), "TPR, EOI and SELF IPI are the CPU's");
	ok(!passes(0x80b, false) && !passes(0x83f, false) && !passes(0x80a, false) && !passes(0x830, true) && !passes(0x802, false), "nothing else is");
	ok(passes(0xc0000100 - 0xc0000000 + 0x400 * 8, false), "beside what always was");
	run_with(VMX_EXIT_APIC_WRITE, guest_sends_vector_5);
	ok(lapic_msr_write(&vcpu, 0x800 + ESR, 0) == OK && lapic_msr_read(&vcpu, 0x800 + ESR, &esr) == OK && (esr & 1 << 5), "a SELF IPI of vector 5 is an error");
	ok(lapic_msr_write(&vcpu, 0x800 + SVR, 0xff) == OK, "switched off by software");
	run_with(VMX_EXIT_PAUSE, nothing);
	ok(!passes(0x83f, true), "it accepts nothing, not from itself either");
}

static void finds_nothing(void) { ok(!page_has(ISR, 0x51) && !page_has(IRR, 0x61), "nothing leaves the LAPIC model"); }

static void test_all(const struct vmx_msrs *msrs, const char *name, bool interrupts, bool posted)
{
	tap_note("%s", name);
	vm = (struct vm){ 0 };
	bus_init(&vm.mmio, 1ull << 48);
	if (!ok(start(msrs) && ioapic_create(&vm) == OK, "a vCPU and an IOAPIC"))
		return;
	fake_vmx.run = guest;
	ok(vmx_has_interrupts() == interrupts && !!vmx_of(&vcpu)->posted.v == posted, "has what its model has");
	ok_eq(!!(vmx_caps.exit & VMX_EXIT_ACKNOWLEDGE), posted, "interrupts are acknowledged where they may be posted, and only there");
	ok_eq(hv_vmx.arch->takes_interrupts(), interrupts, "who injects");
	if (interrupts) {
		test_delivery();
		test_vectoring();
		test_priority();
		test_failed_entries();
		test_quick_exits();
		test_level();
		test_acknowledged();
		if (posted)
			test_posting();
		else
			ok(!hv_vmx.vcpu_post(&vcpu), "nothing can be posted");
		test_x2apic();
	} else {
		run_with(VMX_EXIT_PAUSE, nothing);
		ok(!hv_vmx.vcpu_post(&vcpu) && !passes(0x80b, true), "all is left to the monitor");
		put(SVR, 0x1ff);
		lapic_post(&vcpu, 0x51, false);
		lapic_ack(&vcpu, 0x51);
		lapic_post(&vcpu, 0x61, false);
		run_with(VMX_EXIT_CPUID, finds_nothing);
		hv_vmx.vcpu_settle(&vcpu);
		run_with(VMX_EXIT_CPUID, finds_nothing);
		hv_vmx.vcpu_park(&vcpu);
		ok(has(ISR, 0x51) && has(IRR, 0x61), "and stays there");
	}
	ioapic_destroy(&vm);
	stop();
}

int main(void)
{
	fake_init(32 * MIB, 2);
	hv_current = &hv_vmx;
	cpuid_init(NULL, 1000000000, false, false);
	test_all(&skylake, "Skylake: delivered by the CPU, and posted", true, true);
	test_all(&haswell, "Haswell: delivered, not posted", true, false);
	test_all(&ivy_bridge, "Ivy Bridge: neither", false, false);
	return tap_done();
}
