/* SPDX-License-Identifier: Apache-2.0 */
/* The ends of emulated exits on the EL2 backend: results in registers, steps, exceptions. Host only. */
#include <unit/tap.h>
#include "el2_bench.h"

static struct arch_regs *at(uint64_t pc)
{
	struct arch_regs *r = arm_regs(vcpu_at(0), REGS_WRITE);

	r->pc = pc;
	r->pstate = PSTATE_EL1H | PSTATE_SS | PSTATE_BTYPE;
	r->sys[SYS_VBAR] = 0x8000;
	return r;
}

static uint64_t loaded(uint64_t esr, uint64_t value, struct arch_regs *r)
{
	struct hv_exit e;

	(void)at(0x1000);
	e = run_esr(0, esr);
	(void)hv_el2.arch->access(vcpu_at(0), &e);
	e.mmio.value = value;
	hv_el2.vcpu_complete(vcpu_at(0), &e);
	*r = *arm_regs(vcpu_at(0), REGS_CORE);
	return r->x[1];
}

static void test_loads(void)
{
	struct arch_regs r;

	ok_eq(loaded(0x93810005, 0xffffffff80000000, &r), 0x80000000, "LDR w: 32 bits, the rest is zero");
	ok_eq(r.pc, 0x1004, "the next instruction");
	ok_eq(r.pstate, PSTATE_EL1H, "a single step is done, and it was no branch");
	ok_eq(loaded(0x93c18005, 0xffffffff80000000, &r), (int64_t)0xffffffff80000000, "LDR x");
	ok_eq(loaded(0x93218005, 0x180, &r), (int64_t)0xffffffffffffff80, "LDRSB x");
	ok_eq(loaded(0x93210005, 0x180, &r), 0xffffff80, "LDRSB w");
	ok_eq(loaded(0x93410005, 0x12345, &r), 0x2345, "LDRH");
	(void)loaded(0x939f0005, 5, &r);
	ok_eq(r.pc, 0x1004, "a load to XZR is only stepped over");
}

static void test_others(void)
{
	struct arch_regs *r = at(0x2000);
	struct hv_exit e = run_esr(0, 0x5a000000);

	e.call.result = 0x55;
	hv_el2.vcpu_complete(vcpu_at(0), &e);
	ok(r->x[0] == 0x55 && r->pc == 0x2000, "HVC: the result, and PC as it was");
	(void)at(0x2000);
	e = run_esr(0, 0x5e000000);
	hv_el2.vcpu_complete(vcpu_at(0), &e);
	ok_eq(r->pc, 0x2004, "SMC is stepped over");
	(void)at(0x2000);
	e = run_esr(0, 0x6230000d);
	e.sysreg.value = 0x99;
	hv_el2.vcpu_complete(vcpu_at(0), &e);
	ok(r->x[0] == 0x99 && r->pc == 0x2004, "MRS");
	(void)at(0x2000);
	e = run_esr(0, 0x6230000d);
	e.sysreg.fault = true;
	hv_el2.vcpu_complete(vcpu_at(0), &e);
	ok(r->pc == 0x8200 && r->sys[SYS_ELR] == 0x2000 && r->sys[SYS_ESR] == 0x2000000, "a register that is not there is undefined, at the instruction");
	(void)at(0x2000);
	e = run_esr(0, 0x07e00000);
	hv_el2.vcpu_complete(vcpu_at(0), &e);
	hv_el2.vcpu_complete(vcpu_at(0), &e);
	ok_eq(r->pc, 0x2004, "WFI, and only once");
	(void)at(0x2000);
	e = run_esr(0, 0x66000000);
	hv_el2.vcpu_complete(vcpu_at(0), &e);
	ok_eq(r->pc, 0x8200, "SVE is undefined");
}

static void test_exceptions(void)
{
	const struct hv_event ev = { .kind = HV_EVENT_EXCEPTION, .error = 0x96000010, .has_error = true, .fault_address = 0x1234 };
	struct arch_regs *r = at(0x3000);

	ok(hv_el2.vcpu_inject(vcpu_at(0), &ev) == OK && r->pc == 0x8200 && r->sys[SYS_ESR] == 0x96000010 && r->sys[SYS_FAR] == 0x1234, "an exception is taken at once");
	ok(hv_el2.vcpu_inject(vcpu_at(0), &(const struct hv_event){ .kind = HV_EVENT_INTERRUPT, .vector = 33 }) == E_INVAL, "interrupts are the vgic's");
	(void)at(0x3000);
	fake_hw.syndrome.far = 0x5678;
	ok_eq(run_esr(0, 0x92000050).kind, HV_EXIT_HOST, "an error of the machine");
	ok(r->pc == 0x8200 && r->sys[SYS_ESR] == 0x96000050 && r->sys[SYS_FAR] == 0x5678 && r->sys[SYS_ELR] == 0x3000, "comes to the guest as its own");
}

int main(void)
{
	if (!ok(bench_start(), "a VM"))
		return tap_done();
	test_loads();
	test_others();
	test_exceptions();
	ok(bench_end(), "everything came back");
	return tap_done();
}
