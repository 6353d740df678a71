/* SPDX-License-Identifier: Apache-2.0 */
/* GICv3 (IHI0069): distributor, redistributors, CPU interface by system registers. We see the non-secure side, or the only one where the
 * distributor has one security state. All our interrupts are group 1 of one priority. EOImode 1: two steps to end an interrupt. */
#include "gic_impl.h"
#include "gicv3_calc.h"
#include "platform.h"
#include <core/arch.h>
#include <core/arith.h>
#include <core/log.h>
#include <core/mmio.h>

/* Distributor (12.8), and the SGI frame of a redistributor, which has the same for private interrupts (12.10). */
enum { GICD_CTLR = 0x0, GICD_TYPER = 0x4, IGROUPR = 0x80, ISENABLER = 0x100, ICENABLER = 0x180, ICPENDR = 0x280, ISACTIVER = 0x300,
       ICACTIVER = 0x380, IPRIORITYR = 0x400, ICFGR = 0xc00, IGRPMODR = 0xd00, GICD_IROUTER = 0x6000, GICD_SIZE = 0x10000 };
enum { CTLR_GRP1 = 1 << 1, CTLR_ARE = 1 << 4 };
#define CTLR_RWP (1u << 31)
/* Redistributor (12.11) */
enum { GICR_CTLR = 0x0, GICR_RWP = 1 << 3, GICR_TYPER = 0x8, GICR_WAKER = 0x14, GICR_SGI = 0x10000, GICR_STRIDE = 0x20000, GICR_STRIDE_V4 = 0x40000 };
enum { TYPER_VLPIS = 1 << 1, TYPER_LAST = 1 << 4 };
enum { WAKER_SLEEP = 1 << 1, WAKER_ASLEEP = 1 << 2 };
#define GICR_MAP_MAX (64 * MIB)

enum { SRE_SRE = 1, SRE_NO_BYPASS = 6, SRE_LOWER = 8 };
#define ICC_EOIMODE 2u
#define WAIT_NS (100 * NS_PER_MS)

static struct {
	volatile void *dist;
	volatile void *gicr[PLATFORM_MAX_GICR]; /* as platform.gicr; NULL: not mapped */
	unsigned lines; /* INTIDs of SPIs end here */
} v3;

static uint64_t read64(volatile void *base, size_t off)
{
	return mmio_read32(base, off) | (uint64_t)mmio_read32(base, off + 4) << 32;
}

static bool wait_clear(volatile void *base, size_t off, uint32_t bits)
{
	uint64_t start = hal_clock_ns();

	while (mmio_read32(base, off) & bits) {
		if (hal_clock_ns() - start > WAIT_NS)
			return false;
		arch_relax();
	}
	return true;
}

/* One bank of 32 interrupts: off, group 1, not active, not pending, one priority. */
static void bank_reset(volatile void *base, unsigned bank)
{
	mmio_write32(base, ICENABLER + 4 * bank, UINT32_MAX);
	mmio_write32(base, ICACTIVER + 4 * bank, UINT32_MAX);
	mmio_write32(base, ICPENDR + 4 * bank, UINT32_MAX);
	mmio_write32(base, IGROUPR + 4 * bank, UINT32_MAX);
	mmio_write32(base, IGRPMODR + 4 * bank, 0);
	for (unsigned i = 0; i < 8; i++)
		mmio_write32(base, IPRIORITYR + 32 * bank + 4 * i, GIC_PRIORITY * 0x01010101u);
}

static void map_redistributors(void)
{
	for (unsigned i = 0; i < platform.ngicr; i++) {
		const struct platform_range *r = &platform.gicr[i];

		if (r->size < GICR_STRIDE || r->size > GICR_MAP_MAX ||
		    hal_map_device(HPA(r->base), r->size, HAL_MAP_RW | HAL_MAP_UC, &v3.gicr[i]) != OK) {
			v3.gicr[i] = NULL;
			log_warn("gic", "redistributors at 0x%llx, size 0x%llx: not usable", (unsigned long long)r->base, (unsigned long long)r->size);
		}
	}
}

static err_t v3_init(void)
{
	uint32_t typer;
	err_t e = hal_map_device(HPA(platform.gicd), GICD_SIZE, HAL_MAP_RW | HAL_MAP_UC, &v3.dist);

	if (e != OK)
		return e;
	/* The firmware may have left it on: stop forwarding before anything is changed (12.9.4). */
	mmio_write32(v3.dist, GICD_CTLR, 0);
	if (!wait_clear(v3.dist, GICD_CTLR, CTLR_RWP))
		return E_IO;
	typer = mmio_read32(v3.dist, GICD_TYPER);
	v3.lines = 32 * ((typer & 0x1f) + 1);
	if (v3.lines > INTID_SPI_END)
		v3.lines = INTID_SPI_END;
	for (unsigned bank = 1; bank < (v3.lines + 31) / 32; bank++)
		bank_reset(v3.dist, bank);
	mmio_write32(v3.dist, GICD_CTLR, CTLR_ARE | CTLR_GRP1);
	if (!wait_clear(v3.dist, GICD_CTLR, CTLR_RWP))
		return E_IO;
	map_redistributors();
	log_info("gic", "GICv3, %u shared lines", v3.lines - INTID_SPI);
	if (platform.nits && lpi_init((typer >> 19 & 0x1f) + 1) == OK && its_init() != OK)
		log_warn("gic", "the interrupt translation service cannot be used");
	return OK;
}

/* ---- redistributors */

static err_t gicr_check(struct percpu *p, volatile void *frame, uint64_t hpa, uint64_t typer)
{
	if (typer >> 32 != mpidr_pack(p->mpidr))
		return E_NOENT;
	p->gicr = frame;
	p->gicr_hpa = hpa;
	p->gicr_number = typer >> 8 & 0xffff;
	return OK;
}

/* Frames follow each other until one says that it is the last (12.11.39). */
static err_t gicr_search(struct percpu *p, unsigned range)
{
	volatile uint8_t *base = v3.gicr[range];
	uint64_t size = platform.gicr[range].size, off = 0;

	while (base && range_within(off, GICR_STRIDE, size)) {
		uint64_t typer = read64(base + off, GICR_TYPER);

		if (gicr_check(p, base + off, platform.gicr[range].base + off, typer) == OK)
			return OK;
		if (typer & TYPER_LAST)
			break;
		off += typer & TYPER_VLPIS ? GICR_STRIDE_V4 : GICR_STRIDE;
	}
	return E_NOENT;
}

/* The MADT may give a CPU's frame by itself instead of ranges. */
static err_t gicr_told(struct percpu *p)
{
	volatile void *frame;

	for (unsigned i = 0; i < platform.ncpus; i++) {
		uint64_t at = platform.cpus[i].gicr;

		if (platform.cpus[i].mpidr != p->mpidr || !at)
			continue;
		if (hal_map_device(HPA(at), GICR_STRIDE, HAL_MAP_RW | HAL_MAP_UC, &frame) != OK)
			return E_NOMEM;
		return gicr_check(p, frame, at, read64(frame, GICR_TYPER));
	}
	return E_NOENT;
}

static err_t v3_cpu_prepare(struct percpu *p)
{
	err_t e = gicr_told(p);

	for (unsigned i = 0; i < platform.ngicr && e != OK; i++)
		e = gicr_search(p, i);
	if (e == OK && its_present())
		e = lpi_cpu_prepare(p);
	return e;
}

/* The CPU interface (12.2). SRE may be fixed at one; where EL2 has it, EL1 may use it too. */
static void v3_interface(void)
{
	if (el_state.at2)
		SYSREG_WRITE(REG_ICC_SRE_EL2, SRE_SRE | SRE_NO_BYPASS | SRE_LOWER);
	isb();
	SYSREG_WRITE(REG_ICC_SRE_EL1, SRE_SRE | SRE_NO_BYPASS);
	isb();
	SYSREG_WRITE(REG_ICC_PMR, 0xff);
	SYSREG_WRITE(REG_ICC_BPR1, 0);
	SYSREG_WRITE(REG_ICC_CTLR, ICC_EOIMODE);
	isb();
	SYSREG_WRITE(REG_ICC_IGRPEN1, 1);
	isb();
}

/* Without messages on the boot CPU there are none at all; another CPU would miss its own. */
static err_t v3_messages(struct percpu *p)
{
	err_t e = lpi_cpu_init(p);

	if (e == OK)
		e = its_cpu_init(p);
	if (e == OK || p->id != 0)
		return e;
	log_warn("gic", "message-signalled interrupts do not work here (%s)", err_name(e));
	its_give_up();
	return OK;
}

static err_t v3_cpu_init(struct percpu *p)
{
	volatile uint8_t *sgi = (volatile uint8_t *)p->gicr + GICR_SGI;

	mmio_write32(p->gicr, GICR_WAKER, mmio_read32(p->gicr, GICR_WAKER) & ~(uint32_t)WAKER_SLEEP);
	if (!wait_clear(p->gicr, GICR_WAKER, WAKER_ASLEEP))
		return E_IO;
	bank_reset(sgi, 0);
	if (!wait_clear(p->gicr, GICR_CTLR, GICR_RWP))
		return E_IO;
	mmio_write32(sgi, ISENABLER, 1u << SGI_WAKE | 1u << SGI_STOP);
	v3_interface();
	return its_present() ? v3_messages(p) : OK;
}

/* ---- interrupts */

static uint32_t v3_ack(void)
{
	uint64_t iar = SYSREG_READ(REG_ICC_IAR1);

	/* The acknowledgement takes effect before what the handler does (4.1.1). */
	dsb_sy();
	return (uint32_t)iar;
}

static void v3_drop(uint32_t iar)
{
	SYSREG_WRITE(REG_ICC_EOIR1, iar);
	isb();
}

static void v3_deactivate(uint32_t iar)
{
	SYSREG_WRITE(REG_ICC_DIR, iar);
	isb();
}

static void v3_send_sgi(const struct percpu *to, unsigned sgi)
{
	SYSREG_WRITE(REG_ICC_SGI1R, gicv3_sgi1r(to->mpidr, sgi));
}

static void v3_ppi_enable(unsigned intid, bool on)
{
	mmio_write32((volatile uint8_t *)this_cpu()->gicr + GICR_SGI, on ? ISENABLER : ICENABLER, 1u << intid);
}

static void v3_ppi_active(unsigned intid, bool on)
{
	mmio_write32((volatile uint8_t *)this_cpu()->gicr + GICR_SGI, on ? ISACTIVER : ICACTIVER, 1u << intid);
}

static err_t v3_spi_route(unsigned intid, bool edge, const struct percpu *to)
{
	unsigned shift = 2 * (intid % 16) + 1;
	uint32_t cfg;

	if (intid >= v3.lines)
		return E_NOENT;
	cfg = mmio_read32(v3.dist, ICFGR + 4 * (intid / 16));
	mmio_write32(v3.dist, ICFGR + 4 * (intid / 16), edge ? cfg | 1u << shift : cfg & ~(1u << shift));
	mmio_write32(v3.dist, GICD_IROUTER + 8 * intid, (uint32_t)to->mpidr);
	mmio_write32(v3.dist, GICD_IROUTER + 8 * intid + 4, (uint32_t)(to->mpidr >> 32));
	mmio_write32(v3.dist, ISENABLER + 4 * (intid / 32), 1u << (intid % 32));
	return OK;
}

const struct gic_ops gicv3_ops = {
	.init = v3_init, .cpu_prepare = v3_cpu_prepare, .cpu_init = v3_cpu_init, .ack = v3_ack, .drop = v3_drop, .deactivate = v3_deactivate,
	.send_sgi = v3_send_sgi, .ppi_enable = v3_ppi_enable, .ppi_active = v3_ppi_active, .spi_route = v3_spi_route,
};
