/* SPDX-License-Identifier: Apache-2.0 */
/* Which translations VMX forgets, and when: a played guest touches memory through a CPU that keeps what nobody flushes (fake_vmx_tlb.c). Unmap,
 * remap and protect on two CPUs, 4 KiB and 2 MiB, a VM that inherits another's tables, VPIDs used again; and that the fake notices a flush
 * which is left out, so that the other checks mean something. Host only. */
#include "tap.h"
#include <core/arith.h>
#include <core/hal.h>
#include <fake/fake.h>
#include <fake/fake_cpu.h>
#include <fake/fake_vmx.h>
#include <vmm/stage2.h>
#include <vmm/x86_64/lapic.h>
#include "../../vmm/x86_64/x86.h"
#include "../../vmm/mem/gmem_internal.h"

#define SMALL GPA(0x5000)
#define LARGE GPA(2 * MIB)
#define LINEAR 0x7f000000ull

static struct vm vm;
static struct vcpu vcpus[2]; /* vCPU i on CPU i */
static struct x86_vcpu arch[2];
static struct { uint64_t linear, gpa; struct fake_vmx_access got; } access;

static bool played(uint64_t *gpr, uint64_t *cr2)
{
	(void)gpr, (void)cr2;
	access.got = fake_vmx_touch(access.linear, access.gpa);
	fake_vmx_put(VMCS_EXIT_REASON, VMX_EXIT_INTERRUPT);
	return true;
}

/* One entry on the vCPU's CPU, in which it touches an address. */
static struct fake_vmx_access touch(unsigned cpu, uint64_t linear, struct gpa gpa)
{
	struct hv_exit e;

	access.linear = linear;
	access.gpa = gpa.v;
	fake_cpu_set(cpu);
	hv_vmx.vcpu_run(&vcpus[cpu], &e);
	fake_cpu_set(0);
	return access.got;
}

static uint64_t leaf_of(struct gpa a)
{
	unsigned order, rights;
	struct hpa h;

	if (stage2_lookup(&vm.mem->s2, a, &h, &order, &rights) != OK)
		return 0;
	return stage2_ept.leaf(h, order / 9, rights);
}

/* Both CPUs use what the table says now. */
static bool both_see(struct gpa a)
{
	bool good = true;

	for (unsigned cpu = 0; cpu < 2; cpu++) {
		struct fake_vmx_access got = touch(cpu, LINEAR + a.v, a);

		good &= !got.stale_physical && !got.stale_linear && got.leaf == leaf_of(a);
	}
	return good;
}

/* Recorded on Bochs' corei7_skylake_x. */
static struct vmx_msrs modern(void)
{
	return (struct vmx_msrs){
		.basic = 0xd810000000002b, .pin = 0xff00000016, .proc = 0xfff9fffe04006172, .exit = 0x407fffff00036dfb, .entry = 0xffff000011fb,
		.misc = 0x600401e0, .cr0_fixed0 = 0x80000021, .cr0_fixed1 = 0xffffffff, .cr4_fixed0 = 0x2000, .cr4_fixed1 = 0x3727ff,
		.proc2 = 0x2577fff00000000, .ept_vpid = 0xf0106734141, .rdtscp = true, .invpcid = true,
	};
}

static bool machine_up(void)
{
	struct vmx_msrs m = modern();
	char reason[HV_REASON_MAX];

	fake_vmx.run = played;
	host_features = (struct host_features){ .fp_size = 576 };
	if (vmx_caps_decide(&m, &vmx_caps, reason) != OK || vmx_maps_init() != OK)
		return false;
	fake_cpu.cr0 = 0x80010033;
	fake_cpu.cr4 = 0x40620;
	cpu_wrmsr(MSR_VMX_BASIC, m.basic);
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		fake_cpu_set(cpu);
		if (hv_vmx.cpu_enable() != OK)
			return false;
	}
	fake_cpu_set(0);
	return true;
}

static bool vm_up(void)
{
	memset(&vm, 0, sizeof vm);
	memset(vcpus, 0, sizeof vcpus);
	pool_init(&vm.pool, "vm", &pool_root, UINT64_MAX);
	vm.nvcpus = 2;
	vm.vcpus = vcpus;
	if (gmem_create(&vm.pool, &stage2_ept, 9, &vm.mem) != OK || gmem_add_ram(vm.mem, GPA(0), MIB) != OK ||
	    gmem_add_ram(vm.mem, LARGE, 2 * MIB) != OK || hv_vmx.vm_init(&vm) != OK)
		return false;
	for (unsigned i = 0; i < 2; i++) {
		vcpus[i].vm = &vm;
		vcpus[i].index = i;
		vcpus[i].arch = &arch[i];
		if (lapic_create(&vcpus[i]) != OK || hv_vmx.vcpu_init(&vcpus[i]) != OK)
			return false;
	}
	return gmem_fault(vm.mem, SMALL, GMEM_R) == OK && gmem_fault(vm.mem, LARGE, GMEM_R) == OK;
}

static void park(unsigned cpu)
{
	fake_cpu_set(cpu);
	hv_vmx.vcpu_park(&vcpus[cpu]);
	fake_cpu_set(0);
}

static bool vm_down(void)
{
	for (unsigned i = 0; i < 2; i++) {
		park(i);
		hv_vmx.vcpu_fini(&vcpus[i]);
		lapic_destroy(&vcpus[i]);
	}
	hv_vmx.vm_fini(&vm);
	gmem_destroy(vm.mem);
	return vm.pool.used_pages == 0;
}

/* ---- the three changes */

static void protect(struct gpa a)
{
	ok(stage2_protect(&vm.mem->s2, a, GMEM_R) == OK, "made read-only");
}

static void unmap(struct gpa a)
{
	struct hpa h;
	unsigned order;

	ok(stage2_unmap(&vm.mem->s2, a, &h, &order) == OK, "unmapped");
	page_free(&vm.pool, h, order, PAGE_GUEST);
	vm.mem->resident -= 1ull << order;
}

static void remap(struct gpa a)
{
	struct hpa old, new;
	unsigned order;

	if (!ok(stage2_unmap(&vm.mem->s2, a, &old, &order) == OK && page_alloc(&vm.pool, order, PAGE_GUEST, &new) == OK &&
		stage2_map(&vm.mem->s2, a, new, order, GMEM_R | GMEM_W | GMEM_X) == OK, "another page"))
		return;
	page_free(&vm.pool, old, order, PAGE_GUEST);
}

static void test_change(const char *name, void (*change)(struct gpa a), struct gpa a)
{
	bool stale;

	ok(both_see(a) && both_see(a), "%s at %llx: before", name, (unsigned long long)a.v);
	change(a);
	stale = touch(0, LINEAR + a.v, a).stale_physical && touch(1, LINEAR + a.v, a).stale_physical;
	ok(stale, "without a flush both CPUs go on with the old translation");
	hv_vmx.tlb_flush(&vm, GPA(0), 0);
	ok(both_see(a) && both_see(a), "with it both follow");
	if (!leaf_of(a))
		ok(gmem_fault(vm.mem, a, GMEM_R) == OK && both_see(a), "and a new page is seen");
}

static void test_changes(void)
{
	const struct gpa where[] = { SMALL, LARGE };
	unsigned order, rights;
	struct hpa h;

	ok(stage2_lookup(&vm.mem->s2, LARGE, &h, &order, &rights) == OK && order == 9, "a page of 2 MiB");
	for (unsigned i = 0; i < 2; i++) {
		test_change("protect", protect, where[i]);
		test_change("remap", remap, where[i]);
		test_change("unmap", unmap, where[i]);
	}
}

/* One vCPU's flush is not the other's, though they run on one CPU one after another with the same tables. */
static void test_same_cpu(void)
{
	struct fake_vmx_access got;
	struct hv_exit e;

	park(1);
	(void)touch(0, LINEAR, SMALL);
	access.linear = LINEAR;
	hv_vmx.vcpu_run(&vcpus[1], &e); /* on CPU 0 now */
	remap(SMALL);
	hv_vmx.tlb_flush(&vm, GPA(0), 0);
	hv_vmx.vcpu_run(&vcpus[1], &e);
	ok(!access.got.stale_physical, "two vCPUs of a VM on one CPU: the first forgets");
	got = touch(0, LINEAR, SMALL);
	ok(!got.stale_physical, "and so does the second");
	hv_vmx.vcpu_park(&vcpus[1]);
}

/* ---- linear translations */

static void test_linear(void)
{
	ok(!touch(0, LINEAR, SMALL).stale_linear && touch(0, LINEAR, GPA(0x6000)).stale_linear, "a guest that does not flush is its own fault");
	hv_vmx.arch->reg_set(&vcpus[0], X86_CR3, 0x4000);
	ok(!touch(0, LINEAR, GPA(0x6000)).stale_linear, "a new CR3 by the monitor forgets");
	(void)touch(0, LINEAR, SMALL);
	park(0);
	ok(!touch(0, LINEAR, GPA(0x7000)).stale_linear, "and so does leaving the CPU and coming back");
	vmx_cpus[0].next_vpid = 0x10000; /* all used */
	(void)touch(0, LINEAR, GPA(0x7000));
	park(0);
	ok(!touch(0, LINEAR, SMALL).stale_linear && vmx_cpus[0].vpid_generation == 2, "VPIDs that are used again are clean");
	ok(!touch(1, LINEAR, SMALL).stale_linear, "on each CPU by itself");
}

/* Without VPIDs entries flush what is linear; what is guest-physical stays all the same (SDM 3C 29.4.3.1). */
static void test_no_vpid(void)
{
	struct vmx_msrs m = modern();
	char reason[HV_REASON_MAX];

	m.ept_vpid &= ~(VMX_EPT_INVEPT_ONE | VMX_VPID_INVVPID);
	ok(vm_down() && vmx_caps_decide(&m, &vmx_caps, reason) == OK && !vmx_caps.vpid && !vmx_caps.invept_one && vm_up(), "neither VPID nor INVEPT for one");
	ok(both_see(SMALL), "before");
	remap(SMALL);
	ok(touch(0, LINEAR + SMALL.v, SMALL).stale_physical, "guest-physical translations outlive entries");
	hv_vmx.tlb_flush(&vm, GPA(0), 0);
	ok(both_see(SMALL), "after");
	ok(!touch(1, LINEAR + SMALL.v, GPA(0x6000)).stale_linear, "linear ones do not");
}

/* ---- a VM whose tables lie where a dead one's lay */

static void test_heir(void)
{
	struct hpa root;

	ok(both_see(SMALL), "a VM has run on both CPUs");
	root = gmem_root(vm.mem);
	ok(vm_down() && vm_up() && gmem_root(vm.mem).v == root.v, "another has its root table's page");
	remap(SMALL); /* the allocator gives the same pages again: not this one */
	ok(both_see(SMALL) && both_see(LARGE), "and nothing of its translations");
}

int main(void)
{
	fake_init(64 * MIB, 2);
	hv_current = &hv_vmx;
	if (!ok(machine_up() && vm_up(), "a VM with a vCPU on each CPU"))
		return tap_done();
	test_changes();
	test_same_cpu();
	test_linear();
	test_heir();
	test_no_vpid();
	ok(vm_down(), "all memory came back");
	return tap_done();
}
