/* SPDX-License-Identifier: Apache-2.0 */
/* System registers: what the ID registers hide is really hidden, what they show is there; every encoding read and written either works or is
 * undefined, and the guest goes on; and what a CPU wrote to its own registers stays there over exits and other vCPUs. Wants several CPUs. */
#include "lib/guest.h"

/* op0 op1 CRn CRm op2 as MRS and MSR have them, bits 20..5 (DDI0487 C6.2.247). */
#define ENC(op0, op1, crn, crm, op2) ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
enum { MRS_X0 = 0xd5200000, MSR_X0 = 0xd5000000, SYSL_BIT = 0x200000 };

static int sys_get(unsigned enc, uint64_t *v)
{
	return run_insn(MRS_X0 | enc << 5, v);
}

static int sys_set(unsigned enc, uint64_t v)
{
	return run_insn(MSR_X0 | enc << 5, &v);
}

/* ---- features: a field of an ID register and a register that is there exactly when the field says so */
#define PFR0 ENC(3, 0, 0, 4, 0)
#define PFR1 ENC(3, 0, 0, 4, 1)
#define DFR0 ENC(3, 0, 0, 5, 0)
#define ISAR0 ENC(3, 0, 0, 6, 0)
#define MMFR1 ENC(3, 0, 0, 7, 1)
#define MMFR3 ENC(3, 0, 0, 7, 3)
struct feature { unsigned id; uint8_t shift; bool hidden; unsigned reg; const char *name; };
/* hidden: this monitor has no code for it, so that it must not be offered. */
static const struct feature features[] = {
	{PFR0, 32, true, ENC(3, 0, 1, 2, 0), "SVE (ZCR_EL1)"}, {PFR0, 44, true, ENC(3, 3, 13, 2, 0), "AMU (AMCR_EL0)"},
	{PFR0, 40, true, ENC(3, 0, 10, 5, 0), "MPAM (MPAM1_EL1)"}, {PFR1, 24, true, ENC(3, 0, 1, 2, 6), "SME (SMCR_EL1)"},
	{PFR1, 44, true, ENC(3, 0, 2, 5, 0), "GCS (GCSCR_EL1)"}, {DFR0, 8, true, ENC(3, 3, 9, 12, 0), "PMU (PMCR_EL0)"},
	{DFR0, 8, true, ENC(3, 3, 9, 13, 0), "PMU (PMCCNTR_EL0)"}, {DFR0, 8, true, ENC(3, 0, 9, 14, 1), "PMU (PMINTENSET_EL1)"},
	{DFR0, 32, true, ENC(3, 0, 9, 9, 0), "SPE (PMSCR_EL1)"}, {DFR0, 40, true, ENC(3, 0, 1, 2, 1), "trace filter (TRFCR_EL1)"},
	{DFR0, 44, true, ENC(3, 0, 9, 11, 0), "trace buffer (TRBLIMITR_EL1)"}, {DFR0, 52, true, ENC(2, 1, 9, 0, 0), "branch records (BRBCR_EL1)"},
	{MMFR1, 16, false, ENC(3, 0, 10, 4, 0), "limited ordering regions (LORSA_EL1)"}, {ISAR0, 60, false, ENC(3, 3, 2, 4, 0), "random numbers (RNDR)"},
	{MMFR3, 0, false, ENC(3, 0, 2, 0, 3), "TCR2_EL1"}, {MMFR3, 4, false, ENC(3, 0, 1, 0, 3), "SCTLR2_EL1"},
	{MMFR3, 8, false, ENC(3, 0, 10, 2, 3), "permission indirection (PIR_EL1)"},
};

static unsigned field(unsigned id, unsigned shift)
{
	uint64_t v = 0;

	(void)sys_get(id, &v);
	return (v >> shift) & 15;
}

static void check_features(void)
{
	for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		const struct feature *f = &features[i];
		unsigned has = field(f->id, f->shift);
		uint64_t v = 0;
		int fault;

		if (f->id == DFR0 && f->shift == 8 && has == 15) /* an implementation's own PMU */
			has = 0;
		if (f->hidden && on_caisson)
			ok(has == 0, "not offered: %s", f->name);
		fault = sys_get(f->reg, &v);
		ok(has ? fault != EC_UNKNOWN : fault == EC_UNKNOWN, "%s is %s", f->name, has ? "there" : "undefined");
	}
	if (on_caisson)
		ok_eq(field(PFR0, 8), 0, "no EL2");
	ok(field(PFR0, 16) != 15 && field(PFR0, 20) != 15, "FP and SIMD are there");
	ok_eq(field(PFR0, 24), 1, "the interrupt controller has system registers");
}

/* ---- registers of higher levels are nobody's */
static const struct { unsigned enc; const char *name; } above[] = {
	{ENC(3, 4, 1, 1, 0), "HCR_EL2"}, {ENC(3, 4, 2, 1, 0), "VTTBR_EL2"}, {ENC(3, 4, 1, 0, 0), "SCTLR_EL2"}, {ENC(3, 4, 12, 0, 0), "VBAR_EL2"},
	{ENC(3, 4, 14, 0, 3), "CNTVOFF_EL2"}, {ENC(3, 4, 14, 1, 0), "CNTHCTL_EL2"}, {ENC(3, 4, 12, 11, 0), "ICH_HCR_EL2"}, {ENC(3, 4, 12, 12, 0), "ICH_LR0_EL2"},
	{ENC(3, 4, 12, 9, 5), "ICC_SRE_EL2"}, {ENC(3, 5, 1, 0, 0), "SCTLR_EL12"}, {ENC(3, 5, 14, 3, 1), "CNTV_CTL_EL02"}, {ENC(3, 6, 1, 1, 0), "SCR_EL3"},
	{ENC(3, 4, 4, 1, 0), "SP_EL1"}, {ENC(3, 4, 1, 1, 1), "MDCR_EL2"},
};

static void check_above(void)
{
	for (unsigned i = 0; i < sizeof(above) / sizeof(above[0]); i++) {
		uint64_t v = 0;

		ok(sys_get(above[i].enc, &v) == EC_UNKNOWN && sys_set(above[i].enc, 0) == EC_UNKNOWN, "%s is undefined", above[i].name);
	}
	if (on_caisson) /* without any EL2 this is the level that may */
		ok_eq((uint64_t)sys_set(ENC(3, 3, 14, 0, 0), 1), EC_UNKNOWN, "CNTFRQ_EL0 cannot be written");
	ok_eq(SYS_READ("currentel") >> 2, 1, "this is EL1");
}

static void check_identity(void)
{
	unsigned unreadable = 0, writable = 0;
	uint64_t v = 0;

	for (unsigned crm = 1; crm < 8; crm++)
		for (unsigned op2 = 0; op2 < 8; op2++) {
			unreadable += sys_get(ENC(3, 0, 0, crm, op2), &v) != EC_NONE;
			writable += sys_set(ENC(3, 0, 0, crm, op2), 0) == EC_NONE;
		}
	ok_eq(unreadable, 0, "the whole space of ID registers can be read");
	ok_eq(writable, 0, "and not be written");
	ok_eq(SYS_READ("mpidr_el1") & 0xff00ffffff, 0, "affinity of CPU 0");
	ok(SYS_READ("mpidr_el1") >> 31 & 1, "MPIDR_EL1 has its fixed bit");
	ok(SYS_READ("midr_el1") != 0, "MIDR_EL1 is %llx", (unsigned long long)SYS_READ("midr_el1"));
	ok((SYS_READ("id_aa64mmfr0_el1") >> 28 & 15) != 15, "a granule of 4 KiB");
	ok(field(DFR0, 0) >= 6 && sys_get(ENC(2, 0, 0, 0, 4), &v) == EC_NONE && sys_get(ENC(2, 0, 0, 0, 5), &v) == EC_NONE &&
	   sys_get(ENC(2, 0, 0, 2, 2), &v) == EC_NONE && sys_get(ENC(2, 0, 1, 1, 4), &v) == EC_NONE, "debug registers can be read, as DebugVer says");
}

/* ---- the sweep */

/* Writing these as one likes ends this guest, which is another test (hostile.c): translation, vectors, stack selection. */
static const unsigned spared[] = {
	ENC(3, 0, 1, 0, 0), ENC(3, 0, 1, 0, 3), ENC(3, 0, 2, 0, 0), ENC(3, 0, 2, 0, 2), ENC(3, 0, 2, 0, 3), ENC(3, 0, 4, 2, 0), ENC(3, 0, 10, 2, 0),
	ENC(3, 0, 10, 2, 2), ENC(3, 0, 10, 2, 3), ENC(3, 0, 10, 2, 4), ENC(3, 0, 12, 0, 0), ENC(3, 3, 4, 2, 1),
};

static bool is_spared(unsigned enc)
{
	for (unsigned i = 0; i < sizeof(spared) / sizeof(spared[0]); i++)
		if (spared[i] == enc)
			return true;
	return false;
}

static unsigned readable, writable, odd, odd_enc;

/* EC_SYS: what lies among the ID registers says so where FEAT_IDST is. The units' own classes: the guest itself has not switched them on. */
static void judge(unsigned enc, int fault)
{
	if (fault == EC_NONE || fault == EC_UNKNOWN || fault == EC_SYS || fault == EC_FP || fault == EC_SVE || fault == EC_SME)
		return;
	odd++;
	odd_enc = enc << 8 | (unsigned)fault;
}

static void tell_odd(void)
{
	if (odd)
		note("the last of %u: op %u %u c%u c%u %u, class %x", odd, odd_enc >> 22 & 3, odd_enc >> 19 & 7, odd_enc >> 15 & 15, odd_enc >> 11 & 15,
		     odd_enc >> 8 & 7, odd_enc & 0xff);
}

enum { BATCH = 128, TO_READ = 0, TO_WRITE = BATCH };

/* Place TO_READ + i reads the register, TO_WRITE + i writes it. */
static void sweep_one(unsigned i, unsigned enc)
{
	static const uint64_t values[] = {0, ~0ull, 0x8000000000000000, 0x5a5a5a5a5a5a5a5a};
	uint64_t old = 0;
	int fault = code_run(TO_READ + i, &old);

	readable += fault == EC_NONE;
	judge(enc, fault);
	if (is_spared(enc))
		return;
	for (unsigned j = 0; j < (fault == EC_NONE ? 4 : 1); j++) {
		uint64_t v = values[j];
		int w = code_run(TO_WRITE + i, &v);

		writable += j == 0 && w == EC_NONE;
		judge(enc, w);
	}
	if (fault == EC_NONE)
		(void)code_run(TO_WRITE + i, &old);
}

static void sweep(unsigned op0, unsigned op1)
{
	readable = writable = odd = 0;
	for (unsigned first = ENC(op0, op1, 0, 0, 0); first < ENC(op0, op1 + 1, 0, 0, 0); first += BATCH) {
		for (unsigned i = 0; i < BATCH; i++) {
			code_put(TO_READ + i, MRS_X0 | (first + i) << 5);
			code_put(TO_WRITE + i, MSR_X0 | (first + i) << 5);
		}
		code_ready();
		for (unsigned i = 0; i < BATCH; i++)
			sweep_one(i, first + i);
	}
	ok(odd == 0, "registers %u %u: %u can be read, %u written, the others are undefined", op0, op1, readable, writable);
	tell_odd();
}

/* SYS and SYSL: cache, translation and TLB operations, and what implementations have of their own; all on a page of this guest's own. */
static void sweep_operations(void)
{
	static uint8_t scratch[8192] __attribute__((aligned(4096)));
	unsigned done = 0;

	odd = 0;
	for (unsigned first = ENC(1, 0, 0, 0, 0); first < ENC(2, 0, 0, 0, 0); first += BATCH) {
		unsigned crn = first >> 7 & 15;

		if (crn != 7 && crn != 8 && crn != 11 && crn != 15)
			continue;
		for (unsigned i = 0; i < BATCH; i++) {
			code_put(i, MSR_X0 | (first + i) << 5);
			code_put(BATCH + i, MSR_X0 | SYSL_BIT | (first + i) << 5);
		}
		code_ready();
		for (unsigned i = 0; i < 2 * BATCH; i++) {
			uint64_t x0 = (uint64_t)scratch + 4096;
			int fault = code_run(i, &x0);

			done += fault == EC_NONE;
			judge(first + i % BATCH, fault == EC_DABT ? EC_NONE : fault);
		}
	}
	ok(odd == 0, "SYS and SYSL: %u operations are done, the others are undefined", done);
	tell_odd();
}

/* ---- what stays over exits, for each CPU its own */
static const unsigned kept[] = {
	ENC(3, 0, 13, 0, 4) /* TPIDR_EL1 */, ENC(3, 3, 13, 0, 2) /* TPIDR_EL0 */, ENC(3, 3, 13, 0, 3) /* TPIDRRO_EL0 */, ENC(3, 0, 13, 0, 1) /* CONTEXTIDR_EL1 */,
	ENC(3, 0, 2, 0, 1) /* TTBR1_EL1 */, ENC(3, 0, 4, 1, 0) /* SP_EL0 */, ENC(3, 0, 5, 2, 0) /* ESR_EL1 */, ENC(3, 0, 6, 0, 0) /* FAR_EL1 */,
	ENC(3, 0, 4, 0, 1) /* ELR_EL1 */, ENC(3, 0, 7, 4, 0) /* PAR_EL1 */, ENC(3, 3, 14, 3, 2) /* CNTV_CVAL_EL0 */, ENC(3, 3, 14, 2, 2) /* CNTP_CVAL_EL0 */,
	ENC(3, 0, 14, 1, 0) /* CNTKCTL_EL1 */, ENC(3, 2, 0, 0, 0) /* CSSELR_EL1 */, ENC(3, 0, 1, 0, 2) /* CPACR_EL1 */, ENC(3, 0, 10, 3, 0) /* AMAIR_EL1 */,
	ENC(3, 0, 4, 6, 0) /* ICC_PMR_EL1 */, ENC(3, 0, 12, 12, 3) /* ICC_BPR1_EL1 */, ENC(3, 0, 12, 12, 4) /* ICC_CTLR_EL1 */,
	ENC(2, 0, 0, 0, 4) /* DBGBVR0_EL1 */, ENC(2, 0, 0, 0, 6) /* DBGWVR0_EL1 */,
};
enum { KEPT = sizeof(kept) / sizeof(kept[0]), ROUNDS = 60 };
static volatile unsigned lost[MAX_CPUS], lost_reg[MAX_CPUS];
static volatile bool kept_done[MAX_CPUS];

/* Exits of several kinds, and some time without any. ESR, FAR and ELR change by an exception alone, and there is none. */
static void disturb(void)
{
	for (unsigned i = 0; i < 4; i++) {
		(void)psci(PSCI_VERSION, 0, 0, 0);
		(void)read32(GICD + GICD_TYPER);
	}
	for (volatile unsigned i = 0; i < 20000; i++)
		;
}

static void keep(unsigned index)
{
	uint64_t want[KEPT] = {0}, old[KEPT] = {0};

	for (unsigned i = 0; i < KEPT; i++) {
		code_put(TO_READ + i, MRS_X0 | kept[i] << 5);
		code_put(TO_WRITE + i, MSR_X0 | kept[i] << 5);
	}
	code_ready();
	for (unsigned r = 0; r < ROUNDS; r++) {
		for (unsigned i = 0; i < KEPT; i++) {
			uint64_t v = 0x1111111111110000ull * (index + 1) ^ r * 0x0101010101010101ull;

			(void)code_run(TO_READ + i, &old[i]);
			(void)code_run(TO_WRITE + i, &v);
		}
		for (unsigned i = 0; i < KEPT; i++)
			(void)code_run(TO_READ + i, &want[i]); /* some bits are nobody's */
		disturb();
		for (unsigned i = 0; i < KEPT; i++) {
			uint64_t now = 0;

			(void)code_run(TO_READ + i, &now);
			if (now != want[i]) {
				lost[index]++;
				lost_reg[index] = kept[i];
			}
			(void)code_run(TO_WRITE + i, &old[i]);
		}
	}
	kept_done[index] = true;
}

static void check_kept(void)
{
	unsigned n = cpu_count();

	for (unsigned i = 1; i < n; i++)
		if (!ok(cpu_start(i, keep), "CPU %u starts", i))
			return;
	keep(0);
	for (unsigned i = 0; i < n; i++)
		ok(WAIT(kept_done[i]) && lost[i] == 0, "CPU %u kept its registers over %u rounds", i, ROUNDS);
	for (unsigned i = 0; i < n; i++)
		if (lost[i])
			note("CPU %u lost %u times, at last %u %u c%u c%u %u", i, lost[i], lost_reg[i] >> 14, lost_reg[i] >> 11 & 7, lost_reg[i] >> 7 & 15,
			     lost_reg[i] >> 3 & 15, lost_reg[i] & 7);
}

void guest_main(void)
{
	SYS_WRITE("cpacr_el1", 3 << 24 | 3 << 20 | 3 << 16); /* no unit is switched off by this guest itself */
	check_features();
	check_above();
	check_identity();
	check_kept();
	for (unsigned op0 = 2; op0 < 4; op0++)
		for (unsigned op1 = 0; op1 < 8; op1++)
			sweep(op0, op1);
	sweep_operations();
	gic_cpu_init();
	ok(clock_now() != 0, "the guest is alive");
}
