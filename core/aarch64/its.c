/* SPDX-License-Identifier: Apache-2.0 */
/* The interrupt translation services (IHI0069 5.2 to 5.3, 12.12): a PCI function's message (device id, event id) becomes an LPI of a CPU. Each device gets
 * one table of events when it first asks; nothing is ever unmapped. Boot CPU sets up; commands go under one lock and are waited for. */
#include "gic_impl.h"
#include "gicv3_calc.h"
#include "mmu.h"
#include "platform.h"
#include <core/arch.h>
#include <core/arith.h>
#include <core/log.h>
#include <core/mmio.h>
#include <core/page.h>
#include <core/spinlock.h>
#include <string.h>

enum { GITS_CTLR = 0x0, GITS_TYPER = 0x8, GITS_CBASER = 0x80, GITS_CWRITER = 0x88, GITS_CREADR = 0x90, GITS_BASER = 0x100,
       GITS_TRANSLATER = 0x10040, GITS_SIZE = 0x20000, GITS_BASERS = 8 };
#define CTLR_ENABLED 1u
#define CTLR_QUIESCENT (1u << 31)
#define TYPER_PTA (1ull << 19)
enum { TABLE_DEVICES = 1, TABLE_COLLECTIONS = 4 };
#define BASER_VALID (1ull << 63)
#define CACHE_INNER (7ull << 59)
#define CACHE_NONE (1ull << 59)
#define SHARED (1ull << 10)
#define SHARE_MASK (3ull << 10)
#define CMD_BYTES 32u
#define QUEUE_BYTES PAGE_SIZE
#define DEVICE_BITS_MAX 16u /* requester ids; a flat table of eight bytes each is half a MiB */
#define EVENT_BITS 5u
#define WAIT_NS (100 * NS_PER_MS)

struct its_device { struct its_device *next; uint32_t id; unsigned events, used; };
struct its {
	volatile void *regs;
	uint64_t hpa, typer;
	uint8_t *queue;
	uint32_t at; /* offset of the next command */
	bool clean;  /* it does not look into our caches */
	uint32_t devices; /* device ids end here */
	struct its_device *list;
};
static struct its units[PLATFORM_MAX_ITS];
static unsigned nunits;
static struct spinlock its_lock;

static void write64(volatile void *base, size_t off, uint64_t v)
{
	mmio_write32(base, off, (uint32_t)v);
	mmio_write32(base, off + 4, (uint32_t)(v >> 32));
}

static uint64_t read64(volatile void *base, size_t off)
{
	return mmio_read32(base, off) | (uint64_t)mmio_read32(base, off + 4) << 32;
}

static bool wait_for(struct its *u, size_t off, uint32_t mask, uint32_t value)
{
	uint64_t start = hal_clock_ns();

	while ((mmio_read32(u->regs, off) & mask) != value) {
		if (hal_clock_ns() - start > WAIT_NS)
			return false;
		arch_relax();
	}
	return true;
}

/* ---- commands (5.3) */

static err_t its_command(struct its *u, struct its_cmd cmd)
{
	uint8_t *c = u->queue + u->at;

	for (unsigned i = 0; i < 3; i++)
		put_le64(c + 8 * i, cmd.w[i]);
	put_le64(c + 24, 0);
	if (u->clean)
		cache_clean(c, CMD_BYTES);
	dsb_sy(); /* in memory before the write pointer moves */
	u->at = (u->at + CMD_BYTES) % QUEUE_BYTES;
	write64(u->regs, GITS_CWRITER, u->at);
	return wait_for(u, GITS_CREADR, 0xfffe0, u->at) ? OK : E_TIMEOUT;
}

/* What names a redistributor in a command: its number, or its address (12.12.23 PTA). */
static uint64_t its_target(const struct its *u, const struct percpu *p)
{
	return u->typer & TYPER_PTA ? p->gicr_hpa & ~0xffffull : (uint64_t)p->gicr_number << 16;
}

static err_t its_map_collection(struct its *u, const struct percpu *p)
{
	err_t e = its_command(u, its_mapc((uint16_t)p->id, its_target(u, p)));

	return e == OK ? its_command(u, its_sync(its_target(u, p))) : e;
}

/* ---- tables (12.12.2) */

static unsigned order_for(uint64_t bytes)
{
	unsigned order = 0;

	while (((uint64_t)PAGE_SIZE << order) < bytes)
		order++;
	return order;
}

static err_t its_table(struct its *u, unsigned i, uint64_t baser, uint64_t entries)
{
	uint64_t entry = (baser >> 48 & 0x1f) + 1, fixed = baser & (7ull << 56 | 0x1full << 48), v;
	unsigned order = order_for(entries * entry);
	struct hpa a;
	err_t e;

	if (order < 4)
		order = 4; /* pages of 64 KiB, which every implementation has */
	e = page_alloc(&pool_core, order, PAGE_HOST, &a);
	if (e != OK)
		return e;
	if (u->clean)
		cache_clean(hal_direct(a), (size_t)PAGE_SIZE << order);
	v = BASER_VALID | fixed | a.v | 2ull << 8 | ((1u << (order - 4)) - 1);
	write64(u->regs, GITS_BASER + 8 * i, v | (u->clean ? CACHE_NONE : CACHE_INNER | SHARED));
	return read64(u->regs, GITS_BASER + 8 * i) & BASER_VALID ? OK : E_IO;
}

static err_t its_tables(struct its *u)
{
	for (unsigned i = 0; i < GITS_BASERS; i++) {
		uint64_t baser = read64(u->regs, GITS_BASER + 8 * i);
		unsigned type = baser >> 56 & 7;
		err_t e = OK;

		if (type == TABLE_DEVICES)
			e = its_table(u, i, baser, u->devices);
		else if (type == TABLE_COLLECTIONS)
			e = its_table(u, i, baser, HAL_MAX_CPUS);
		if (e != OK)
			return e;
	}
	return OK;
}

static err_t its_queue(struct its *u)
{
	struct hpa a;
	err_t e = page_alloc(&pool_core, 0, PAGE_HOST, &a);

	if (e != OK)
		return e;
	u->queue = hal_direct(a);
	write64(u->regs, GITS_CBASER, BASER_VALID | CACHE_INNER | SHARED | a.v);
	if (!(read64(u->regs, GITS_CBASER) & SHARE_MASK)) {
		u->clean = true;
		write64(u->regs, GITS_CBASER, BASER_VALID | CACHE_NONE | a.v);
	}
	write64(u->regs, GITS_CWRITER, 0);
	return OK;
}

static err_t its_open(struct its *u, uint64_t hpa)
{
	unsigned bits;
	err_t e = hal_map_device(HPA(hpa), GITS_SIZE, HAL_MAP_RW | HAL_MAP_UC, &u->regs);

	if (e != OK)
		return e;
	u->hpa = hpa;
	u->typer = read64(u->regs, GITS_TYPER);
	bits = (u->typer >> 13 & 0x1f) + 1;
	u->devices = 1u << (bits < DEVICE_BITS_MAX ? bits : DEVICE_BITS_MAX);
	mmio_write32(u->regs, GITS_CTLR, mmio_read32(u->regs, GITS_CTLR) & ~CTLR_ENABLED);
	if (!wait_for(u, GITS_CTLR, CTLR_QUIESCENT, CTLR_QUIESCENT))
		return E_TIMEOUT;
	e = its_queue(u);
	if (e == OK)
		e = its_tables(u);
	if (e == OK)
		mmio_write32(u->regs, GITS_CTLR, mmio_read32(u->regs, GITS_CTLR) | CTLR_ENABLED);
	return e;
}

err_t its_init(void)
{
	for (unsigned i = 0; i < platform.nits; i++) {
		err_t e = its_open(&units[nunits], platform.its[i].base);

		if (e != OK)
			return e; /* whose devices are whose is told by number: all or none */
		nunits++;
	}
	log_info("gic", "%u interrupt translation service%s", nunits, nunits == 1 ? "" : "s");
	return OK;
}

void its_give_up(void)
{
	nunits = 0;
}

bool its_present(void)
{
	return nunits && nunits == platform.nits;
}

err_t its_cpu_init(const struct percpu *p)
{
	err_t e = OK;

	spin_lock(&its_lock);
	for (unsigned i = 0; i < nunits && e == OK; i++)
		e = its_map_collection(&units[i], p);
	spin_unlock(&its_lock);
	return e;
}

/* ---- devices and events */

/* Which service hears a PCI function, and by what number. */
static err_t its_find(uint32_t requester, struct its **u, uint32_t *device)
{
	uint32_t segment = requester >> 16, rid = requester & 0xffff;

	if (!platform.nid_maps && segment == 0) {
		*u = &units[0];
		*device = rid;
		return OK;
	}
	for (unsigned i = 0; i < platform.nid_maps; i++) {
		const struct platform_id_map *m = &platform.id_maps[i];

		if (m->segment != segment || rid < m->first || rid - m->first >= m->count)
			continue;
		for (unsigned k = 0; k < nunits; k++)
			if (platform.its[k].id == m->its) {
				*u = &units[k];
				*device = m->device + (rid - m->first);
				return OK;
			}
	}
	return E_UNSUPPORTED;
}

static err_t device_make(struct its *u, uint32_t id, struct its_device **out)
{
	struct its_device *d;
	struct hpa itt;
	err_t e;

	if (id >= u->devices)
		return E_UNSUPPORTED;
	d = pool_alloc(&pool_core, sizeof(*d));
	if (!d)
		return E_NOMEM;
	/* A page holds the table: an entry has at most 16 bytes (12.12.23 ITT_entry_size). */
	_Static_assert((16u << EVENT_BITS) <= PAGE_SIZE, "one page");
	e = page_alloc(&pool_core, 0, PAGE_HOST, &itt);
	if (e == OK && u->clean)
		cache_clean(hal_direct(itt), PAGE_SIZE);
	if (e == OK)
		e = its_command(u, its_mapd(id, EVENT_BITS, itt.v));
	if (e != OK) {
		pool_free(&pool_core, d, sizeof(*d)); /* the page may be known to the service: it stays */
		return e;
	}
	*d = (struct its_device){.next = u->list, .id = id, .events = 1u << EVENT_BITS};
	u->list = d;
	*out = d;
	return OK;
}

static err_t device_get(struct its *u, uint32_t id, struct its_device **out)
{
	for (struct its_device *d = u->list; d; d = d->next)
		if (d->id == id) {
			*out = d;
			return OK;
		}
	return device_make(u, id, out);
}

static err_t event_make(struct its *u, struct its_device *d, const struct percpu *to, hal_irq_fn fn, void *ctx)
{
	unsigned event = d->used, intid;
	err_t e;

	if (d->used == d->events)
		return E_NOMEM;
	e = gic_lpi_take(lpi_limit(), fn, ctx, &intid);
	if (e != OK)
		return e;
	d->used++;
	lpi_configure(intid);
	e = its_command(u, its_mapti(d->id, event, intid, (uint16_t)to->id));
	/* The redistributor forgets what it read of the configuration before. */
	if (e == OK)
		e = its_command(u, its_inv(d->id, event));
	return e == OK ? its_command(u, its_sync(its_target(u, to))) : e;
}

err_t its_msi_alloc(uint32_t requester, unsigned cpu, hal_irq_fn fn, void *ctx, struct hal_msi *out)
{
	struct its_device *d;
	uint32_t device;
	struct its *u;
	err_t e = its_find(requester, &u, &device);

	if (e != OK)
		return e;
	spin_lock(&its_lock);
	e = device_get(u, device, &d);
	if (e == OK)
		e = event_make(u, d, percpu_get(cpu), fn, ctx);
	if (e == OK)
		*out = (struct hal_msi){.address = u->hpa + GITS_TRANSLATER, .data = d->used - 1};
	spin_unlock(&its_lock);
	return e;
}
