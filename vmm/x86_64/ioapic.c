/* SPDX-License-Identifier: Apache-2.0 */
/* IOAPIC of a guest: 24 pins, edge and level with remote IRR, delivery as messages to the LAPICs. Under vm->lock on any CPU; all
 * registers are hostile input, and a pin programmed with nonsense is counted as a spurious message and delivers nothing.
 * Facts: 82093AA data sheet; SDM 3A 11.8.5 for the EOI broadcast. Knows no device. */
#include <core/arith.h>
#include <core/page.h>
#include <vmm/vm.h>
#include <vmm/x86_64/ioapic.h>
#include <vmm/x86_64/lapic.h>

enum { OFF_SELECT = 0x00, OFF_WINDOW = 0x10, OFF_EOI = 0x40 };
enum { REG_ID = 0, REG_VERSION = 1, REG_ARB = 2, REG_REDIR = 0x10 };
#define VERSION (0x20u | (IOAPIC_PINS - 1) << 16) /* 0x20: with the EOI register */

#define REDIR_VECTOR 0xffull
#define REDIR_MODE_SHIFT 8
#define REDIR_LOGICAL (1ull << 11)
#define REDIR_REMOTE_IRR (1ull << 14)
#define REDIR_LEVEL (1ull << 15)
#define REDIR_MASKED (1ull << 16)
#define REDIR_DEST_SHIFT 56
#define REDIR_WRITABLE 0xff0000000001afffull /* all but status, remote IRR and reserved bits */
enum { MODE_FIXED = 0, MODE_LOWEST = 1 };

struct ioapic {
	struct vm *vm;
	uint32_t id, select, level;
	uint64_t redir[IOAPIC_PINS];
};

static struct ioapic *ioapic_of(const struct vm *vm)
{
	return vm->irqchip;
}

/* Sends the pin's message, in the form of SDM 3A 11.11. */
static void pin_send(struct ioapic *io, unsigned pin)
{
	uint64_t e = io->redir[pin];
	unsigned mode = (e >> REDIR_MODE_SHIFT) & 7;
	bool level = (e & REDIR_LEVEL) && (mode == MODE_FIXED || mode == MODE_LOWEST);
	uint64_t address = LAPIC_DEFAULT_BASE | (e >> REDIR_DEST_SHIFT) << 12 | (e & REDIR_LOGICAL ? 4 : 0);

	if (level)
		io->redir[pin] |= REDIR_REMOTE_IRR;
	lapic_deliver_msi(io->vm, address, (uint32_t)(e & 0x7ff) | 1u << 14 | (level ? 1u << 15 : 0));
}

/* A level pin asks again whenever it is up, open and not in service. */
static void pin_check_level(struct ioapic *io, unsigned pin)
{
	if ((io->level & (1u << pin)) && (io->redir[pin] & (REDIR_LEVEL | REDIR_MASKED | REDIR_REMOTE_IRR)) == REDIR_LEVEL)
		pin_send(io, pin);
}

void ioapic_set(struct vm *vm, unsigned pin, bool level)
{
	struct ioapic *io = ioapic_of(vm);
	uint32_t bit;
	bool rose;

	if (!io || pin >= IOAPIC_PINS)
		return;
	bit = 1u << pin;
	rose = level && !(io->level & bit);
	io->level = level ? io->level | bit : io->level & ~bit;
	if (io->redir[pin] & REDIR_LEVEL)
		pin_check_level(io, pin);
	else if (rose && !(io->redir[pin] & REDIR_MASKED))
		pin_send(io, pin); /* an edge on a masked pin is lost */
}

static void line_set(void *ctx, unsigned line, bool level)
{
	ioapic_set(ctx, line, level);
}

struct irq_line ioapic_line(struct vm *vm, unsigned pin)
{
	return (struct irq_line){ .set = line_set, .ctx = vm, .line = pin };
}

void ioapic_eoi(struct vm *vm, uint8_t vector)
{
	struct ioapic *io = ioapic_of(vm);

	if (!io)
		return;
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		if (!(io->redir[pin] & REDIR_REMOTE_IRR) || (io->redir[pin] & REDIR_VECTOR) != vector)
			continue;
		io->redir[pin] &= ~REDIR_REMOTE_IRR;
		pin_check_level(io, pin);
	}
}

/* ---- registers ---- */

static uint32_t window_read(const struct ioapic *io)
{
	unsigned i = io->select - REG_REDIR;

	switch (io->select) {
	case REG_ID:
	case REG_ARB:
		return io->id << 24;
	case REG_VERSION:
		return VERSION;
	default:
		if (io->select < REG_REDIR || i / 2 >= IOAPIC_PINS)
			return 0;
		return (uint32_t)(i % 2 ? io->redir[i / 2] >> 32 : io->redir[i / 2]);
	}
}

static void redir_write(struct ioapic *io, unsigned pin, bool high, uint32_t v)
{
	uint64_t old = io->redir[pin], e;

	e = high ? (old & 0xffffffff) | (uint64_t)v << 32 : (old & ~0xffffffffull) | v;
	e = (e & REDIR_WRITABLE) | (old & REDIR_REMOTE_IRR);
	if (!(e & REDIR_LEVEL))
		e &= ~REDIR_REMOTE_IRR; /* edge has none: how old drivers end a stuck one */
	io->redir[pin] = e;
	pin_check_level(io, pin);
}

static void window_write(struct ioapic *io, uint32_t v)
{
	unsigned i = io->select - REG_REDIR;

	if (io->select == REG_ID)
		io->id = (v >> 24) & 0xf;
	else if (io->select >= REG_REDIR && i / 2 < IOAPIC_PINS)
		redir_write(io, i / 2, i % 2, v);
}

static uint64_t mmio_read(void *ctx, uint64_t off, unsigned size)
{
	const struct ioapic *io = ctx;

	(void)size; /* the bus cuts the value to the access */
	switch (off) {
	case OFF_SELECT:
		return io->select;
	case OFF_WINDOW:
		return window_read(io);
	default:
		return 0;
	}
}

static void mmio_write(void *ctx, uint64_t off, unsigned size, uint64_t v)
{
	struct ioapic *io = ctx;

	if (off == OFF_SELECT)
		io->select = (uint32_t)v & 0xff;
	else if (off == OFF_WINDOW && size >= 4)
		window_write(io, (uint32_t)v);
	else if (off == OFF_EOI)
		ioapic_eoi(io->vm, (uint8_t)v);
}

static const struct bus_ops ioapic_ops = { .read = mmio_read, .write = mmio_write };

/* ---- life ---- */

err_t ioapic_create(struct vm *vm)
{
	struct ioapic *io = pool_alloc(&vm->pool, sizeof *io);
	err_t err;

	if (!io)
		return E_NOMEM;
	io->vm = vm;
	err = bus_claim(&vm->mmio, IOAPIC_BASE, IOAPIC_SIZE, &ioapic_ops, io, "ioapic");
	if (err != OK) {
		pool_free(&vm->pool, io, sizeof *io);
		return err;
	}
	vm->irqchip = io;
	ioapic_reset(vm);
	return OK;
}

void ioapic_destroy(struct vm *vm)
{
	struct ioapic *io = ioapic_of(vm);

	if (!io)
		return;
	bus_unclaim(&vm->mmio, io, "ioapic");
	vm->irqchip = NULL;
	pool_free(&vm->pool, io, sizeof *io);
}

void ioapic_reset(struct vm *vm)
{
	struct ioapic *io = ioapic_of(vm);

	io->id = io->select = 0;
	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		io->redir[i] = REDIR_MASKED;
}

void ioapic_save(const struct vm *vm, struct ioapic_state *out)
{
	const struct ioapic *io = ioapic_of(vm);
	struct ioapic_state s = { .version = IOAPIC_STATE_VERSION, .id = io->id, .select = io->select, .level = io->level };

	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		s.redir[i] = io->redir[i];
	*out = s;
}

err_t ioapic_load(struct vm *vm, const struct ioapic_state *in)
{
	struct ioapic *io = ioapic_of(vm);

	if (in->version != IOAPIC_STATE_VERSION || in->id > 0xf || in->select > 0xff || in->level >> IOAPIC_PINS)
		return E_CORRUPT;
	for (unsigned i = 0; i < IOAPIC_PINS; i++) {
		if (in->redir[i] & ~(REDIR_WRITABLE | REDIR_REMOTE_IRR))
			return E_CORRUPT;
		if ((in->redir[i] & REDIR_REMOTE_IRR) && !(in->redir[i] & REDIR_LEVEL))
			return E_CORRUPT;
	}
	io->id = in->id;
	io->select = in->select;
	io->level = in->level;
	for (unsigned i = 0; i < IOAPIC_PINS; i++)
		io->redir[i] = in->redir[i];
	return OK;
}
