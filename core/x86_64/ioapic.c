/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts by wire: the I/O APICs (82093AA data sheet 3.2) and, only to silence them, the 8259s. CPU 0 routes
 * lines to itself; a line may be shared by a few devices, whose handlers then all run. */
#include "ioapic.h"
#include "apic.h"
#include "io.h"
#include "irq.h"
#include "madt.h"
#include "percpu.h"
#include <core/arith.h>
#include <core/hal.h>
#include <core/log.h>
#include <core/spinlock.h>

enum { IOREGSEL = 0x00, IOWIN = 0x10 };
enum { REG_VERSION = 0x01, REG_REDIRECTION = 0x10 };
enum { PORT_ELCR = 0x4d0 }; /* edge/level control of the 8259s, two bytes (Intel ICH data sheets) */
#define PIN_MASKED (1u << 16)
#define PIN_LEVEL (1u << 15)
#define PIN_LOW (1u << 13)
#define MAX_ROUTES 24
#define MAX_SHARED 4

struct ioapic { volatile uint32_t *regs; uint32_t gsi_base, pins; };
struct route { uint32_t gsi; struct irq_slot handlers[MAX_SHARED]; unsigned n; };

static struct ioapic ioapics[MADT_MAX_IOAPICS];
static unsigned nioapics;
static struct route routes[MAX_ROUTES];
static unsigned nroutes;
static struct spinlock routes_lock;

static uint32_t ioapic_read(const struct ioapic *io, unsigned reg)
{
	io->regs[IOREGSEL / 4] = reg;
	return io->regs[IOWIN / 4];
}

static void ioapic_write(const struct ioapic *io, unsigned reg, uint32_t v)
{
	io->regs[IOREGSEL / 4] = reg;
	io->regs[IOWIN / 4] = v;
}

/* The 8259s are moved off the exception vectors, for a spurious interrupt can come through their mask. */
static void pic_silence(void)
{
	static const struct { uint16_t port; uint8_t v; } steps[] = {
		{0x20, 0x11}, {0xa0, 0x11}, {0x21, VECTOR_LEGACY}, {0xa1, VECTOR_LEGACY + 8},
		{0x21, 0x04}, {0xa1, 0x02}, {0x21, 0x01}, {0xa1, 0x01}, {0x21, 0xff}, {0xa1, 0xff},
	};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		io_out8(steps[i].port, steps[i].v);
}

void ioapic_init(void)
{
	pic_silence();
	madt_give_to_pci((uint16_t)(io_in8(PORT_ELCR) | io_in8(PORT_ELCR + 1) << 8));
	for (unsigned i = 0; i < madt.nioapics; i++) {
		struct ioapic *io = &ioapics[nioapics];
		volatile void *regs;

		if (hal_map_device(HPA(madt.ioapics[i].address), 32, HAL_MAP_RW | HAL_MAP_UC, &regs) != OK)
			continue;
		io->regs = (volatile uint32_t *)regs;
		io->gsi_base = madt.ioapics[i].gsi_base;
		io->pins = (ioapic_read(io, REG_VERSION) >> 16 & 0xff) + 1;
		if (io->pins > 240)
			continue; /* all ones: nothing there */
		for (unsigned pin = 0; pin < io->pins; pin++)
			ioapic_write(io, REG_REDIRECTION + 2 * pin, PIN_MASKED);
		nioapics++;
	}
}

static const struct ioapic *ioapic_of(uint32_t gsi)
{
	for (unsigned i = 0; i < nioapics; i++)
		if (gsi >= ioapics[i].gsi_base && gsi - ioapics[i].gsi_base < ioapics[i].pins)
			return &ioapics[i];
	return NULL;
}

static void route_run(void *ctx)
{
	const struct route *r = ctx;

	for (unsigned i = 0; i < __atomic_load_n(&r->n, __ATOMIC_ACQUIRE); i++)
		r->handlers[i].fn(r->handlers[i].ctx);
}

static struct route *route_find(uint32_t gsi)
{
	for (unsigned i = 0; i < nroutes; i++)
		if (routes[i].gsi == gsi)
			return &routes[i];
	return NULL;
}

static err_t route_add_handler(struct route *r, hal_irq_fn fn, void *ctx)
{
	if (r->n == MAX_SHARED)
		return E_NOMEM;
	r->handlers[r->n] = (struct irq_slot){fn, ctx};
	__atomic_store_n(&r->n, r->n + 1, __ATOMIC_RELEASE);
	return OK;
}

static err_t route_create(uint32_t gsi, uint32_t pin_flags, hal_irq_fn fn, void *ctx)
{
	const struct ioapic *io = ioapic_of(gsi);
	struct route *r = &routes[nroutes];
	unsigned vector, reg;
	err_t e;

	if (!io)
		return E_NOENT;
	if (nroutes == MAX_ROUTES)
		return E_NOMEM;
	if (hal_cpu_hwid(0) > 0xff)
		return E_UNSUPPORTED; /* the redirection entry holds eight bits of destination */
	r->gsi = gsi;
	r->n = 0;
	e = route_add_handler(r, fn, ctx);
	if (e != OK)
		return e;
	e = irq_vector_alloc(0, route_run, r, &vector);
	if (e != OK)
		return e;
	nroutes++;
	reg = REG_REDIRECTION + 2 * (gsi - io->gsi_base);
	ioapic_write(io, reg + 1, hal_cpu_hwid(0) << 24);
	ioapic_write(io, reg, pin_flags | vector);
	return OK;
}

err_t hal_gsi_route(unsigned isa_irq, hal_irq_fn fn, void *ctx)
{
	/* Beyond the ISA lines are PCI's: level, active low (PCI 3.0 2.2.6). */
	struct madt_isa line = {.gsi = isa_irq, .level = true, .active_low = true};
	struct route *r;
	err_t e;

	if (!fn)
		return E_INVAL;
	if (isa_irq < MADT_ISA_IRQS)
		line = madt.isa[isa_irq];
	spin_lock(&routes_lock);
	r = route_find(line.gsi);
	e = r ? route_add_handler(r, fn, ctx)
	      : route_create(line.gsi, (line.level ? PIN_LEVEL : 0) | (line.active_low ? PIN_LOW : 0), fn, ctx);
	spin_unlock(&routes_lock);
	return e;
}
