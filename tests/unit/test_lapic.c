/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's local APIC: registers in both modes, priority, every form of IPI, messages, INIT/SIPI, timer arithmetic, state that
 * travels. The vCPUs are bare structs; delivery is seen in the pending bits and the kicks. */
#include <unit/tap.h>
#include "bare_vm.h"

enum { ID = 0x20, VERSION = 0x30, TPR = 0x80, PPR = 0xa0, EOI = 0xb0, LDR = 0xd0, DFR = 0xe0, SVR = 0xf0, ISR = 0x100, TMR = 0x180, IRR = 0x200,
       ESR = 0x280, ICR = 0x300, ICR2 = 0x310, LVTT = 0x320, LVTERR = 0x370, TMICT = 0x380, TMCCT = 0x390, TDCR = 0x3e0, SELF = 0x3f0 };

static struct vcpu *const v0 = &bare_vcpus[0], *const v1 = &bare_vcpus[1];

static uint32_t rd(struct vcpu *v, unsigned off)
{
	uint64_t value = 0xdeadbeef;

	ok(lapic_mmio(v, GPA(LAPIC_DEFAULT_BASE + off), 4, false, &value), "page answers at 0x%x", off);
	return (uint32_t)value;
}

static void wr(struct vcpu *v, unsigned off, uint32_t x)
{
	uint64_t value = x;

	if (!lapic_mmio(v, GPA(LAPIC_DEFAULT_BASE + off), 4, true, &value))
		ok(false, "page takes a write at 0x%x", off);
}

static err_t wrmsr(struct vcpu *v, unsigned off, uint64_t x) { return lapic_msr_write(v, 0x800 + off / 16, x); }
static err_t rdmsr(struct vcpu *v, unsigned off, uint64_t *x) { return lapic_msr_read(v, 0x800 + off / 16, x); }

static void enable(struct vcpu *v) { wr(v, SVR, 0x1ff); }

static void enable_all(void)
{
	for (unsigned i = 0; i < bare.nvcpus; i++)
		enable(&bare_vcpus[i]);
}

static void to_x2(struct vcpu *v)
{
	if (lapic_msr_write(v, MSR_APIC_BASE, lapic_base_msr(v) | 1 << 10) != OK)
		ok(false, "x2APIC mode");
	if (wrmsr(v, SVR, 0x1ff) != OK)
		ok(false, "software enable");
}

/* Takes and ends whatever is pending; returns the vector. */
static int take(struct vcpu *v)
{
	int vector = lapic_pending(v);

	if (vector < 0)
		return vector;
	lapic_ack(v, (uint8_t)vector);
	if (lapic_base_msr(v) & 1 << 10) {
		if (wrmsr(v, EOI, 0) != OK)
			ok(false, "EOI by MSR");
	} else {
		wr(v, EOI, 0);
	}
	return vector;
}

/* Which vCPUs got vector: a bit each; takes it from them. APs that wait for SIPI cannot show it: tests start them first. */
static uint64_t who_got(int vector)
{
	uint64_t set = 0;

	for (unsigned i = 0; i < bare.nvcpus; i++)
		if (take(&bare_vcpus[i]) == vector)
			set |= 1ull << i;
	return set;
}

static void start_aps(void)
{
	uint8_t vector;

	for (unsigned i = 1; i < bare.nvcpus; i++) {
		wr(v0, ICR2, i << 24);
		wr(v0, ICR, 0x600 | 0x10);
		if (!lapic_take_sipi(&bare_vcpus[i], &vector))
			ok(false, "SIPI starts vCPU %u", i);
	}
}

static void test_reset(void)
{
	uint64_t x = 0;

	CHECK(bare_init(2));
	ok_eq(lapic_base_msr(v0), 0xfee00900, "the BSP's base MSR");
	ok_eq(lapic_base_msr(v1), 0xfee00800, "an AP's base MSR");
	ok(!lapic_waits_for_sipi(v0) && lapic_waits_for_sipi(v1), "the AP waits");
	ok_eq(rd(v1, ID), 1 << 24, "id");
	ok_eq(rd(v0, VERSION), 0x50014, "version");
	ok_eq(rd(v0, SVR), 0xff, "spurious vector");
	ok_eq(rd(v0, DFR), 0xffffffff, "flat");
	ok_eq(rd(v0, LVTT), 0x10000, "the timer is masked");
	ok_eq(rd(v0, LVTERR), 0x10000, "as is the error");
	ok(!lapic_mmio(v0, GPA(LAPIC_DEFAULT_BASE + 4096), 4, false, &x) && !lapic_mmio(v0, GPA(LAPIC_DEFAULT_BASE - 4), 4, false, &x),
	   "the page ends where it ends");
	x = 99;
	ok(lapic_mmio(v0, GPA(LAPIC_DEFAULT_BASE + ID), 8, false, &x) && x == 0, "a 64-bit read gives 0");
	x = 0xff;
	ok(lapic_mmio(v0, GPA(LAPIC_DEFAULT_BASE + TPR), 1, true, &x) && lapic_cr8(v0) == 0, "an 8-bit write does nothing");
	ok_eq(lapic_timer_deadline_ns(v0), UINT64_MAX, "no timer");
	ok(!lapic_has_work(v0), "nothing to do");
	CHECK(bare_fini());
}

static void test_priority(void)
{
	CHECK(bare_init(1));
	lapic_post(v0, 0x41, false);
	ok_eq(lapic_pending(v0), -1, "not accepted while software-disabled");
	enable(v0);
	lapic_post(v0, 0x41, false);
	lapic_post(v0, 0x41, false);
	ok_eq(kicks[0], 1, "the first setting of a bit kicks");
	ok_eq(posts[0], 1, "or posts, where the backend can");
	lapic_post(v0, 0x42, true);
	ok(kicks[0] == 2 && posts[0] == 1, "a level-triggered one always kicks");
	lapic_ack(v0, 0x42);
	wr(v0, EOI, 0);
	lapic_post(v0, 0x52, false);
	lapic_post(v0, 0x4f, false);
	ok_eq(lapic_pending(v0), 0x52, "the highest first");
	lapic_ack(v0, 0x52);
	ok_eq(lapic_pending(v0), -1, "lower classes wait");
	ok_eq(lapic_highest_irr(v0), 0x4f, "and are seen waiting");
	ok_eq(rd(v0, PPR), 0x50, "PPR is the class in service");
	ok_eq(rd(v0, ISR + 0x20), 1 << 0x12, "ISR shows it");
	lapic_post(v0, 0x60, false);
	ok_eq(lapic_pending(v0), 0x60, "a higher class interrupts");
	lapic_ack(v0, 0x60);
	lapic_unack(v0, 0x60);
	ok_eq(lapic_pending(v0), 0x60, "taken back, it pends again");
	lapic_ack(v0, 0x60);
	wr(v0, EOI, 0);
	ok_eq(rd(v0, PPR), 0x50, "EOI ends the highest");
	wr(v0, EOI, 0);
	ok_eq(take(v0), 0x4f, "then the rest");
	lapic_set_cr8(v0, 4);
	ok_eq(rd(v0, TPR), 0x40, "CR8 is the TPR's class");
	ok_eq(lapic_pending(v0), -1, "equal class is held back");
	lapic_set_cr8(v0, 3);
	ok_eq(take(v0), 0x41, "lower lets it through");
	wr(v0, TPR, 0x1ff);
	ok(lapic_cr8(v0) == 15 && rd(v0, PPR) == 0xff, "the TPR has eight bits");
	wr(v0, TPR, 0);
	wr(v0, EOI, 0);
	ok_eq(rd(v0, PPR), 0, "an EOI too many does nothing");
	lapic_post(v0, 15, false);
	ok_eq(lapic_highest_irr(v0), -1, "vector 15 is illegal");
	wr(v0, ESR, 0);
	ok_eq(rd(v0, ESR), 0x40, "and says so in the ESR");
	wr(v0, ESR, 0);
	ok_eq(rd(v0, ESR), 0, "once");
	lapic_post(v0, 16, false);
	lapic_post(v0, 255, false);
	ok(take(v0) == 255 && take(v0) == 16, "16 and 255 are the ends");
	wr(v0, SVR, 0xff);
	ok_eq(rd(v0, LVTERR) >> 16 & 1, 1, "software-disabling masks");
	wr(v0, LVTERR, 0x31);
	ok_eq(rd(v0, LVTERR), 0x10031, "and keeps masked");
	CHECK(bare_fini());
}

static void test_errors(void)
{
	CHECK(bare_init(1));
	enable(v0);
	wr(v0, LVTERR, 0x33);
	ok_eq(rd(v0, 0x40), 0, "an unknown register reads as 0");
	ok_eq(take(v0), 0x33, "and raises the error interrupt");
	wr(v0, ESR, 0);
	ok_eq(rd(v0, ESR), 0x80, "illegal register");
	wr(v0, VERSION, 1);
	wr(v0, ISR, 1);
	wr(v0, TMCCT, 1);
	ok(take(v0) == -1 && rd(v0, VERSION) == 0x50014, "read-only ones ignore writes");
	wr(v0, ICR, 0x4000 | 7);
	ok_eq(take(v0), 0x33, "sending an illegal vector");
	wr(v0, ESR, 0);
	ok_eq(rd(v0, ESR), 0x20, "is a send error");
	wr(v0, SELF, 0x40);
	ok_eq(take(v0), 0x33, "SELF IPI is x2APIC's alone");
	CHECK(bare_fini());
}

static void test_ipis(void)
{
	CHECK(bare_init(4));
	enable_all();
	start_aps();
	wr(v0, ICR2, 2u << 24);
	wr(v0, ICR, 0x4000 | 0x50);
	ok_eq(who_got(0x50), 1 << 2, "physical");
	ok_eq(rd(v0, ICR), 0x4050, "the ICR reads back, idle");
	wr(v0, ICR2, 0xffu << 24);
	wr(v0, ICR, 0x4000 | 0x51);
	ok_eq(who_got(0x51), 0xf, "physical broadcast");
	wr(v0, ICR2, 9u << 24);
	wr(v0, ICR, 0x4000 | 0x52);
	ok_eq(who_got(0x52), 0, "nobody there");
	wr(v1, ICR, 1u << 18 | 0x53);
	ok_eq(who_got(0x53), 1 << 1, "shorthand self");
	wr(v1, ICR, 2u << 18 | 0x54);
	ok_eq(who_got(0x54), 0xf, "shorthand all");
	wr(v1, ICR, 3u << 18 | 0x55);
	ok_eq(who_got(0x55), 0xd, "shorthand others");
	for (unsigned i = 0; i < 4; i++)
		wr(&bare_vcpus[i], LDR, 1u << (24 + i));
	wr(v0, ICR2, 0xau << 24);
	wr(v0, ICR, 0x800 | 0x56);
	ok_eq(who_got(0x56), 0xa, "logical flat");
	for (unsigned i = 0; i < 4; i++) {
		wr(&bare_vcpus[i], DFR, 0);
		wr(&bare_vcpus[i], LDR, (i / 2 << 4 | 1u << (i & 1)) << 24);
	}
	wr(v0, ICR2, 0x13u << 24);
	wr(v0, ICR, 0x800 | 0x57);
	ok_eq(who_got(0x57), 0xc, "logical cluster");
	wr(v0, ICR2, 0x21u << 24);
	wr(v0, ICR, 0x800 | 0x58);
	ok_eq(who_got(0x58), 0, "a cluster without members");
	wr(v0, ICR2, 0xffu << 24);
	wr(v0, ICR, 0x800 | 0x59);
	ok_eq(who_got(0x59), 0xf, "logical broadcast");
	wr(v0, ICR2, 0xffu << 24);
	wr(v0, ICR, 0x100 | 0x5a);
	ok_eq(__builtin_popcountll(who_got(0x5a)), 1, "lowest priority: one of them");
	wr(v1, SVR, 0xff);
	wr(v0, ICR2, 1u << 24);
	wr(v0, ICR, 0x100 | 0x5b);
	ok_eq(who_got(0x5b), 0, "not one that is software-disabled");
	wr(v0, ICR, 0x400);
	ok(lapic_take_nmi(v1) && !lapic_take_nmi(v1), "but it takes an NMI, once");
	wr(v0, ICR, 0x200 | 0x5c);
	wr(v0, ICR, 0x300 | 0x5c);
	wr(v0, ICR, 0x700 | 0x5c);
	ok(who_got(0x5c) == 0 && !lapic_has_work(v1), "SMI, reserved and ExtINT reach nobody");
	CHECK(lapic_msr_write(v1, MSR_APIC_BASE, LAPIC_DEFAULT_BASE) == OK);
	wr(v0, ICR, 0x400);
	wr(v0, ICR, 3u << 18 | 0x400);
	ok(!lapic_take_nmi(v1) && lapic_take_nmi(&bare_vcpus[2]), "one that is disabled hears nothing");
	CHECK(bare_fini());
}

static void test_init_sipi(void)
{
	uint8_t vector = 0;

	CHECK(bare_init(3));
	wr(v0, ICR2, 1u << 24);
	wr(v0, ICR, 0x600 | 0x9a);
	ok(lapic_has_work(v1) && lapic_take_sipi(v1, &vector) && vector == 0x9a, "SIPI with its vector");
	ok(!lapic_waits_for_sipi(v1) && !lapic_take_sipi(v1, &vector), "once");
	wr(v0, ICR, 0x600 | 0x11);
	ok(!lapic_take_sipi(v1, &vector) && vector == 0x9a, "a second SIPI is ignored while running");
	enable(v1);
	lapic_post(v1, 0x40, false);
	wr(v0, ICR, 0x8500);
	ok(!lapic_take_init(v1), "INIT de-assert does nothing");
	wr(v0, ICR, 0x400);
	wr(v0, ICR, 0xc500);
	wr(v0, ICR, 0x600 | 0x22);
	wr(v0, ICR, 0x600 | 0x23);
	ok(!lapic_take_sipi(v1, &vector), "SIPI waits behind the INIT");
	ok(lapic_take_init(v1) && !lapic_take_init(v1), "INIT, once");
	ok(lapic_waits_for_sipi(v1) && lapic_pending(v1) == -1 && rd(v1, SVR) == 0xff, "clears the APIC");
	ok(!lapic_take_nmi(v1), "and the NMI that came before");
	ok(lapic_take_sipi(v1, &vector) && vector == 0x23, "then the last SIPI starts it");
	wr(v0, ICR, 0x600 | 0x30);
	wr(v0, ICR, 0x4500);
	ok(lapic_take_init(v1) && !lapic_take_sipi(v1, &vector), "an INIT cancels an earlier SIPI");
	wr(v1, ICR2, 0);
	wr(v1, ICR, 0x4500);
	ok(!lapic_take_init(v0) && guest_resets == 1, "INIT to the BSP is a reset of the VM");
	to_x2(&bare_vcpus[2]);
	wr(v0, ICR, 3u << 18 | 0x500);
	ok(lapic_take_init(v1) && lapic_take_init(&bare_vcpus[2]) && !lapic_take_init(v0), "INIT to all others");
	ok_eq(lapic_base_msr(&bare_vcpus[2]) & 0xc00, 0xc00, "x2APIC mode survives INIT");
	wr(v0, ICR, 2u << 18 | 0x600 | 0x44);
	ok(lapic_take_sipi(v1, &vector) && !lapic_take_sipi(v0, &vector), "SIPI to all spares the sender");
	CHECK(bare_fini());
}

static void test_x2(void)
{
	static const struct { unsigned off; uint64_t v; const char *name; } bad[] = {
		{ ID, 0, "ID is read-only" }, { VERSION, 0, "as is the version" }, { LDR, 0, "and LDR" }, { DFR, 0, "there is no DFR" },
		{ ICR2, 0, "nor an upper ICR" }, { 0x90, 0, "nor an APR" }, { 0x2f0, 0x10000, "nor CMCI" }, { TPR, 0x100, "TPR has 8 bits" },
		{ TPR, 1ull << 32, "and none above 32" }, { EOI, 1, "EOI is written 0" }, { ESR, 1, "so is ESR" }, { SVR, 0x400, "SVR reserved" },
		{ TDCR, 4, "divider reserved" }, { LVTT, 0x60000, "timer mode 3" }, { LVTT, 1u << 19, "LVT reserved" },
		{ ICR, 1u << 16, "ICR reserved" }, { ICR, 1u << 20, "ICR reserved" }, { SELF, 0x100, "SELF has 8 bits" }, { 0x400, 0, "beyond" },
		{ ISR, 0, "ISR" }, { TMCCT, 0, "current count" }, { 0xff0, 0, "the last MSR" },
	};
	uint64_t x = 0;

	CHECK(bare_init(34));
	ok(rdmsr(v0, ID, &x) == E_GUEST && wrmsr(v0, TPR, 0) == E_GUEST, "x2APIC MSRs fault in xAPIC mode");
	for (unsigned i = 0; i < bare.nvcpus; i++)
		to_x2(&bare_vcpus[i]);
	ok(!lapic_mmio(v0, GPA(LAPIC_DEFAULT_BASE + ID), 4, false, &x), "the page is gone");
	ok(rdmsr(&bare_vcpus[33], ID, &x) == OK && x == 33, "id");
	ok(rdmsr(&bare_vcpus[33], LDR, &x) == OK && x == (2u << 16 | 2), "LDR from the id");
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		ok_eq(wrmsr(v0, bad[i].off, bad[i].v), E_GUEST, bad[i].name);
	ok(rdmsr(v0, EOI, &x) == E_GUEST && rdmsr(v0, SELF, &x) == E_GUEST && rdmsr(v0, DFR, &x) == E_GUEST && rdmsr(v0, ICR2, &x) == E_GUEST,
	   "write-only and missing ones do not read");
	ok(wrmsr(v0, SELF, 0x31) == OK && take(v0) == 0x31, "SELF IPI");
	for (unsigned i = 1; i < bare.nvcpus; i++) {
		uint8_t vector;

		if (wrmsr(v0, ICR, (uint64_t)i << 32 | 0x600) != OK || !lapic_take_sipi(&bare_vcpus[i], &vector))
			ok(false, "start vCPU %u", i);
	}
	ok_eq(wrmsr(v0, ICR, 33ull << 32 | 0x60), OK, "ICR as one");
	ok_eq(who_got(0x60), 1ll << 33, "32-bit physical id");
	ok(rdmsr(v0, ICR, &x) == OK && x == (33ull << 32 | 0x60), "reads back whole");
	CHECK(wrmsr(v0, ICR, (2ull << 16 | 3) << 32 | 0x800 | 0x61) == OK);
	ok_eq(who_got(0x61), 3ll << 32, "logical: a cluster of sixteen");
	CHECK(wrmsr(v0, ICR, 0xffffffffull << 32 | 0x62) == OK);
	ok_eq(who_got(0x62), (1ll << 34) - 1, "broadcast");
	CHECK(wrmsr(v0, ICR, 0xffull << 32 | 0x63) == OK);
	ok_eq(who_got(0x63), 0, "255 is an id like others here");
	CHECK(bare_fini());
}

static void test_base(void)
{
	uint64_t x = 0;

	CHECK(bare_init(1));
	enable(v0);
	ok_eq(lapic_msr_write(v0, MSR_APIC_BASE, LAPIC_DEFAULT_BASE | 1 << 10), E_GUEST, "EXTD without EN");
	ok_eq(lapic_msr_write(v0, MSR_APIC_BASE, LAPIC_DEFAULT_BASE | 0x801), E_GUEST, "reserved bit 0");
	ok_eq(lapic_msr_write(v0, MSR_APIC_BASE, 1ull << 52 | 0x800), E_GUEST, "beyond the address width");
	ok_eq(lapic_msr_write(v0, MSR_APIC_BASE, 0x12345000 | 0x800), OK, "moved");
	ok(lapic_mmio(v0, GPA(0x12345000 + SVR), 4, false, &x) && x == 0x1ff, "answers there");
	ok(!lapic_mmio(v0, GPA(LAPIC_DEFAULT_BASE), 4, false, &x), "and no longer here");
	ok_eq(lapic_base_msr(v0), 0x12345900, "the BSP flag stays");
	ok_eq(lapic_msr_write(v0, MSR_APIC_BASE, LAPIC_DEFAULT_BASE | 0xc00), OK, "to x2APIC");
	ok_eq(lapic_msr_write(v0, MSR_APIC_BASE, LAPIC_DEFAULT_BASE | 0x800), E_GUEST, "not straight back");
	ok_eq(lapic_msr_write(v0, MSR_APIC_BASE, LAPIC_DEFAULT_BASE), OK, "off");
	ok(!lapic_enabled(v0) && !lapic_mmio(v0, GPA(LAPIC_DEFAULT_BASE), 4, false, &x), "is off");
	lapic_post(v0, 0x50, false);
	ok_eq(lapic_highest_irr(v0), -1, "takes nothing");
	ok_eq(lapic_msr_write(v0, MSR_APIC_BASE, LAPIC_DEFAULT_BASE | 0xc00), E_GUEST, "off to x2APIC is illegal");
	ok_eq(lapic_msr_write(v0, MSR_APIC_BASE, LAPIC_DEFAULT_BASE | 0x800), OK, "on again");
	ok_eq(rd(v0, SVR), 0xff, "as after reset");
	ok(lapic_msr_read(v0, MSR_APIC_BASE, &x) == OK && x == 0xfee00900, "the MSR reads back");
	ok(lapic_msr_read(v0, 0x7ff, &x) == E_GUEST && lapic_msr_write(v0, 0x900, 0) == E_GUEST, "other MSRs are not ours");
	CHECK(bare_fini());
}

static void test_msi(void)
{
	static const struct { uint64_t a; uint32_t d; const char *name; } hostile[] = {
		{ 0, 0x50, "address 0" }, { 0xfed00000, 0x50, "another window" }, { 0x1fee00000, 0x50, "above 4 GiB" },
		{ UINT64_MAX, 0xffffffff, "all ones" }, { 0xfee00000, 0x0f, "vector 15" }, { 0xfee00000, 0x750, "ExtINT" },
		{ 0xfee00000, 0x250, "SMI" }, { 0xfee00000, 0x350, "reserved mode" }, { 0xfee00000, 0x550, "INIT" }, { 0xfee00000, 0x650, "SIPI" },
		{ 0xfee09000, 0x50, "nobody's id" }, { 0xfee00004, 0x50, "no logical id" },
	};
	struct msi_sink sink;

	CHECK(bare_init(3));
	enable_all();
	start_aps();
	sink = lapic_msi_sink(&bare);
	msi_send(&sink, 0xfee01000, 0x50);
	ok_eq(who_got(0x50), 2, "physical");
	msi_send(&sink, 0xfeeff000, 0x51);
	ok_eq(who_got(0x51), 7, "broadcast");
	wr(v1, LDR, 4u << 24);
	msi_send(&sink, 0xfee04004, 0x52);
	ok_eq(who_got(0x52), 2, "logical");
	msi_send(&sink, 0xfee01008, 0x152);
	ok_eq(who_got(0x52), 2, "lowest priority with redirection hint");
	msi_send(&sink, 0xfee02000, 0x400);
	ok(lapic_take_nmi(&bare_vcpus[2]), "NMI");
	msi_send(&sink, 0xfee01000, 0x8053);
	ok_eq(who_got(0x53), 0, "a level de-assert is nothing");
	ok_eq(bare.counters.spurious_msis, 0, "and none of that is spurious");
	for (unsigned i = 0; i < ARRAY_LEN(hostile); i++) {
		msi_send(&sink, hostile[i].a, hostile[i].d);
		ok_eq(bare.counters.spurious_msis, i + 1, hostile[i].name);
	}
	ok(!lapic_has_work(v0) && !lapic_has_work(v1) && !lapic_has_work(&bare_vcpus[2]), "and nobody heard of it");
	CHECK(bare_fini());
}

/* ---- timer: the fake clock stands still unless advanced */

static bool due(void)
{
	lapic_timer_expire(v0, hal_clock_ns());
	return take(v0) == 0x40;
}

static void test_oneshot(void)
{
	uint64_t t0;

	CHECK(bare_init(1));
	enable(v0);
	wr(v0, LVTT, 0x40);
	wr(v0, TDCR, 0xb);
	t0 = hal_clock_ns();
	wr(v0, TMICT, 1000);
	ok_eq(lapic_timer_deadline_ns(v0), t0 + 1000, "one tick a nanosecond");
	fake_clock_advance(400);
	ok_eq(rd(v0, TMCCT), 600, "counts down");
	fake_clock_advance(599);
	ok(!due() && rd(v0, TMCCT) == 1, "not a nanosecond early");
	fake_clock_advance(1);
	ok(due(), "on time");
	ok(rd(v0, TMCCT) == 0 && lapic_timer_deadline_ns(v0) == UINT64_MAX && !due(), "once");
	for (unsigned d = 0; d < 8; d++) {
		unsigned code = (d & 3) | (d & 4) << 1;

		t0 = hal_clock_ns();
		wr(v0, TDCR, code);
		wr(v0, TMICT, 0xffffffff);
		ok_eq(lapic_timer_deadline_ns(v0) - t0, 0xffffffffull << ((d + 1) & 7), "largest count for each divider");
		fake_clock_advance(129);
		ok_eq(rd(v0, TMCCT), 0xffffffff - (129 >> ((d + 1) & 7)), "current count");
	}
	wr(v0, TDCR, 0xb);
	wr(v0, TMICT, 0);
	ok(lapic_timer_deadline_ns(v0) == UINT64_MAX && rd(v0, TMCCT) == 0, "0 stops it");
	wr(v0, TMICT, 1000);
	fake_clock_advance(500);
	wr(v0, TDCR, 0);
	ok_eq(rd(v0, TMCCT), 500, "a new divider keeps the count");
	ok_eq(lapic_timer_deadline_ns(v0), hal_clock_ns() + 1000, "and stretches the rest");
	wr(v0, LVTT, 0x10040);
	ok_eq(lapic_timer_deadline_ns(v0), UINT64_MAX, "masked: no need to wake");
	fake_clock_advance(2000);
	wr(v0, LVTT, 0x40);
	ok(!due(), "what was due while masked is lost");
	wr(v0, TDCR, 0xb);
	wr(v0, LVTT, 7);
	wr(v0, TMICT, 5);
	fake_clock_advance(5);
	ok(!due(), "an illegal vector is not delivered");
	wr(v0, ESR, 0);
	ok_eq(rd(v0, ESR), 0x40, "but noted");
	CHECK(bare_fini());
}

static void test_periodic(void)
{
	uint64_t t0, n = 0;

	CHECK(bare_init(1));
	enable(v0);
	wr(v0, LVTT, 0x20040);
	wr(v0, TDCR, 0);
	t0 = hal_clock_ns();
	wr(v0, TMICT, 500000);
	for (unsigned i = 1; i <= 5; i++) {
		if (lapic_timer_deadline_ns(v0) != t0 + i * 1000000ull)
			ok(false, "period %u", i);
		fake_clock_set(t0 + i * 1000000ull);
		n += due();
	}
	ok_eq(n, 5, "five periods, no drift");
	fake_clock_advance(3500000);
	ok(due() && !due(), "missed periods are merged");
	ok_eq(lapic_timer_deadline_ns(v0), t0 + 9000000, "in phase");
	fake_clock_set(t0 + 8750000);
	ok_eq(rd(v0, TMCCT), 125000, "current count in a period");
	wr(v0, LVTT, 0x40);
	fake_clock_set(t0 + 9000000);
	ok(due() && lapic_timer_deadline_ns(v0) == UINT64_MAX, "turned one-shot, it ends with the period");
	wr(v0, TDCR, 0xb);
	wr(v0, LVTT, 0x20040);
	wr(v0, TMICT, 1);
	fake_clock_advance(1);
	ok(due(), "a period of a nanosecond");
	ok(lapic_timer_deadline_ns(v0) >= hal_clock_ns() + 10000, "does not keep the guest from running");
	CHECK(bare_fini());
}

static void test_deadline(void)
{
	uint64_t x = 1, hz = hal_counter_hz(), ms = hz / 1000, now;

	CHECK(bare_init(1));
	enable(v0);
	ok(lapic_msr_write(v0, MSR_TSC_DEADLINE, 5) == OK && lapic_msr_read(v0, MSR_TSC_DEADLINE, &x) == OK && x == 0,
	   "outside of its mode the MSR is 0");
	wr(v0, LVTT, 0x40040);
	now = hal_counter() + (uint64_t)v0->counter_offset;
	CHECK(lapic_msr_write(v0, MSR_TSC_DEADLINE, now + ms) == OK);
	ok(lapic_timer_deadline_ns(v0) - hal_clock_ns() - 1000000 <= 2, "a millisecond of TSC is a millisecond");
	ok(lapic_msr_read(v0, MSR_TSC_DEADLINE, &x) == OK && x == now + ms, "reads back");
	fake_clock_advance(999990);
	ok(!due(), "not early");
	fake_clock_set(lapic_timer_deadline_ns(v0));
	ok(due() && lapic_msr_read(v0, MSR_TSC_DEADLINE, &x) == OK && x == 0, "on time, and disarmed");
	CHECK(lapic_msr_write(v0, MSR_TSC_DEADLINE, 1) == OK);
	ok(lapic_timer_deadline_ns(v0) <= hal_clock_ns() && due(), "a deadline in the past is due now");
	now = hal_clock_ns();
	CHECK(lapic_msr_write(v0, MSR_TSC_DEADLINE, hal_counter() + (uint64_t)v0->counter_offset - 1) == OK);
	fake_clock_advance(100);
	ok(lapic_timer_deadline_ns(v0) <= now && due(), "and by a clock that was read before anybody asked");
	CHECK(lapic_msr_write(v0, MSR_TSC_DEADLINE, UINT64_MAX) == OK);
	ok(!due() && lapic_timer_deadline_ns(v0) > hal_clock_ns() + 3600 * NS_PER_S, "the farthest deadline does not wrap");
	CHECK(lapic_msr_write(v0, MSR_TSC_DEADLINE, 0) == OK);
	ok(lapic_timer_deadline_ns(v0) == UINT64_MAX && !due(), "0 disarms");
	wr(v0, TMICT, 1000);
	ok(rd(v0, TMICT) == 0 && rd(v0, TMCCT) == 0, "the counter is dead in this mode");
	now = hal_counter() + (uint64_t)v0->counter_offset;
	CHECK(lapic_msr_write(v0, MSR_TSC_DEADLINE, now + ms) == OK);
	v0->counter_offset += (int64_t)ms;
	ok(due(), "a TSC written forward makes it due");
	CHECK(lapic_msr_write(v0, MSR_TSC_DEADLINE, now + 9 * ms) == OK);
	wr(v0, LVTT, 0x40);
	wr(v0, LVTT, 0x40040);
	ok(lapic_msr_read(v0, MSR_TSC_DEADLINE, &x) == OK && x == 0, "leaving the mode disarms");
	CHECK(bare_fini());
}

/* A pause moves the guest's clock offset: what is left of a timer stays. */
static void test_pause(void)
{
	CHECK(bare_init(1));
	enable(v0);
	wr(v0, LVTT, 0x40);
	wr(v0, TDCR, 0xb);
	wr(v0, TMICT, 1000);
	fake_clock_advance(300);
	fake_clock_advance(1000000);
	bare.clock_offset_ns -= 1000000;
	ok(rd(v0, TMCCT) == 700 && lapic_timer_deadline_ns(v0) == hal_clock_ns() + 700, "stands still while paused");
	CHECK(bare_fini());
}

static void test_state(void)
{
	static struct lapic_state s, t, bad;

	CHECK(bare_init(2));
	enable(v0);
	wr(v0, LVTT, 0x20040);
	wr(v0, TDCR, 3);
	wr(v0, TMICT, 123456);
	wr(v0, LDR, 2u << 24);
	wr(v0, TPR, 0x21);
	wr(v0, 0x350, 0x8700);
	lapic_post(v0, 0x31, true);
	lapic_post(v0, 0x77, false);
	lapic_ack(v0, 0x77);
	lapic_post_nmi(v0);
	fake_clock_advance(777);
	lapic_save(v0, &s);
	lapic_reset(v0);
	lapic_save(v0, &t);
	ok(memcmp(&s, &t, sizeof s) != 0, "reset changes it");
	ok_eq(lapic_load(v0, &s), OK, "load");
	lapic_save(v0, &t);
	ok_mem(&t, &s, sizeof s, "round trip");
	ok(lapic_take_nmi(v0) && lapic_highest_irr(v0) == 0x31 && rd(v0, PPR) == 0x70, "works on");
	ok_eq(lapic_load(v1, &s), E_CORRUPT, "a BSP's state for an AP");
#define BAD(field, value) do { bad = s; bad.field = (value); ok(lapic_load(v0, &bad) == E_CORRUPT, "refused: " #field " " #value); } while (0)
	BAD(version, 2);
	BAD(tpr, 0x100);
	BAD(svr, 0x8000);
	BAD(lvt[0], 0x60040);
	BAD(lvt[5], 0x20000);
	BAD(base_msr, 0xfee00500);
	BAD(base_msr, 1ull << 60);
	BAD(isr[0], 1);
	BAD(irr[0], 0x8000);
	BAD(wait_sipi, 2);
	BAD(signals, 0x10);
	BAD(timer_divide, 4);
	BAD(dfr, 0);
	BAD(icr_low, 0x1000);
	CHECK(bare_fini());
}

/* A storm at a vCPU that cannot take the signal yet must cost its CPU one wake, not one for each message. */
static void test_signal_storm(void)
{
	CHECK(bare_init(2));
	kicks[1] = 0;
	for (unsigned i = 0; i < 100; i++)
		lapic_post_nmi(v1);
	ok_eq(kicks[1], 1, "a hundred NMIs at a CPU that waits for its SIPI wake it once");
	for (unsigned i = 0; i < 100; i++)
		lapic_deliver_msi(&bare, LAPIC_DEFAULT_BASE | 1 << 12, 0x400);
	ok_eq(kicks[1], 1, "by message too");
	for (unsigned i = 0; i < 100; i++) {
		wr(v0, ICR2, 1u << 24);
		wr(v0, ICR, 0x4600 | i);
	}
	ok_eq(kicks[1], 2, "a hundred SIPIs to as many places: once more");
	CHECK(bare_fini());
}

int main(void)
{
	fake_init(32 * MIB, 1);
	fake_clock_advance(12345678901);
	test_reset();
	test_priority();
	test_errors();
	test_ipis();
	test_init_sipi();
	test_x2();
	test_base();
	test_msi();
	test_oneshot();
	test_periodic();
	test_deadline();
	test_pause();
	test_state();
	test_signal_storm();
	return tap_done();
}
