/* SPDX-License-Identifier: Apache-2.0 */
/* GICv2 (IHI0048): distributor and CPU interface in memory, at most eight CPUs. Interrupts of the non-secure side, or the only one: group 1
 * where there are groups, which bit 0 of the control registers enables from our view. EOImode 1: two steps to end an interrupt. */
#include "gic_impl.h"
#include "platform.h"
#include <core/arith.h>
#include <core/log.h>
#include <core/mmio.h>

/* Distributor (4.3) */
enum { GICD_CTLR = 0x0, GICD_TYPER = 0x4, ISENABLER = 0x100, ICENABLER = 0x180, ICPENDR = 0x280, ISACTIVER = 0x300, ICACTIVER = 0x380,
       IPRIORITYR = 0x400, ITARGETSR = 0x800, ICFGR = 0xc00, GICD_SGIR = 0xf00, GICD_SIZE = 0x1000 };
/* CPU interface (4.4) */
enum { GICC_CTLR = 0x0, GICC_PMR = 0x4, GICC_BPR = 0x8, GICC_IAR = 0xc, GICC_EOIR = 0x10, GICC_DIR = 0x1000, GICC_SIZE = 0x2000 };
enum { CTLR_ENABLE = 1, CTLR_EOIMODE_NS = 1 << 9 };

static struct {
	volatile void *dist, *cpu;
	unsigned lines;
} v2;

static void bank_reset(unsigned bank)
{
	mmio_write32(v2.dist, ICENABLER + 4 * bank, UINT32_MAX);
	mmio_write32(v2.dist, ICACTIVER + 4 * bank, UINT32_MAX);
	mmio_write32(v2.dist, ICPENDR + 4 * bank, UINT32_MAX);
	for (unsigned i = 0; i < 8; i++)
		mmio_write32(v2.dist, IPRIORITYR + 32 * bank + 4 * i, GIC_PRIORITY * 0x01010101u);
}

static err_t v2_init(void)
{
	err_t e = hal_map_device(HPA(platform.gicd), GICD_SIZE, HAL_MAP_RW | HAL_MAP_UC, &v2.dist);

	if (e == OK)
		e = platform.gicc ? hal_map_device(HPA(platform.gicc), GICC_SIZE, HAL_MAP_RW | HAL_MAP_UC, &v2.cpu) : E_UNSUPPORTED;
	if (e != OK)
		return e;
	mmio_write32(v2.dist, GICD_CTLR, 0);
	v2.lines = 32 * ((mmio_read32(v2.dist, GICD_TYPER) & 0x1f) + 1);
	if (v2.lines > INTID_SPI_END)
		v2.lines = INTID_SPI_END;
	for (unsigned bank = 1; bank < (v2.lines + 31) / 32; bank++)
		bank_reset(bank);
	mmio_write32(v2.dist, GICD_CTLR, CTLR_ENABLE);
	log_info("gic", "GICv2, %u shared lines", v2.lines - INTID_SPI);
	v2m_init();
	return OK;
}

static err_t v2_cpu_prepare(struct percpu *p)
{
	(void)p;
	return OK; /* the registers of a CPU are banked by who asks */
}

static err_t v2_cpu_init(struct percpu *p)
{
	uint32_t targets = 0;

	bank_reset(0);
	mmio_write32(v2.dist, ISENABLER, 1u << SGI_WAKE | 1u << SGI_STOP);
	/* The targets of the banked interrupts are the reading CPU alone (4.3.12). */
	for (unsigned i = 0; i < 8; i++)
		targets |= mmio_read32(v2.dist, ITARGETSR + 4 * i);
	targets |= targets >> 16;
	p->target = (targets | targets >> 8) & 0xff;
	if (!p->target)
		p->target = 1; /* one CPU alone: the register is not there */
	mmio_write32(v2.cpu, GICC_PMR, 0xff);
	mmio_write32(v2.cpu, GICC_BPR, 0);
	mmio_write32(v2.cpu, GICC_CTLR, CTLR_ENABLE | CTLR_EOIMODE_NS);
	return OK;
}

static uint32_t v2_ack(void)
{
	uint32_t iar = mmio_read32(v2.cpu, GICC_IAR);

	dsb_sy();
	return iar & 0x1fff;
}

static void v2_drop(uint32_t iar)
{
	mmio_write32(v2.cpu, GICC_EOIR, iar);
}

static void v2_deactivate(uint32_t iar)
{
	mmio_write32(v2.cpu, GICC_DIR, iar);
}

static void v2_send_sgi(const struct percpu *to, unsigned sgi)
{
	mmio_write32(v2.dist, GICD_SGIR, to->target << 16 | sgi);
}

static void v2_ppi_enable(unsigned intid, bool on)
{
	mmio_write32(v2.dist, on ? ISENABLER : ICENABLER, 1u << intid);
}

static void v2_ppi_active(unsigned intid, bool on)
{
	mmio_write32(v2.dist, on ? ISACTIVER : ICACTIVER, 1u << intid);
}

static err_t v2_spi_route(unsigned intid, bool edge, const struct percpu *to)
{
	unsigned shift = 2 * (intid % 16) + 1;
	uint32_t cfg;

	if (intid >= v2.lines)
		return E_NOENT;
	cfg = mmio_read32(v2.dist, ICFGR + 4 * (intid / 16));
	mmio_write32(v2.dist, ICFGR + 4 * (intid / 16), edge ? cfg | 1u << shift : cfg & ~(1u << shift));
	mmio_write8(v2.dist, ITARGETSR + intid, (uint8_t)to->target);
	mmio_write32(v2.dist, ISENABLER + 4 * (intid / 32), 1u << (intid % 32));
	return OK;
}

const struct gic_ops gicv2_ops = {
	.init = v2_init, .cpu_prepare = v2_cpu_prepare, .cpu_init = v2_cpu_init, .ack = v2_ack, .drop = v2_drop, .deactivate = v2_deactivate,
	.send_sgi = v2_send_sgi, .ppi_enable = v2_ppi_enable, .ppi_active = v2_ppi_active, .spi_route = v2_spi_route,
};
