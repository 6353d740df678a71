/* SPDX-License-Identifier: Apache-2.0 */
/* Locality-specific interrupts (IHI0069 5.1): one configuration table for all redistributors and a pending table for each, in our memory.
 * The redistributors cache the configuration until the ITS is told to drop it. Boot CPU, but for lpi_cpu_init. */
#include "gic_impl.h"
#include "mmu.h"
#include <core/arith.h>
#include <core/log.h>
#include <core/mmio.h>
#include <core/page.h>

enum { GICR_CTLR = 0x0, GICR_PROPBASER = 0x70, GICR_PENDBASER = 0x78 };
#define CTLR_ENABLE_LPIS 1u
#define PROP_ENABLED 1u
#define PROP_RES1 2u
/* Inner shareable, read- and write-allocate, write-back (12.11.28, 12.11.30). */
#define BASER_INNER (7ull << 7)
#define BASER_SHARED (1ull << 10)
#define BASER_SHARE_MASK (3ull << 10)
#define BASER_INNER_MASK (7ull << 7)
#define BASER_NONCACHED (1ull << 7)
#define PENDBASER_ZERO (1ull << 62)

#define LPI_BITS 14u         /* 8192 of them, more than there are handlers */
#define PROP_ORDER 1         /* a byte for each */
#define PENDING_ORDER 4      /* 2 KiB, but aligned to 64 KiB (12.11.28) */

static struct {
	uint8_t *prop;
	unsigned bits;
	bool clean; /* redistributors do not look into our caches */
} lpi;

static void write64(volatile void *base, size_t off, uint64_t v)
{
	mmio_write32(base, off, (uint32_t)v);
	mmio_write32(base, off + 4, (uint32_t)(v >> 32));
}

static uint64_t read64(volatile void *base, size_t off)
{
	return mmio_read32(base, off) | (uint64_t)mmio_read32(base, off + 4) << 32;
}

err_t lpi_init(unsigned bits)
{
	struct hpa a;
	err_t e;

	if (bits < LPI_BITS)
		return E_UNSUPPORTED;
	e = page_alloc(&pool_core, PROP_ORDER, PAGE_HOST, &a);
	if (e != OK)
		return e;
	lpi.bits = LPI_BITS;
	lpi.prop = hal_direct(a);
	for (unsigned i = 0; i < (PAGE_SIZE << PROP_ORDER); i++)
		lpi.prop[i] = GIC_PRIORITY | PROP_RES1;
	cache_clean(lpi.prop, PAGE_SIZE << PROP_ORDER);
	return OK;
}

unsigned lpi_limit(void)
{
	return 1u << lpi.bits;
}

err_t lpi_cpu_prepare(struct percpu *p)
{
	struct hpa a;
	err_t e = page_alloc(&pool_core, PENDING_ORDER, PAGE_HOST, &a);

	if (e != OK)
		return e;
	p->lpi_pending = hal_direct(a);
	cache_clean(p->lpi_pending, PAGE_SIZE << PENDING_ORDER);
	return OK;
}

/* Writes a table's address with the best attributes, then with those that the hardware left when it refuses sharing (12.11.30). */
static void baser_set(volatile void *gicr, size_t off, uint64_t v)
{
	uint64_t got;

	write64(gicr, off, v | BASER_INNER | BASER_SHARED);
	got = read64(gicr, off);
	if (got & BASER_SHARE_MASK)
		return;
	lpi.clean = true;
	write64(gicr, off, v | BASER_NONCACHED);
}

err_t lpi_cpu_init(struct percpu *p)
{
	uint32_t ctlr = mmio_read32(p->gicr, GICR_CTLR);

	/* Once on it may stay on for good (12.11.2), with tables of somebody else's. */
	if (ctlr & CTLR_ENABLE_LPIS) {
		mmio_write32(p->gicr, GICR_CTLR, ctlr & ~CTLR_ENABLE_LPIS);
		if (mmio_read32(p->gicr, GICR_CTLR) & CTLR_ENABLE_LPIS)
			return E_STATE;
	}
	baser_set(p->gicr, GICR_PROPBASER, hal_hpa_of(lpi.prop).v | (lpi.bits - 1));
	baser_set(p->gicr, GICR_PENDBASER, hal_hpa_of(p->lpi_pending).v | PENDBASER_ZERO);
	dsb_sy();
	mmio_write32(p->gicr, GICR_CTLR, ctlr | CTLR_ENABLE_LPIS);
	return OK;
}

void lpi_configure(unsigned intid)
{
	uint8_t *e = &lpi.prop[intid - INTID_LPI];

	__atomic_store_n(e, GIC_PRIORITY | PROP_RES1 | PROP_ENABLED, __ATOMIC_RELAXED);
	if (lpi.clean)
		cache_clean(e, 1);
	/* Seen by the redistributors before the ITS command that follows (5.1.1). */
	dsb_sy();
}
