/* SPDX-License-Identifier: Apache-2.0 */
/* Trapped system registers: what ID registers show of some machines (values recorded under QEMU 10.0: cortex-a57, cortex-a76, max), policies of
 * the others, and what is unknown. Host only. */
#include <unit/tap.h>
#include "el2_bench.h"

#define PFR0 arm_id_index(4, 0)
#define PFR1 arm_id_index(4, 1)
#define DFR0 arm_id_index(5, 0)
#define ISAR0 arm_id_index(6, 0)
#define ISAR1 arm_id_index(6, 1)
#define ISAR2 arm_id_index(6, 2)
#define MMFR0 arm_id_index(7, 0)
#define MMFR1 arm_id_index(7, 1)
#define MMFR2 arm_id_index(7, 2)

static uint64_t out[ARM_ID_REGS];

static unsigned field(unsigned reg, unsigned shift) { return (unsigned)(out[reg] >> shift) & 15; }

static void test_a57(void)
{
	struct arm_host h = { .guest_parange = 4 };

	h.id[PFR0] = 0x01002222;
	h.id[DFR0] = 0x10305106;
	h.id[ISAR0] = 0x00011120;
	h.id[MMFR0] = 0x00001124;
	h.id[arm_id_index(1, 0)] = 0x131; /* ID_PFR0_EL1 */
	id_regs_offer(&h, out);
	ok_eq(out[PFR0], 0x01000011, "AArch64 at EL0 and EL1 alone, GIC, FP");
	ok_eq(out[DFR0], 0xf010305006, "debug of Armv8.0, no PMU");
	ok_eq(out[ISAR0], 0x00011120, "its instructions");
	ok_eq(out[MMFR0], 0x00000024, "44 bits, 16 bits of ASID; neither big-endian nor secure memory");
	ok_eq(out[arm_id_index(1, 0)], 0, "no AArch32");
}

/* Everything that there is. */
static void test_all(void)
{
	struct arm_host h = { .guest_parange = 2 };

	memset(h.id, 0xff, sizeof h.id);
	id_regs_offer(&h, out);
	ok(field(PFR0, 0) == 1 && field(PFR0, 4) == 1 && field(PFR0, 8) == 0 && field(PFR0, 12) == 0, "no AArch32, no EL2, no EL3");
	ok(field(PFR0, 16) == 15 && field(PFR0, 20) == 15, "0xf says that there is no FP");
	ok(field(PFR0, 24) == 1 && field(PFR0, 28) == 0 && field(PFR0, 32) == 0 && field(PFR0, 40) == 0 && field(PFR0, 44) == 0, "GIC 3.0; neither RAS, SVE, MPAM nor AMU");
	ok(field(PFR0, 56) == 1, "CSV2 without its registers");
	ok(field(PFR1, 8) == 0 && field(PFR1, 24) == 0, "neither MTE nor SME");
	ok(field(DFR0, 8) == 0 && field(DFR0, 32) == 0 && field(DFR0, 44) == 0, "neither PMU, SPE nor TRBE");
	ok(field(ISAR1, 56) == 0 && field(ISAR1, 60) == 0 && field(ISAR2, 0) == 0 && field(ISAR2, 16) == 0, "neither XS, LS64, WFxT nor MOPS");
	ok(field(MMFR0, 0) == 2 && field(MMFR0, 8) == 0 && field(MMFR0, 20) == 1 && field(MMFR0, 60) == 0, "40 bits, no big-endian, no 52 bits, no ECV");
	ok(field(MMFR1, 4) == 0 && field(MMFR1, 8) == 0 && field(MMFR1, 16) == 0 && field(MMFR1, 40) == 0, "neither VMIDs, VHE, LORs nor HCRX");
	ok(field(MMFR2, 12) == 0 && field(MMFR2, 16) == 0 && field(MMFR2, 24) == 0 && field(MMFR2, 40) == 0, "neither IESB, LVA, NV nor FWB");
	for (unsigned i = 0; i < ARM_ID_REGS; i++)
		if (i < arm_id_index(4, 0))
			ok(out[i] == 0, "AArch32's register %u is zero", i);
}

static void test_least(void)
{
	struct arm_host a = { .guest_parange = 4 }, b = a;

	a.id[ISAR0] = 0x0000100010211120;
	b.id[ISAR0] = 0x0000000000011120;
	a.id[PFR0] = 0x11;             /* FP */
	b.id[PFR0] = 0xf0000 | 0xf00000 | 0x11;
	id_regs_least(a.id, b.id);
	id_regs_offer(&a, out);
	ok_eq(out[ISAR0], 0x00011120, "of two kinds of CPUs, what both have");
	ok(field(PFR0, 16) == 15, "and nothing that one lacks");
}

/* ---- the traps */

static struct hv_exit access_reg(bool write, uint32_t encoding, uint64_t value)
{
	struct hv_exit e = { .kind = HV_EXIT_SYSREG };

	e.sysreg.encoding = encoding;
	e.sysreg.write = write;
	e.sysreg.value = value;
	sysreg_exit(vcpu_at(0), &e);
	return e;
}

static uint64_t rd(uint32_t encoding)
{
	struct hv_exit e = access_reg(false, encoding, 0);

	return e.sysreg.fault ? 0xdeadull << 48 : e.sysreg.value;
}

static bool wr(uint32_t encoding, uint64_t value)
{
	return !access_reg(true, encoding, value).sysreg.fault;
}

#define CNTPCT ARM_SYSREG(3, 3, 14, 0, 1)
#define CNTP_TVAL ARM_SYSREG(3, 3, 14, 2, 0)
#define CNTP_CTL ARM_SYSREG(3, 3, 14, 2, 1)
#define CNTP_CVAL ARM_SYSREG(3, 3, 14, 2, 2)
#define OSLAR ARM_SYSREG(2, 0, 1, 0, 4)
#define OSLSR ARM_SYSREG(2, 0, 1, 1, 4)

static void test_policies(void)
{
	static const uint32_t absent[] = {
		ARM_SYSREG(3, 3, 9, 12, 0), ARM_SYSREG(3, 0, 9, 14, 1), ARM_SYSREG(3, 3, 13, 2, 0), ARM_SYSREG(3, 0, 5, 3, 0), ARM_SYSREG(3, 0, 10, 4, 0),
		ARM_SYSREG(3, 0, 11, 0, 0), ARM_SYSREG(3, 3, 14, 0, 5), ARM_SYSREG(1, 0, 7, 14, 2), ARM_SYSREG(3, 4, 1, 1, 0), ARM_SYSREG(0, 0, 0, 0, 0),
		ARM_SYSREG(3, 0, 0, 0, 5), ARM_SYSREG(3, 7, 15, 15, 7),
	};
	uint64_t unknown = atomic_load(&bare.counters.unknown_msrs);

	ok_eq(rd(ARM_SYSREG(3, 0, 0, 4, 0)), 0x01000011, "ID_AA64PFR0_EL1");
	ok_eq(rd(ARM_SYSREG(3, 0, 0, 7, 7)), 0, "a reserved one is zero");
	ok(!wr(ARM_SYSREG(3, 0, 0, 4, 0), 0), "none can be written");
	ok(rd(OSLSR) == 10 && wr(OSLAR, 0) && rd(OSLSR) == 8 && wr(OSLAR, 1) && rd(OSLSR) == 10, "the OS lock");
	ok(rd(ARM_SYSREG(3, 0, 12, 12, 5)) == 7 && wr(ARM_SYSREG(3, 0, 12, 12, 5), 0), "ICC_SRE_EL1 is what it is");
	ok(rd(ARM_SYSREG(3, 0, 1, 0, 1)) == 0 && wr(ARM_SYSREG(3, 0, 1, 0, 1), ~0ull), "ACTLR_EL1 has nothing in it");
	ok(wr(ARM_SYSREG(3, 0, 12, 11, 7), 1) && wr(ARM_SYSREG(3, 0, 12, 11, 6), 1), "SGIs of other groups go nowhere");
	ok(access_reg(false, ARM_SYSREG(3, 0, 12, 11, 5), 0).sysreg.fault, "SGI registers cannot be read");
	unknown = atomic_load(&bare.counters.unknown_msrs);
	for (unsigned i = 0; i < ARRAY_LEN(absent); i++)
		ok(access_reg(i & 1, absent[i], 0).sysreg.fault && !sysreg_name(absent[i]), "0x%04x is undefined", absent[i]);
	ok_eq(atomic_load(&bare.counters.unknown_msrs) - unknown, ARRAY_LEN(absent), "and counted");
}

static void test_order(void)
{
	const char *last = NULL;
	unsigned names = 0;

	for (uint32_t e = 0; e < 0x10000; e++) {
		const char *n = sysreg_name(e);

		names += n && n != last;
		last = n ? n : last;
	}
	ok_eq(names, 28, "each row is found where its encoding is");
}

static void test_physical_timer(void)
{
	vcpu_at(0)->counter_offset = -(int64_t)hal_counter();
	fake_clock_advance(1000000);
	ok_eq(rd(CNTPCT), arm_counter(vcpu_at(0)), "the physical counter is the guest's own time");
	ok(wr(CNTP_CTL, ~0ull) && rd(CNTP_CTL) == 7, "CTL: enabled, masked, and due since the compare value is 0");
	ok(wr(CNTP_CVAL, ~0ull) && rd(CNTP_CVAL) == ~0ull && rd(CNTP_CTL) == 3, "CVAL at the end of time");
	ok(wr(CNTP_TVAL, 0xffffffff00001000) && rd(CNTP_CVAL) == arm_counter(vcpu_at(0)) + 0x1000 && rd(CNTP_TVAL) == 0x1000, "TVAL has 32 bits");
	ok(wr(CNTP_TVAL, 0xffffffff) && rd(CNTP_TVAL) == 0xffffffff && rd(CNTP_CTL) == 7, "and a sign");
	ok(wr(CNTP_CTL, 0) && rd(CNTP_CTL) == 0, "off, it is not due");
}

int main(void)
{
	test_a57();
	test_all();
	test_least();
	if (!ok(bench_start(), "a VM"))
		return tap_done();
	test_policies();
	test_order();
	test_physical_timer();
	ok(bench_end(), "everything came back");
	return tap_done();
}
