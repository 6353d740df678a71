/* SPDX-License-Identifier: Apache-2.0 */
/* PSCI and what else guests ask by HVC and SMC: answers by function number, and vCPUs that are switched on and off. Host only. */
#include <unit/tap.h>
#include "el2_bench.h"

enum { VERSION = 0x84000000, SUSPEND = 0x84000001, OFF = 0x84000002, ON = 0xc4000003, INFO = 0xc4000004, FEATURES = 0x8400000a, RESET2 = 0x84000012 };
enum { SMCCC_VERSION = 0x80000000, SMCCC_FEATURES = 0x80000001, PV_FEATURES = 0xc5000020, PV_ST = 0xc5000021 };

static int64_t call(unsigned vcpu, uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2)
{
	struct hv_exit e = { .kind = HV_EXIT_CALL };

	e.call.nr = nr;
	e.call.args[0] = a0;
	e.call.args[1] = a1;
	e.call.args[2] = a2;
	vpsci_call(vcpu_at(vcpu), &e);
	return (int64_t)e.call.result;
}

static void test_answers(void)
{
	static const uint32_t there[] = { 0x84000000, 0x84000001, 0xc4000001, 0x84000002, 0x84000003, 0xc4000003, 0x84000004, 0xc4000004, 0x84000006, 0x84000008,
					  0x84000009, 0x8400000a, 0x84000012, 0xc4000012, 0x80000000 };
	static const uint32_t not[] = { 0, 0x84000005, 0xc4000000, 0xc4000002, 0x84000007, 0x8400000b, 0x84000020, 0xc5000022, 0x85000020, 0x80000002, 0xffffffff };

	ok_eq(call(0, VERSION, 0, 0, 0), 0x10001, "PSCI 1.1");
	ok_eq(call(0, 0x84000006, 0, 0, 0), 2, "there is no trusted OS to migrate");
	ok_eq(call(0, SMCCC_VERSION, 0, 0, 0), 0x10001, "SMCCC 1.1");
	for (unsigned i = 0; i < ARRAY_LEN(there); i++)
		ok(call(0, FEATURES, there[i], 0, 0) == 0, "0x%08x is offered", there[i]);
	for (unsigned i = 0; i < ARRAY_LEN(not); i++)
		ok(call(0, FEATURES, not[i], 0, 0) == -1 && call(0, not[i], 0, 0, 0) == -1, "0x%08x is not, by name and by call", not[i]);
	ok_eq(call(0, UINT64_MAX, 0, 0, 0), -1, "no function at all");
	ok_eq(call(0, FEATURES, 0xffffffff84000000ull, 0, 0), 0, "a 32-bit call's arguments have 32 bits");
	ok(call(0, SMCCC_FEATURES, SMCCC_FEATURES, 0, 0) == 0 && call(0, SMCCC_FEATURES, 0x80008000, 0, 0) == -1 && call(0, SMCCC_FEATURES, VERSION, 0, 0) == -1,
	   "what the calling convention's own FEATURES knows");
	fake_hw.forgets_branches = true;
	ok(call(0, SMCCC_FEATURES, 0x80008000, 0, 0) == 0 && call(0, 0x80008000, 0, 0, 0) == 0 && fake_hw.branches_forgotten == 1, "SMCCC_ARCH_WORKAROUND_1 where the host has it");
	ok(call(0, RESET2, 5, 0, 0) == -2 && call(0, RESET2, 0x80000000, 0, 0) == -1, "resets of other kinds");
}

static void test_cpu_on(void)
{
	struct vcpu *v = vcpu_at(1);
	uint64_t wake;

	ok(call(0, INFO, 0, 0, 0) == 0 && call(0, INFO, 1, 0, 0) == 1 && call(0, INFO, 3, 0, 0) == -2 && call(0, INFO, 1, 1, 0) == -2, "the first is on, the others are off");
	ok(!arch_vcpu_prepare(v, hal_clock_ns(), &wake) && wake == UINT64_MAX, "one that is off does not run");
	ok_eq(call(0, ON, 7, BENCH_RAM, 0), -2, "there is no such CPU");
	ok_eq(call(0, ON, 0x100000001, BENCH_RAM, 0), -2, "nor one by other affinity fields");
	ok_eq(call(0, ON, 1, 0x1000, 0), -9, "an address that is no memory");
	ok_eq(call(0, ON, 0, BENCH_RAM, 0), -4, "the caller is on");
	arm_regs(v, REGS_WRITE)->sys[SYS_TTBR0] = 0x1234;
	ok(call(0, ON, 1, BENCH_RAM + 0x80, 0x55) == 0 && call(0, INFO, 1, 0, 0) == 2 && call(0, ON, 1, BENCH_RAM, 0) == -5, "on, which is pending");
	ok(arch_vcpu_prepare(v, hal_clock_ns(), &wake) && call(0, INFO, 1, 0, 0) == 0 && call(2, ON, 1, BENCH_RAM, 0) == -4, "until it runs");
	ok(regs_at(1)->pc == BENCH_RAM + 0x80 && regs_at(1)->x[0] == 0x55 && regs_at(1)->sys[SYS_TTBR0] == 0 && regs_at(1)->pstate == (PSTATE_EL1H | PSTATE_DAIF),
	   "from there, with its context, as after power-on");
	ok(call(1, OFF, 0, 0, 0) == 0 && !arch_vcpu_prepare(v, hal_clock_ns(), &wake) && call(0, INFO, 1, 0, 0) == 1, "and off again");
	arch_vcpu_reset(v);
	ok(call(0, ON, 1, BENCH_RAM, 0) == 0, "on after a reset");
	arch_vcpu_reset(v);
	ok(!arch_vcpu_prepare(v, hal_clock_ns(), &wake), "a reset forgets it");
}

static void test_others(void)
{
	uint64_t wake;

	ok(call(0, SUSPEND, 0, 0, 0) == 0 && vcpu_at(0)->idle && !arch_vcpu_prepare(vcpu_at(0), hal_clock_ns(), &wake), "CPU_SUSPEND waits for an interrupt");
	vcpu_at(0)->idle = false;
	bare.live = true;
	(void)call(0, 0x84000008, 0, 0, 0);
	ok(atomic_load(&bare.parking) && atomic_load(&bare.events), "SYSTEM_OFF parks the VM");
	atomic_store(&bare.parking, false);
	atomic_store(&bare.events, 0);
	(void)call(0, RESET2, 0, 0, 0);
	ok(atomic_load(&bare.parking) && atomic_load(&bare.events), "so does SYSTEM_RESET2");
	bare.live = false;
}

static void test_stolen_time(void)
{
	struct vcpu *v = vcpu_at(2);
	uint64_t ns = 1, record;

	ok(pvtime_create(&bare) == OK, "a page beside RAM");
	ok(call(2, PV_FEATURES, PV_ST, 0, 0) == 0 && call(2, PV_FEATURES, PV_FEATURES, 0, 0) == 0 && call(2, PV_FEATURES, 0xc5000022, 0, 0) == -1, "PV_TIME_FEATURES");
	v->se.wait_ns = 1000;
	pvtime_prepare(v);
	ok_eq(gmem_resident_pages(bare.mem), 0, "nobody asked: nothing is written");
	record = (uint64_t)call(2, PV_ST, 0, 0, 0);
	ok(record == VIRT_PVTIME + 128, "PV_TIME_ST: the vCPU's record");
	pvtime_prepare(v);
	ok(gmem_read(bare.mem, GPA(record + 8), &ns, 8) == OK && ns == 1000, "how long it waited");
	ok(gmem_read(bare.mem, GPA(record), &ns, 8) == OK && ns == 0, "revision and attributes are 0");
}

int main(void)
{
	if (!ok(bench_start(), "a VM"))
		return tap_done();
	test_answers();
	test_cpu_on();
	test_others();
	test_stolen_time();
	pool_unreserve(&bare.pool, 1);
	ok(bench_end(), "everything came back");
	return tap_done();
}
