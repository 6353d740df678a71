/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's own GICv3 (IHI0069): everything in group 1, affinity routing, system registers, EOImode 0. Priorities that a test does not
 * choose are PRIORITY_USUAL. */
#include "guest.h"

enum { CTLR_GRP1 = 2, CTLR_ARE = 1 << 4, CTLR_RWP = 1u << 31, WAKER_SLEEP = 2, WAKER_ASLEEP = 4 };
static irq_fn handlers[INTID_MAX];

uint64_t gicr_of(unsigned cpu)
{
	return GICR + (uint64_t)cpu * GICR_STRIDE;
}

uint64_t gic_base(unsigned intid)
{
	return intid < SPI_FIRST ? gicr_of(cpu_self()->index) + GICR_SGI : GICD;
}

unsigned gic_lines(void)
{
	unsigned n = 32 * ((read32(GICD + GICD_TYPER) & 0x1f) + 1);

	return n < INTID_MAX ? n : INTID_MAX;
}

bool gic_bit(unsigned intid, unsigned reg)
{
	return read32(gic_base(intid) + reg + intid / 32 * 4) >> (intid % 32) & 1;
}

/* What the distributor did to enables is seen by all after RWP (IHI0069 12.9.4, 12.11.1). */
static void settle(unsigned intid)
{
	if (intid < SPI_FIRST)
		(void)WAIT(!(read32(gicr_of(cpu_self()->index) + GICR_CTLR) & 1 << 3));
	else
		(void)WAIT(!(read32(GICD + GICD_CTLR) & CTLR_RWP));
	isb();
}

void gic_set_bit(unsigned intid, unsigned reg)
{
	write32(gic_base(intid) + reg + intid / 32 * 4, 1u << (intid % 32));
	memory_barrier();
}

void gic_priority(unsigned intid, uint8_t priority)
{
	write8(gic_base(intid) + GICD_IPRIORITYR + intid, priority);
	memory_barrier();
}

void gic_edge(unsigned intid, bool edge)
{
	uint64_t at = gic_base(intid) + GICD_ICFGR + intid / 16 * 4;
	uint32_t bit = 2u << (intid % 16 * 2), old = read32(at);

	write32(at, edge ? old | bit : old & ~bit);
	memory_barrier();
}

void gic_route(unsigned intid, unsigned cpu)
{
	write64(GICD + GICD_IROUTER + 8ull * intid, cpu);
	memory_barrier();
}

void irq_set(unsigned intid, irq_fn fn)
{
	handlers[intid] = fn;
}

void irq_set_all(irq_fn fn)
{
	for (unsigned i = 0; i < INTID_MAX; i++)
		handlers[i] = fn;
}

void irq_enable(unsigned intid)
{
	gic_set_bit(intid, GICD_ISENABLER);
}

void irq_disable(unsigned intid)
{
	gic_set_bit(intid, GICD_ICENABLER);
	settle(intid);
}

uint32_t irq_ack(void)
{
	uint32_t intid = (uint32_t)SYS_READ("icc_iar1_el1");

	__asm__ volatile("dsb sy; isb" ::: "memory");
	return intid;
}

void irq_end(uint32_t intid)
{
	__asm__ volatile("dsb sy" ::: "memory");
	SYS_WRITE("icc_eoir1_el1", intid);
}

void irq_dispatch(struct frame *f)
{
	uint32_t intid = irq_ack();

	(void)f;
	if (intid == INTID_SPURIOUS)
		return;
	if (intid >= INTID_MAX || !handlers[intid])
		bail("interrupt %u on CPU %u, which nobody expects", intid, cpu_self()->index);
	handlers[intid](intid);
	irq_end(intid);
}

/* Aff3.Aff2.Aff1 are 0, and all CPUs in the list of 16 (IHI0069 12.2.20). */
void sgi_send(unsigned sgi, unsigned cpus)
{
	memory_barrier();
	SYS_WRITE("icc_sgi1r_el1", (uint64_t)sgi << 24 | (cpus & 0xffff));
}

void sgi_send_others(unsigned sgi)
{
	memory_barrier();
	SYS_WRITE("icc_sgi1r_el1", 1ull << 40 | (uint64_t)sgi << 24);
}

void gic_init(void)
{
	unsigned n = gic_lines();

	write32(GICD + GICD_CTLR, 0);
	settle(SPI_FIRST);
	for (unsigned i = SPI_FIRST; i < n; i += 32) {
		write32(GICD + GICD_ICENABLER + i / 8, ~0u);
		write32(GICD + GICD_IGROUPR + i / 8, ~0u);
	}
	for (unsigned i = SPI_FIRST; i < n; i += 4)
		write32(GICD + GICD_IPRIORITYR + i, PRIORITY_USUAL * 0x01010101u);
	write32(GICD + GICD_CTLR, CTLR_ARE);
	settle(SPI_FIRST);
	write32(GICD + GICD_CTLR, CTLR_ARE | CTLR_GRP1);
	settle(SPI_FIRST);
	gic_cpu_init();
}

void gic_cpu_init(void)
{
	uint64_t rd = gicr_of(cpu_self()->index);

	write32(rd + GICR_WAKER, read32(rd + GICR_WAKER) & ~(uint32_t)WAKER_SLEEP);
	(void)WAIT(!(read32(rd + GICR_WAKER) & WAKER_ASLEEP));
	write32(rd + GICR_SGI + GICD_ICENABLER, 0xffff0000);
	write32(rd + GICR_SGI + GICD_IGROUPR, ~0u);
	for (unsigned i = 0; i < SPI_FIRST; i += 4)
		write32(rd + GICR_SGI + GICD_IPRIORITYR + i, PRIORITY_USUAL * 0x01010101u);
	write32(rd + GICR_SGI + GICD_ISENABLER, 0xffff);
	SYS_WRITE("icc_sre_el1", SYS_READ("icc_sre_el1") | 1);
	SYS_WRITE("icc_pmr_el1", 0xff);
	SYS_WRITE("icc_bpr1_el1", 0);
	SYS_WRITE("icc_ctlr_el1", 0);
	SYS_WRITE("icc_igrpen1_el1", 1);
}
