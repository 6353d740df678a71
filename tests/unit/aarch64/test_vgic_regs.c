/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's GICv3 as its registers show it: identity, banks, what reads as zero, routing, hostile accesses, state that travels. */
#include <unit/tap.h>
#include "bare_arm.h"

static void test_identity(void)
{
	CHECK(bare_init(20));
	ok_eq(gicd(GICD_CTLR), 0x50, "one security state, affinity routing, groups off");
	gicd_set(GICD_CTLR, 0xffffffff);
	ok_eq(gicd(GICD_CTLR), 0x53, "only the groups can be switched");
	gicd_set(GICD_CTLR, 0);
	ok_eq(gicd(GICD_CTLR), 0x50, "off again");
	ok_eq(gicd(GICD_TYPER) & 0x1f, 3, "128 interrupts");
	ok(gicd(GICD_TYPER) & 1u << 16 && !(gicd(GICD_TYPER) & 1u << 17), "message-based SPIs, no LPIs");
	ok(gicd(GICD_TYPER) & 1u << 25 && (gicd(GICD_TYPER) >> 19 & 0x1f) == 9, "no one-of-N, 10 bits of INTID");
	ok(gicd(0xffe8) == 0x3b && gicr(0, 0xffe8) == 0x3b && gicr(3, SGI_BASE + 0xffe8) == 0x3b, "architecture 3 in all frames");
	ok(gicd(0xfff0) == 0x0d && gicd(0xfffc) == 0xb1, "component identification");
	ok(gicd(8) == gicr(0, 4) && gicd(8) != 0, "one implementer");
	ok_eq(mmio_rd(gicr_base(0) + 8, 8), 0, "redistributor 0: affinity 0.0.0.0, not the last");
	ok_eq(mmio_rd(gicr_base(17) + 8, 8), 0x101ull << 32 | 17 << 8, "redistributor 17: affinity 0.0.1.1");
	ok_eq(gicr(17, 0xc), 0x101, "its upper half");
	ok(gicr(19, 8) & 0x10 && !(gicr(18, 8) & 0x10), "the last one says so");
	ok_eq(gicr(2, 0x14), 6, "asleep after power-on");
	gicr_set(2, 0x14, 0);
	ok(gicr(2, 0x14) == 0 && gicr(1, 0x14) == 6, "awake, and none but it");
	ok_eq(mmio_rd(gicr_base(20), 4), 0xdeadull << 48, "there is no redistributor of a vCPU that is not there");
	CHECK(bare_fini());
}

static void test_banks(void)
{
	CHECK(bare_init(2));
	gicd_set(ISENABLER, 0xffffffff);
	ok_eq(gicd(ISENABLER), 0, "the distributor has no private interrupts");
	gicr_set(0, SGI_BASE + ISENABLER, 0xffffffff);
	ok(gicr(0, SGI_BASE + ISENABLER) == 0xffffffff && gicr(1, SGI_BASE + ISENABLER) == 0, "each redistributor has its own");
	gicr_set(0, SGI_BASE + ICENABLER, 0x0000ffff);
	ok(gicr(0, SGI_BASE + ISENABLER) == 0xffff0000 && gicr(0, SGI_BASE + ICENABLER) == 0xffff0000, "cleared by the other register");
	gicr_set(0, SGI_BASE + ISENABLER + 4, 0xffffffff);
	ok_eq(gicr(0, SGI_BASE + ISENABLER + 4), 0, "and no shared ones");
	gicd_set(ISENABLER + 12, 0x80000001);
	gicd_set(ISENABLER + 16, 0xffffffff);
	ok(gicd(ISENABLER + 12) == 0x80000001 && gicd(ISENABLER + 16) == 0, "the distributor's end at INTID 127");
	gicd_set(IPRIORITYR + 0x20, 0x12345678);
	ok_eq(gicd(IPRIORITYR + 0x20), 0x10305078, "five bits of priority");
	mmio_wr(VIRT_GICD + IPRIORITYR + 0x22, 1, 0xff);
	ok(gicd(IPRIORITYR + 0x20) == 0x10f85078 && mmio_rd(VIRT_GICD + IPRIORITYR + 0x22, 1) == 0xf8, "byte by byte as well");
	mmio_wr(VIRT_GICD + IPRIORITYR + 0x20, 2, 0xffff);
	ok_eq(gicd(IPRIORITYR + 0x20), 0x10f85078, "but not by halves");
	gicd_set(ICFGR + 8, 0xffffffff);
	ok_eq(gicd(ICFGR + 8), 0xaaaaaaaa, "edge or level");
	gicr_set(0, SGI_BASE + ICFGR, 0);
	gicr_set(0, SGI_BASE + ICFGR + 4, 0xffffffff);
	ok(gicr(0, SGI_BASE + ICFGR) == 0xaaaaaaaa && gicr(0, SGI_BASE + ICFGR + 4) == 0, "fixed for private interrupts");
	gicd_set(IGROUPR + 4, 0);
	ok(gicd(IGROUPR + 4) == 0xffffffff && gicr(1, SGI_BASE + IGROUPR) == 0xffffffff, "group 1 and no other");
	gicd_set(ISACTIVER + 8, 2);
	ok(gicd(ISACTIVER + 8) == 2 && gicd(ICACTIVER + 8) == 2, "active by software");
	gicd_set(ICACTIVER + 8, 2);
	ok_eq(gicd(ISACTIVER + 8), 0, "and not any more");
	gicr_set(1, SGI_BASE + ISPENDR, 0x8001);
	ok(gicr(1, SGI_BASE + ISPENDR) == 0x8001 && gicr(0, SGI_BASE + ISPENDR) == 0, "pending by software");
	gicr_set(1, SGI_BASE + ICPENDR, 1);
	ok_eq(gicr(1, SGI_BASE + ICPENDR), 0x8000, "and not any more");
	CHECK(bare_fini());
}

static void test_router(void)
{
	CHECK(bare_init(20));
	mmio_wr(VIRT_GICD + IROUTER + 40 * 8, 8, UINT64_MAX);
	ok_eq((int64_t)mmio_rd(VIRT_GICD + IROUTER + 40 * 8, 8), (int64_t)0xff00ffffffull, "affinity bits alone");
	mmio_wr(VIRT_GICD + IROUTER + 40 * 8, 4, 0x103);
	ok_eq((int64_t)mmio_rd(VIRT_GICD + IROUTER + 40 * 8, 8), (int64_t)0xff00000103ull, "by halves");
	mmio_wr(VIRT_GICD + IROUTER + 40 * 8 + 4, 4, 0);
	ok(gicd(IROUTER + 40 * 8) == 0x103 && gicd(IROUTER + 40 * 8 + 4) == 0, "both of them");
	mmio_wr(VIRT_GICD + IROUTER + 40 * 8, 2, 0);
	mmio_wr(VIRT_GICD + IROUTER + 3 * 8, 8, 1);
	mmio_wr(VIRT_GICD + IROUTER + 128 * 8, 8, 1);
	ok(gicd(IROUTER + 40 * 8) == 0x103 && gicd(IROUTER + 3 * 8) == 0 && gicd(IROUTER + 128 * 8) == 0, "of shared interrupts that there are");
	CHECK(bare_fini());
}

/* Every offset in all sizes, read and written: nothing faults, and what is no register reads as zero. */
static void test_hostile(void)
{
	bool zero = true;

	CHECK(bare_init(3));
	for (unsigned size = 1; size <= 8; size *= 2) {
		for (uint64_t off = 0; off + size <= VIRT_GICD_SIZE; off++) {
			mmio_wr(VIRT_GICD + off, size, off * 0x9e3779b97f4a7c15ull);
			(void)mmio_rd(VIRT_GICD + off, size);
		}
		for (uint64_t off = 0; off + size <= 3 * VIRT_GICR_STRIDE; off += off % 0x10000 > 0x1000 && off % 0x10000 < 0xff00 ? 61 : 1) {
			mmio_wr(VIRT_GICR + off, size, off * 0x9e3779b97f4a7c15ull);
			(void)mmio_rd(VIRT_GICR + off, size);
		}
	}
	for (uint64_t off = 0x8000; off < 0xffd0; off += 4)
		zero &= gicd((unsigned)off) == 0 && gicr(1, (unsigned)off) == 0 && gicr(1, SGI_BASE + (unsigned)off) == 0;
	ok(zero, "what is no register reads as zero");
	ok(gicd(0x10) == 0 && gicd(0x800) == 0 && gicd(0xf00) == 0 && gicr(0, 0x70) == 0 && gicr(0, 0) == 0, "nor what this one does not have");
	CHECK(bare_fini());
}

static struct vgic_state s, t, bad;
static struct vgic_vcpu_state vs, vt, vbad;

static void fill_state(void)
{
	gicd_set(GICD_CTLR, 2);
	set_edge(70);
	set_priority(0, 70, 0x48);
	bit_set(0, ISENABLER, 70);
	bit_set(0, ISPENDR, 70);
	bit_set(0, ISACTIVER, 71);
	mmio_wr(VIRT_GICD + IROUTER + 70 * 8, 8, 1);
	irq_line_set(&(struct irq_line){.set = vgic_line(&bare, 33).set, .ctx = &bare, .line = 33}, true);
	bit_set(1, ISENABLER, 27);
	gicr_set(1, SGI_BASE + ISPENDR, 0x10);
	gicr_set(1, 0x14, 0);
	vgic_set_ppi(&bare_vcpus[1], 27, true, 27);
	vgic_flush(&bare_vcpus[1])->vmcr = 0xf0000002;
	vgic_flush(&bare_vcpus[1])->ap1r[0] = 0x10;
	vgic_sync(&bare_vcpus[1]);
}

static void test_state(void)
{
	CHECK(bare_init(2));
	fill_state();
	vgic_save(&bare, &s);
	vgic_vcpu_save(&bare_vcpus[1], &vs);
	CHECK(bare_fini());
	CHECK(bare_init(2));
	ok(vgic_load(&bare, &s) == OK && vgic_vcpu_load(&bare_vcpus[1], &vs) == OK, "load");
	vgic_save(&bare, &t);
	vgic_vcpu_save(&bare_vcpus[1], &vt);
	ok_mem(&t, &s, sizeof(s), "round trip of the distributor");
	ok_mem(&vt, &vs, sizeof(vs), "and of a redistributor");
	ok(bit(0, ISPENDR, 70) && bit(0, ISACTIVER, 71) && bit(0, ISPENDR, 33) && bit(1, ISPENDR, 27) && bit(1, ISPENDR, 4), "all is there");
	ok(vgic_flush(&bare_vcpus[1])->used == 2, "and goes to the guest");
	vgic_sync(&bare_vcpus[1]);
	CHECK(bare_fini());
}

static void corrupt(const char *what)
{
	ok_eq(vgic_load(&bare, &bad), E_CORRUPT, what);
	bad = s;
}

static void corrupt_vcpu(const char *what)
{
	ok_eq(vgic_vcpu_load(&bare_vcpus[1], &vbad), E_CORRUPT, what);
	vbad = vs;
}

static void test_corrupt_state(void)
{
	CHECK(bare_init(2));
	bad = s;
	vbad = vs;
	bad.version = 2;
	corrupt("another version");
	bad.ctlr = 0;
	corrupt("no affinity routing");
	bad.spi[3].flags = 0x40;
	corrupt("flags that there are not");
	bad.spi[3].priority = 1;
	corrupt("bits of priority that there are not");
	bad.spi[3].flags = VGIC_F_ACTIVE;
	bad.spi[3].holder = 2;
	corrupt("active on a vCPU that is not there");
	bad.spi[3].holder = 0;
	corrupt("held and not active");
	bad.spi[3].route = 1ull << 31;
	corrupt("one of N");
	bad.spi[3].reserved[4] = 1;
	corrupt("reserved bytes");
	vbad.version = 0;
	corrupt_vcpu("another version of the vCPU's");
	vbad.waker = 2;
	corrupt_vcpu("half asleep");
	vbad.irq[3].flags &= (uint8_t)~VGIC_F_EDGE;
	corrupt_vcpu("a level SGI");
	vbad.irq[20].flags |= VGIC_F_EDGE;
	corrupt_vcpu("an edge PPI");
	vbad.irq[20].route = 1;
	corrupt_vcpu("a private interrupt with a route");
	vbad.irq[20].flags = VGIC_F_ACTIVE;
	vbad.irq[20].holder = 0;
	corrupt_vcpu("a private interrupt that another vCPU holds");
	ok(vgic_load(&bare, &bad) == OK && vgic_vcpu_load(&bare_vcpus[1], &vbad) == OK, "without these it loads");
	CHECK(bare_fini());
}

/* What the guest did is gone, and what devices drive is not. */
static void test_reset(void)
{
	CHECK(bare_init(2));
	fill_state();
	vgic_reset(&bare);
	vgic_vcpu_reset(&bare_vcpus[1]);
	ok(gicd(GICD_CTLR) == 0x50 && !bit(0, ISENABLER, 70) && !bit(0, ISPENDR, 70) && !bit(0, ISACTIVER, 71), "distributor");
	ok(bit(0, ISPENDR, 33), "the UART's line is as it was");
	ok(!bit(1, ISPENDR, 4) && !bit(1, ISENABLER, 27) && gicr(1, 0x14) == 6, "redistributor");
	ok(!bit(1, ISPENDR, 27), "the timer's is not: it was reset too");
	ok(vgic_flush(&bare_vcpus[1])->used == 0 && vgic_flush(&bare_vcpus[1])->vmcr == 0 && vgic_flush(&bare_vcpus[1])->ap1r[0] == 0, "interface");
	CHECK(bare_fini());
}

int main(void)
{
	fake_init(32 * MIB, 1);
	test_identity();
	test_banks();
	test_router();
	test_hostile();
	test_state();
	test_corrupt_state();
	test_reset();
	return tap_done();
}
