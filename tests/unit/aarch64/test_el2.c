/* SPDX-License-Identifier: Apache-2.0 */
/* The EL2 backend with a played CPU: probing, what a guest finds in the CPU, registers that are switched only when they must be, and the ends of
 * emulated exits. Host only. */
#include <unit/tap.h>
#include "el2_bench.h"

/* ---- probing */

static err_t probe_with(void (*change)(void))
{
	err_t err;

	fake_hw_reset();
	change();
	reason[0] = '\0';
	err = el2_probe(reason);
	fake_hw_reset();
	return err;
}

static void at_el1(void) { fake_hw.present = false; }
static void old_gic(void) { fake_hw.gic_version = 2; }
static void no_maintenance(void) { fake_hw.maintenance_ppi = 0; }
static void no_timer(void) { fake_hw.vtimer_ppi = 0; }
static void no_granule(void) { fake_hw.id[arm_id_index(7, 0)] |= 1ull << 40; }
static void short_addresses(void) { fake_hw.id[arm_id_index(7, 0)] = 1; }
static void nothing(void) { }

static void test_probe(void)
{
	static const struct { void (*change)(void); const char *why; } rows[] = {
		{ at_el1, "started at EL1" }, { old_gic, "guests need a GICv3; this machine has a GICv2" }, { no_maintenance, "no maintenance interrupt" },
		{ no_timer, "no interrupt for the virtual timer" }, { no_granule, "no 4 KiB pages" }, { short_addresses, "fewer than 40 bits" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		ok(probe_with(rows[i].change) == E_UNSUPPORTED && strstr(reason, rows[i].why), "refused: %s", reason);
	ok(probe_with(nothing) == OK, "a plain machine is enough");
	ok(el2_features.lrs == 4 && el2_features.aprs == 1 && el2_features.breakpoints == 6 && el2_features.watchpoints == 4 && !el2_features.pauth, "what it has");
}

/* ---- what the guest finds */

static struct hw_frame seen;
static unsigned look(struct hw_frame *f)
{
	seen = *f;
	return HW_EXIT_IRQ;
}

static void test_entry(void)
{
	struct arch_regs r;
	struct hv_exit e;

	regs_reset(&r);
	r.pc = 0x40200000;
	r.x[0] = 0x40000000;
	r.sys[SYS_TTBR0] = 0x1000;
	hv_el2.vcpu_set_regs(vcpu_at(1), &r);
	vcpu_at(1)->counter_offset = -1000;
	fake_hw.run = look;
	e = run(1);
	ok(e.kind == HV_EXIT_HOST && seen.regs.pc == 0x40200000 && seen.regs.x[0] == 0x40000000, "it starts where it should, and an interrupt takes the CPU back");
	ok_eq(seen.guest_hcr, HCR_VM | HCR_SWIO | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB | HCR_BSU_INNER | HCR_TWI | HCR_TID1 | HCR_TID3 | HCR_TSC | HCR_TIDCP |
	      HCR_TACR | HCR_RW | HCR_TLOR | HCR_TERR | HCR_TID5, "HCR_EL2");
	ok(seen.host_hcr == 0x80000039 && seen.host_cptr == 0x33ff, "the host's own come back");
	ok(seen.guest_cptr & 1ull << 10, "FP traps");
	ok_eq(fake_hw.vmpidr, 0x80000001, "MPIDR_EL1 is the vCPU's");
	ok_eq(fake_hw.cntvoff, 1000, "the counter's offset");
	ok_eq(fake_hw.vttbr, (int64_t)(gmem_root(bare.mem).v | 1ull << 48), "stage 2 and the VM's number");
	ok_eq(fake_hw.cpu.sys[SYS_TTBR0], 0x1000, "EL1's registers");
}

/* ---- registers that stay in the CPU */

static unsigned write_ttbr(struct hw_frame *f)
{
	fake_hw.cpu.sys[SYS_TTBR0] += f->regs.x[1];
	return HW_EXIT_IRQ;
}

static void test_lazy(void)
{
	unsigned loads, saves;
	struct arch_regs r;

	fake_hw.run = write_ttbr;
	for (unsigned i = 0; i < BENCH_VCPUS; i++) {
		hv_el2.vcpu_get_regs(vcpu_at(i), &r);
		r.sys[SYS_TTBR0] = 0x10000 * (i + 1);
		r.x[1] = i + 1;
		hv_el2.vcpu_set_regs(vcpu_at(i), &r);
	}
	(void)run(0);
	loads = fake_hw.loads;
	saves = fake_hw.saves;
	for (unsigned n = 0; n < 5; n++)
		(void)run(0);
	ok(fake_hw.loads == loads && fake_hw.saves == saves, "six runs of one vCPU move its EL1 registers once");
	ok_eq(arm_regs(vcpu_at(0), REGS_READ)->sys[SYS_TTBR0], 0x10006, "who asks finds what the guest wrote");
	(void)run(0);
	ok_eq(fake_hw.loads, loads, "and the CPU keeps them");
	for (unsigned n = 0; n < 4; n++)
		for (unsigned i = 0; i < BENCH_VCPUS; i++)
			(void)run(i);
	hv_el2.vcpu_get_regs(vcpu_at(2), &r);
	ok_eq(r.sys[SYS_TTBR0], 0x30000 + 4 * 3, "three in turn keep their own");
	arm_regs(vcpu_at(2), REGS_WRITE)->sys[SYS_TTBR0] = 0x77000;
	(void)run(2);
	ok_eq(arm_regs(vcpu_at(2), REGS_READ)->sys[SYS_TTBR0], 0x77003, "what is written outside goes in");
	hv_el2.vcpu_park(vcpu_at(2));
	ok_eq(fake_hw.vttbr, (int64_t)el2_features.nobody.v, "parked, its tables are nobody's");
	fake_cpu_set(1);
	hv_el2.vcpu_get_regs(vcpu_at(2), &r);
	(void)run(2);
	ok(r.sys[SYS_TTBR0] == 0x77003 && arm_regs(vcpu_at(2), REGS_READ)->sys[SYS_TTBR0] == 0x77006, "parked, it goes on on another CPU");
	hv_el2.vcpu_park(vcpu_at(2));
	fake_cpu_set(0);
}

/* ---- FP and debug */

static unsigned turn;
static uint64_t cptr_then[2];
static unsigned use_fp(struct hw_frame *f)
{
	cptr_then[turn != 0] = f->guest_cptr;
	fake_hw.syndrome.esr = 0x1fe00000;
	if (turn++ == 0)
		return HW_EXIT_SYNC;
	fake_hw.fp.v[5][1] += 7;
	return HW_EXIT_IRQ;
}

static void test_fp(void)
{
	struct el2_vcpu *s = el2_of(vcpu_at(0));
	unsigned loads = fake_hw.fp_loads, saves = fake_hw.fp_saves;

	fake_hw.run = look;
	(void)run(0);
	ok(fake_hw.fp_loads == loads && fake_hw.fp_saves == saves, "a guest that does not use them does not pay for them");
	fake_hw.fp.v[5][1] = 0x5ec2e7; /* somebody else's */
	fake_hw.run = use_fp;
	turn = 0;
	ok_eq(run(0).kind, HV_EXIT_HOST, "the first use is no exit");
	ok((cptr_then[0] & 1ull << 10) && !(cptr_then[1] & 1ull << 10) && fake_hw.fp_loads == loads + 1 && fake_hw.fp_saves == saves + 1, "loaded, opened, saved");
	ok_eq(s->fp.v[5][1], 7, "its own, from zero");
	turn = 0;
	(void)run(0);
	ok_eq(*(hv_el2.arch->vreg(vcpu_at(0), 5) + 1), 14, "and again at the next run");
	hv_el2.arch->latch_reset(vcpu_at(0));
	ok_eq(s->fp.v[5][1], 0, "zero after power-on");
}

static unsigned debugs(struct hw_frame *f)
{
	(void)f;
	fake_hw.syndrome.esr = 0x62240004; /* MSR MDSCR_EL1 */
	if (turn++ == 0)
		return HW_EXIT_SYNC;
	ok(!(fake_hw.mdcr & MDCR_TDA), "the guest has the registers");
	fake_hw.debug.mdscr = 1 << 15;
	fake_hw.debug.bvr[2] = 0x1234;
	return HW_EXIT_IRQ;
}

static unsigned ends_debugging(struct hw_frame *f)
{
	(void)f;
	ok_eq(fake_hw.debug.bvr[2], 0x1234, "a guest that debugs has them at each run");
	fake_hw.debug.mdscr = 0;
	return HW_EXIT_IRQ;
}

static void test_debug(void)
{
	ok(fake_hw.mdcr & MDCR_TDA, "debug registers trap");
	fake_hw.run = debugs;
	turn = 0;
	(void)run(0);
	ok((fake_hw.mdcr & MDCR_TDA) && fake_hw.debug.mdscr == 0, "and nothing of it is on while the host runs");
	fake_hw.run = ends_debugging;
	(void)run(0);
	ok(!el2_of(vcpu_at(0))->debug_live, "until it has ended that");
}

/* ---- translations */

static void test_tlb(void)
{
	const struct el2_vm *m = bare.hv;
	unsigned before;

	fake_hw.run = look;
	(void)run(0);
	before = fake_hw.flush_stage1;
	(void)run(0);
	ok_eq(fake_hw.flush_stage1, before, "the same vCPU again: nothing is forgotten");
	(void)run(1);
	ok_eq(fake_hw.flush_stage1, before + 1, "a sibling on this CPU forgets stage 1");
	fake_cpu_set(1);
	hv_el2.vcpu_park(vcpu_at(2));
	(void)run(2);
	hv_el2.vcpu_park(vcpu_at(2));
	fake_cpu_set(0);
	hv_el2.tlb_flush(&bare, GPA(0), 0);
	ok(fake_hw.flush_vm == 1 && fake_hw.flushed_vttbr == (gmem_root(bare.mem).v | (uint64_t)el2_vmid_last(&m->vmid) << 48), "all of the VM, by its number");
	hv_el2.tlb_flush(&bare, GPA(0x40001800), 0x1000);
	ok(fake_hw.flush_range == 1 && fake_hw.flushed_from == 0x40001000 && fake_hw.flushed_pages == 2, "a stretch over two pages");
	hv_el2.tlb_flush(&bare, GPA(0x40000000), 65 * PAGE_SIZE);
	ok(fake_hw.flush_range == 1 && fake_hw.flush_vm == 2, "a long one is all");
	(void)run_esr(0, 0x92000030);
	ok(fake_hw.flush_all > 0, "a TLB conflict empties it");
}

/* ---- the timer */

static unsigned sets_timer(struct hw_frame *f)
{
	(void)f;
	ok(fake_hw.cpu.sys[SYS_CNTV_CTL] == 0, "a timer that was off is off");
	fake_hw.cpu.sys[SYS_CNTV_CVAL] = 0x123456;
	fake_hw.cpu.sys[SYS_CNTV_CTL] = 1;
	return HW_EXIT_IRQ;
}

static void test_timer(void)
{
	fake_hw.run = sets_timer;
	(void)run(0);
	ok(fake_hw.cpu.sys[SYS_CNTV_CTL] == 0, "stopped while the host runs");
	ok(regs_at(0)->sys[SYS_CNTV_CTL] == 1 && regs_at(0)->sys[SYS_CNTV_CVAL] == 0x123456, "and known");
	fake_hw.run = look;
	(void)run(1); /* would stop the test if it were still on */
	(void)run(0);
	ok_eq(regs_at(0)->sys[SYS_CNTV_CVAL], 0x123456, "goes on with its vCPU");
}

/* ---- runs that follow at once */

#define HVC 0x5a000000
#define WFI 0x07e00000

static unsigned starts_timer(struct hw_frame *f)
{
	(void)f;
	fake_hw.cpu.sys[SYS_CNTV_CTL] = 1;
	fake_hw.cpu.sys[SYS_CNTV_CVAL] = 0x777;
	fake_hw.fp.v[1][0] = 9;
	fake_hw.syndrome.esr = HVC;
	return HW_EXIT_SYNC;
}

static void test_inside(void)
{
	unsigned loads, saves;

	hv_el2.vcpu_settle(vcpu_at(0));
	fake_hw.run = starts_timer;
	ok_eq(run(0).kind, HV_EXIT_CALL, "a call");
	loads = fake_hw.gic_loads;
	saves = fake_hw.fp_saves;
	ok_eq(fake_hw.cpu.sys[SYS_CNTV_CTL], 1, "the timer runs on");
	(void)run(0);
	ok(fake_hw.gic_loads == loads && fake_hw.fp_saves == saves, "the next run finds its interrupts and FP where they were");
	hv_el2.vcpu_settle(vcpu_at(0));
	ok(fake_hw.cpu.sys[SYS_CNTV_CTL] == 0 && regs_at(0)->sys[SYS_CNTV_CVAL] == 0x777, "settled, the timer stands and is known");
	hv_el2.vcpu_settle(vcpu_at(0));
	ok_eq(regs_at(0)->sys[SYS_CNTV_CTL], 1, "once");
	(void)run(0);
	ok_eq(fake_hw.gic_loads, loads + 1, "and the next entry loads all");
	(void)run_esr(0, WFI);
	ok_eq(fake_hw.cpu.sys[SYS_CNTV_CTL], 0, "an exit that lets others run settles by itself");
	(void)run_esr(0, HVC);
	arm_regs(vcpu_at(0), REGS_WRITE)->sys[SYS_CNTV_CTL] = 0;
	ok_eq(fake_hw.cpu.sys[SYS_CNTV_CTL], 0, "so does who writes registers");
	ok(bus_write(&bare.mmio, VIRT_GICD, 4, 2) && bus_write(&bare.mmio, VIRT_GICR + 0x10100, 4, 1), "SGI 0 is on");
	(void)run_esr(0, HVC);
	(void)vgic_send_sgi(vcpu_at(0), 1);
	loads = fake_hw.gic_loads;
	(void)run_esr(0, HVC);
	ok_eq(fake_hw.gic_loads, loads + 1, "what it sent itself comes into the list registers on the way");
	hv_el2.vcpu_settle(vcpu_at(0));
}

static struct vgic_hw gic_then;
static unsigned sees_gic(struct hw_frame *f)
{
	(void)f;
	gic_then = fake_hw.gic;
	fake_hw.gic.lr[0] = 0; /* taken and ended */
	return HW_EXIT_IRQ;
}

/* The guest's own timer is told from other interrupts of the host, and reaches it at the next run, again and again. */
static void test_timer_exit(void)
{
	struct hv_exit e;

	ok(bus_write(&bare.mmio, VIRT_GICR + 0x10100, 4, 1u << 27), "its interrupt is on");
	fake_hw.run = sees_gic;
	fake_hw.next_intid = fake_hw.vtimer_ppi;
	for (unsigned i = 0; i < 3; i++) {
		e = run(0);
		ok(e.kind == HV_EXIT_TIMER && arch_vcpu_exit(vcpu_at(0), &e) && e.quick && fake_hw.ppi_active[27], "the timer of the guest, which is active for the host now");
		e = run(0);
		ok(gic_then.used == 1 && (uint32_t)gic_then.lr[0] == 27 && (gic_then.lr[0] >> 61 & 1), "it is in a list register, linked");
		hv_el2.vcpu_settle(vcpu_at(0));
	}
	fake_hw.next_intid = fake_hw.vtimer_ppi - 1;
	ok_eq(run(0).kind, HV_EXIT_HOST, "another interrupt that goes first is the host's");
	fake_hw.next_intid = 0;
}

int main(void)
{
	if (!ok(bench_start(), "a VM"))
		return tap_done();
	test_entry();
	test_lazy();
	test_fp();
	test_debug();
	test_tlb();
	test_timer();
	test_inside();
	test_timer_exit();
	ok(bench_end(), "everything came back");
	test_probe();
	return tap_done();
}
