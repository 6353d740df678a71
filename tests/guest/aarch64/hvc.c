/* SPDX-License-Identifier: Apache-2.0 */
/* Calls into the monitor: PSCI's and SMCCC's answers (DEN0022, DEN0028), functions that nobody has, immediates that mean nothing, SMC, and
 * the registers that a call leaves alone. Starting and stopping CPUs is ipi.c's. Wants two CPUs. */
#include "lib/guest.h"

enum { WAKE_NS = 2000000 };

static void check_version(void)
{
	static const struct { uint32_t fn; const char *name; } present[] = {
		{PSCI_VERSION, "PSCI_VERSION"}, {PSCI_SUSPEND, "CPU_SUSPEND"}, {PSCI_CPU_OFF, "CPU_OFF"}, {PSCI_CPU_ON, "CPU_ON"},
		{PSCI_AFFINITY_INFO, "AFFINITY_INFO"}, {PSCI_SYSTEM_OFF, "SYSTEM_OFF"}, {PSCI_SYSTEM_RESET, "SYSTEM_RESET"}, {PSCI_FEATURES, "PSCI_FEATURES"},
		{0x84000001, "CPU_SUSPEND, 32 bits"}, {0x84000003, "CPU_ON, 32 bits"}, {0x84000004, "AFFINITY_INFO, 32 bits"},
	};
	int version = psci(PSCI_VERSION, 0, 0, 0);

	ok(version >= 0x10000 && version < 0x20000, "PSCI version 1.%d", version & 0xffff);
	for (unsigned i = 0; i < sizeof(present) / sizeof(present[0]); i++)
		ok(psci(PSCI_FEATURES, present[i].fn, 0, 0) >= 0, "offered: %s", present[i].name);
}

/* Function numbers of every service, both widths, and none. */
static void check_unknown(void)
{
	static const uint32_t fns[] = {
		0, 1, 0x12345678, 0x7fffffff, 0x80000000 + 0x77, 0x80007fff, 0x8100ff00, 0x82000001, 0x83000000, 0x84000020 + 0x7f, 0x8400ffff, 0x85000000 + 99,
		0x86000005, 0x8600ffff, 0xb2000000, 0xbf00ff02, 0xc0000777, 0xc4000002, 0xc4000008, 0xc400ffff, 0xc5000099, 0xc600beef, 0xff000000, 0xffffffff,
	};

	for (unsigned i = 0; i < sizeof(fns) / sizeof(fns[0]); i++) {
		ok_eq((uint64_t)(int64_t)psci(fns[i], ~0ull, 1, 2), (uint64_t)PSCI_NOT_SUPPORTED, "function %x is not supported", fns[i]);
		if (psci(PSCI_FEATURES, fns[i], 0, 0) != PSCI_NOT_SUPPORTED)
			ok(false, "but PSCI_FEATURES offers it");
	}
}

static void check_smccc(void)
{
	int version;

	if (psci(PSCI_FEATURES, SMCCC_VERSION, 0, 0) < 0) {
		skip("not offered by PSCI_FEATURES", "SMCCC");
		ok(!on_caisson, "SMCCC_VERSION may be missing elsewhere only");
		return;
	}
	version = psci(SMCCC_VERSION, 0, 0, 0);
	ok(version >= 0x10001 && version < 0x20000, "SMCCC version 1.%d", version & 0xffff);
	ok(psci(SMCCC_FEATURES, SMCCC_FEATURES, 0, 0) >= 0, "SMCCC_ARCH_FEATURES knows itself");
	ok_eq((uint64_t)(int64_t)psci(SMCCC_FEATURES, 0x80003fff, 0, 0), (uint64_t)PSCI_NOT_SUPPORTED, "and what is not there");
}

/* SMCCC 1.1: x4 to x17 stay, and all results but those that are defined. */
static void check_registers(void)
{
	uint64_t x[18];
	bool stay = true;

	for (unsigned i = 0; i < 18; i++)
		x[i] = 0x1111111111111111ull * (i & 15) + i;
	x[0] = PSCI_VERSION;
	hvc_regs(x);
	for (unsigned i = 4; i < 18; i++)
		stay &= x[i] == 0x1111111111111111ull * (i & 15) + i;
	ok(stay, "x4 to x17 stay over a call");
	ok(x[0] >> 16 == 1, "x0 has the answer, with nothing above it");
	x[0] = 0x8600dead;
	hvc_regs(x);
	ok_eq(x[0], ~0ull, "an unknown function's answer has all 64 bits");
	if (!on_caisson) /* QEMU takes all of x0 for the number */
		return;
	x[0] = 0xdeadbeef00000000ull | PSCI_VERSION;
	hvc_regs(x);
	ok((x[0] >> 16) == 1, "the function number is W0 (SMCCC 2.5)");
}

static void check_affinity(void)
{
	static const uint64_t nobody[] = {MAX_CPUS + 1, 0xff, 0x100, 0x10000, 0x1000000, 1ull << 32, 0xff00ffffff, 1ull << 40, 1ull << 63, ~0ull};

	ok_eq((uint64_t)psci(PSCI_AFFINITY_INFO, 0, 0, 0), AFFINITY_ON, "CPU 0 is on");
	for (unsigned i = 1; i < cpu_count(); i++)
		ok_eq((uint64_t)psci(PSCI_AFFINITY_INFO, i, 0, 0), AFFINITY_OFF, "CPU %u is off", i);
	ok_eq(fdt_find("cpus", "cpu", NULL, NULL, NULL), cpu_count(), "the device tree has as many CPUs");
	for (unsigned i = 0; i < sizeof(nobody) / sizeof(nobody[0]); i++) {
		ok_eq((uint64_t)(int64_t)psci(PSCI_AFFINITY_INFO, nobody[i], 0, 0), (uint64_t)PSCI_INVALID, "nobody has affinity %llx", (unsigned long long)nobody[i]);
		ok_eq((uint64_t)(int64_t)psci(PSCI_CPU_ON, nobody[i], (uint64_t)cpu_entry, 0), (uint64_t)PSCI_INVALID, "nor can be started");
	}
	if (on_caisson)
		ok_eq((uint64_t)(int64_t)psci(PSCI_AFFINITY_INFO, 0, 77, 0), (uint64_t)PSCI_INVALID, "there is no level 77");
	ok_eq((uint64_t)(int64_t)psci(PSCI_CPU_ON, 0, (uint64_t)cpu_entry, 0), (uint64_t)PSCI_ALREADY_ON, "CPU 0 is on already");
}

static void timer_in(uint64_t ns)
{
	SYS_WRITE("cntv_cval_el0", clock_now() + ns * clock_hz / 1000000000);
	SYS_WRITE("cntv_ctl_el0", 1);
}

static bool timer_fired(void) { return SYS_READ("cntv_ctl_el0") & 4; }

/* Standby of this CPU (DEN0022 5.4: power state 0), as WFI: an interrupt that is masked here ends it. */
static void check_suspend(void)
{
	irq_enable(INTID_VTIMER);
	timer_in(WAKE_NS);
	ok_eq((uint64_t)(int64_t)psci(PSCI_SUSPEND, 0, 0, 0), PSCI_OK, "CPU_SUSPEND into standby comes back");
	if (on_caisson) /* it is allowed to wake for no reason, and QEMU does */
		ok(timer_fired(), "because its timer fired");
	SYS_WRITE("cntv_ctl_el0", 0);
	irq_disable(INTID_VTIMER);
}

#define CALL(insn) ({ register uint64_t x0_ __asm__("x0") = PSCI_VERSION; cpu_self()->fault = EC_NONE; \
	__asm__ volatile("1: " insn "\n2:\n" CATCH : "+r"(x0_) : : "x1", "x2", "x3", "memory"); \
	cpu_self()->fault == EC_UNKNOWN || (cpu_self()->fault == EC_NONE && (x0_ >> 16 == 1 || x0_ == ~0ull)); })

/* A call by another immediate, or by SMC, is answered or undefined, and nothing worse. */
static void check_wild(void)
{
	ok(CALL("hvc #1"), "HVC 1 is answered or undefined");
	ok(CALL("hvc #0x4a48"), "HVC 0x4a48");
	ok(CALL("hvc #0xea1"), "HVC 0xea1, which is Xen's");
	ok(CALL("hvc #0xffff"), "HVC 0xffff");
	ok(CALL("smc #0"), "SMC 0");
	ok(CALL("smc #0xffff"), "SMC 0xffff");
	for (unsigned i = 0; i < 1000; i++)
		(void)hvc_call(0xc6000000 + i * 7919, i, ~(uint64_t)i, i << 20);
	ok(psci(PSCI_VERSION, 0, 0, 0) >= 0x10000, "a thousand calls to nobody");
}

/* DEN0057A: paravirtual steal time. */
static void check_steal(void)
{
	const uint32_t features = 0xc5000020, st = 0xc5000021;
	uint64_t at;

	if (psci(SMCCC_FEATURES, features, 0, 0) != 0) {
		skip("not offered", "steal time");
		ok(!on_caisson, "it may be missing elsewhere only");
		return;
	}
	ok_eq(hvc_call(features, st, 0, 0), 0, "PV_TIME_FEATURES knows PV_TIME_ST");
	ok_eq(hvc_call(features, 0xc5000055, 0, 0), ~0ull, "and no other");
	at = hvc_call(st, 0, 0, 0);
	ok(at != ~0ull && !(at & 63), "PV_TIME_ST tells an address: %llx", (unsigned long long)at);
	if (at != ~0ull) {
		uint64_t first;

		ok(read32(at) == 0 && read32(at + 4) == 0, "revision and attributes are 0");
		first = read64(at + 8);
		for (volatile unsigned i = 0; i < 100000; i++)
			;
		ok(read64(at + 8) >= first && read64(at + 8) < 1000000000000, "stolen: %llu ns", (unsigned long long)read64(at + 8));
	}
}

void guest_main(void)
{
	check_version();
	check_unknown();
	check_smccc();
	check_registers();
	check_affinity();
	check_suspend();
	check_wild();
	check_steal();
}
