/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's PCI bus: configuration space, placement of BARs and the two ways to reach it. Under vm->lock; any CPU. Knows no device:
 * a function brings its BAR handler. A write touches only the bits of the function's write mask. */
#include <core/arith.h>
#include <string.h>
#include <vmm/pci_bus.h>

#include "pci_msix.h"

enum {
	CFG_VENDOR = 0x00, CFG_DEVICE = 0x02, CFG_COMMAND = 0x04, CFG_STATUS = 0x06, CFG_REVISION = 0x08, CFG_BAR0 = 0x10,
	CFG_SUBSYS_VENDOR = 0x2c, CFG_SUBSYS = 0x2e, CFG_CAP_PTR = 0x34, CFG_FIRST_CAP = 0x40,
	COMMAND_IO = 1u << 0, COMMAND_MEMORY = 1u << 1, COMMAND_MASTER = 1u << 2, COMMAND_INTX_OFF = 1u << 10,
	STATUS_CAP_LIST = 1u << 4,
};

void pci_bus_init(struct pci_bus *b, struct bus *mmio, struct msi_sink msi, uint64_t window_base, uint64_t window_size)
{
	memset(b, 0, sizeof(*b));
	b->msi = msi;
	b->windows[PCI_MEMORY] = (struct pci_window){.bus = mmio, .base = window_base, .size = window_size, .next = window_base};
}

void pci_bus_add_io(struct pci_bus *b, struct bus *pio, uint16_t window_base, uint16_t window_size)
{
	b->windows[PCI_IO] = (struct pci_window){.bus = pio, .base = window_base, .size = window_size, .next = window_base};
}

bool pci_bus_has_io(const struct pci_bus *b)
{
	return b->windows[PCI_IO].bus;
}

/* What the spaces differ in (PCI 3.0 6.2.5.1, 6.2.2). */
static const struct { uint32_t type, flags; uint8_t least; uint16_t decode; const char *name; } spaces[PCI_SPACES] = {
	[PCI_MEMORY] = {.type = 0, .flags = 0xf, .least = 16, .decode = COMMAND_MEMORY, .name = "pci-memory"},
	[PCI_IO] = {.type = 1, .flags = 0x3, .least = 4, .decode = COMMAND_IO, .name = "pci-ports"},
};

static unsigned bar_reg(enum pci_space s) { return CFG_BAR0 + 4u * s; }

static err_t pci_fn_add_bar(struct pci_fn *f, enum pci_space s, uint64_t size, const struct bus_ops *ops)
{
	struct pci_window *w = &f->bus->windows[s];
	uint64_t at;

	if (!is_pow2(size) || size < spaces[s].least)
		return E_INVAL;
	at = align_up(w->next, size);
	if (!range_within(at - w->base, size, w->size))
		return E_LIMIT;
	w->next = at + size;
	f->bars[s] = (struct pci_bar){.size = size, .ops = ops, .first = at};
	put_le32(f->cfg + bar_reg(s), (uint32_t)at | spaces[s].type);
	put_le32(f->wmask + bar_reg(s), (uint32_t)~(size - 1));
	f->wmask[CFG_COMMAND] |= (uint8_t)spaces[s].decode;
	return OK;
}

err_t pci_fn_add_io_bar(struct pci_fn *f, uint64_t size, const struct bus_ops *ops)
{
	return pci_fn_add_bar(f, PCI_IO, size, ops);
}

err_t pci_fn_init(struct pci_fn *f, struct pci_bus *b, unsigned slot, const struct pci_identity *id, uint64_t bar_size,
		  const struct bus_ops *bar_ops, void *ctx)
{
	err_t e = OK;

	if (slot >= PCI_BUS_SLOTS)
		return E_LIMIT;
	if (b->slots[slot])
		return E_EXIST;
	memset(f, 0, sizeof(*f));
	f->bus = b;
	f->ctx = ctx;
	put_le16(f->cfg + CFG_VENDOR, id->vendor);
	put_le16(f->cfg + CFG_DEVICE, id->device);
	put_le32(f->cfg + CFG_REVISION, id->class_code << 8 | id->revision);
	put_le16(f->cfg + CFG_SUBSYS_VENDOR, id->subsys_vendor);
	put_le16(f->cfg + CFG_SUBSYS, id->subsys);
	put_le16(f->wmask + CFG_COMMAND, COMMAND_MEMORY | COMMAND_MASTER | COMMAND_INTX_OFF);
	f->wmask[0x0c] = f->wmask[0x3c] = 0xff; /* cache line size, interrupt line: scratch for software */
	if (bar_size)
		e = pci_fn_add_bar(f, PCI_MEMORY, bar_size, bar_ops);
	if (e == OK)
		b->slots[slot] = f;
	return e;
}

err_t pci_fn_add_cap(struct pci_fn *f, uint8_t id, const void *body, unsigned len, uint8_t *off)
{
	unsigned at = f->cap_end ? f->cap_end : CFG_FIRST_CAP;

	if (len < 2 || at + len > PCI_CFG_SIZE)
		return E_LIMIT;
	memcpy(f->cfg + at, body, len);
	f->cfg[at] = id;
	f->cfg[at + 1] = 0;
	f->cfg[f->cap_last ? f->cap_last + 1u : CFG_CAP_PTR] = (uint8_t)at;
	f->cfg[CFG_STATUS] |= STATUS_CAP_LIST;
	f->cap_last = (uint8_t)at;
	f->cap_end = (uint8_t)align_up(at + len, 4);
	*off = (uint8_t)at;
	return OK;
}

/* The rule is at struct pci_window. */
static void pci_fn_place_bar(struct pci_fn *f, enum pci_space s)
{
	const struct pci_window *w = &f->bus->windows[s];
	struct pci_bar *bar = &f->bars[s];
	bool on = get_le16(f->cfg + CFG_COMMAND) & spaces[s].decode;
	uint64_t at = get_le32(f->cfg + bar_reg(s)) & ~spaces[s].flags;

	if (!bar->size)
		return;
	on = on && at >= w->base && range_within(at - w->base, bar->size, w->size);
	if (bar->claimed == (on ? at : 0))
		return;
	if (bar->claimed)
		bus_unclaim(w->bus, f->ctx, spaces[s].name);
	bar->claimed = 0;
	if (on && bus_claim(w->bus, at, bar->size, bar->ops, f->ctx, spaces[s].name) == OK)
		bar->claimed = at;
}

static void pci_fn_place_bars(struct pci_fn *f)
{
	for (enum pci_space s = 0; s < PCI_SPACES; s++)
		pci_fn_place_bar(f, s);
}

void pci_fn_reset(struct pci_fn *f)
{
	for (unsigned i = 0; i < PCI_CFG_SIZE; i++)
		f->cfg[i] &= (uint8_t)~f->wmask[i]; /* all that software can write is zero, ... */
	pci_fn_place_bars(f);
	for (enum pci_space s = 0; s < PCI_SPACES; s++) /* ... but for the addresses, which the machine's firmware would have set */
		if (f->bars[s].size)
			put_le32(f->cfg + bar_reg(s), (uint32_t)f->bars[s].first | spaces[s].type);
	for (unsigned i = 0; i < PCI_MSIX_MAX; i++)
		f->msix[i] = (struct pci_msix_entry){.control = 1};
	f->msix_pending = 0;
}

static uint32_t pci_cfg_read(struct pci_bus *b, unsigned slot, unsigned off, unsigned size)
{
	struct pci_fn *f = slot < PCI_BUS_SLOTS ? b->slots[slot] : NULL;
	uint32_t v = 0;

	if (!f)
		return UINT32_MAX;
	if (off + size > PCI_CFG_SIZE)
		return 0; /* no extended capabilities */
	if (f->cfg_read)
		f->cfg_read(f->ctx, off, size);
	memcpy(&v, f->cfg + off, size);
	return v;
}

static void pci_cfg_write(struct pci_bus *b, unsigned slot, unsigned off, unsigned size, uint32_t v)
{
	struct pci_fn *f = slot < PCI_BUS_SLOTS ? b->slots[slot] : NULL;

	if (!f || off + size > PCI_CFG_SIZE)
		return;
	for (unsigned i = 0; i < size; i++) {
		uint8_t mask = f->wmask[off + i], byte = (uint8_t)(v >> (8 * i));

		f->cfg[off + i] = (uint8_t)((f->cfg[off + i] & ~mask) | (byte & mask));
	}
	pci_fn_place_bars(f);
	if (f->msix_cap)
		pci_msix_flush(f);
	if (f->cfg_written)
		f->cfg_written(f->ctx, off, size);
}

/* ECAM: bus << 20 | device << 15 | function << 12 | register (PCIe 5.0 7.2.2). One bus, function 0 only. */
static uint64_t ecam_read(void *ctx, uint64_t off, unsigned size)
{
	if ((off >> 12) & 7)
		return UINT64_MAX;
	if (size == 8)
		return UINT64_MAX;
	return pci_cfg_read(ctx, (unsigned)(off >> 15), off & 0xfff, size);
}

static void ecam_write(void *ctx, uint64_t off, unsigned size, uint64_t v)
{
	if (!((off >> 12) & 7) && size <= 4)
		pci_cfg_write(ctx, (unsigned)(off >> 15), off & 0xfff, size, (uint32_t)v);
}
const struct bus_ops pci_ecam_ops = {.read = ecam_read, .write = ecam_write};

/* 0xCF8 address, 0xCFC..0xCFF data (PCI 3.0 3.2.2.3.2). Slot number, or PCI_BUS_SLOTS for anything that is not on bus 0, function 0. */
static unsigned cf8_slot(const struct pci_bus *b)
{
	bool ours = (b->cf8 >> 31) && !((b->cf8 >> 16) & 0xff) && !((b->cf8 >> 8) & 7);

	return ours ? (b->cf8 >> 11) & 31 : PCI_BUS_SLOTS;
}

static uint64_t cf8_read(void *ctx, uint64_t off, unsigned size)
{
	struct pci_bus *b = ctx;

	if (off == 0 && size == 4)
		return b->cf8;
	if (off < 4)
		return UINT32_MAX;
	return pci_cfg_read(b, cf8_slot(b), (b->cf8 & 0xfc) + (unsigned)(off & 3), size);
}

static void cf8_write(void *ctx, uint64_t off, unsigned size, uint64_t v)
{
	struct pci_bus *b = ctx;

	if (off == 0 && size == 4)
		b->cf8 = (uint32_t)v & 0x80fffffc;
	else if (off >= 4)
		pci_cfg_write(b, cf8_slot(b), (b->cf8 & 0xfc) + (unsigned)(off & 3), size, (uint32_t)v);
}
const struct bus_ops pci_cf8_ops = {.read = cf8_read, .write = cf8_write};
