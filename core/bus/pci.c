/* SPDX-License-Identifier: Apache-2.0 */
/* PCI enumeration and the list of functions. Boot CPU; afterwards read-only. Buses are numbered as the firmware left
 * them: bridges are followed, and further root buses are looked for. Capability walks and bus numbers come from
 * devices, so every walk is bounded. Knows no driver. */
#include "pci_cfg.h"
#include <core/arith.h>
#include <core/log.h>
#include <core/page.h>
#include <core/pci.h>
#include <string.h>

#define PCI_MAX_DEVS 256
#define CAP_MAX 48 /* a 256-byte space has room for no more (PCI 3.0, 6.7) */

enum { CFG_ID = 0x00, CFG_COMMAND = 0x04, CFG_STATUS = 0x06, CFG_CLASS = 0x08, CFG_HEADER = 0x0e, CFG_SECONDARY = 0x19,
       CFG_SUBORDINATE = 0x1a, CFG_SUBSYS = 0x2c, CFG_CAP = 0x34, CFG_LINE = 0x3c };
enum { CMD_IO = 1, CMD_MEMORY = 2, CMD_MASTER = 4, CMD_INTX_OFF = 1 << 10 };
enum { CAP_ID_PM = 1, CAP_ID_MSI = 5, CAP_ID_MSIX = 0x11 };
enum { PM_CSR = 4, PM_STATE = 3 };
#define PM_D3_WAIT_NS (10 * NS_PER_MS)
#define STATUS_CAPS 0x10u
#define HEADER_MULTI 0x80u
#define CLASS_HOST_BRIDGE 0x0600u

static struct pci_dev *pci_devs[PCI_MAX_DEVS];
static unsigned pci_ndevs;

/* ---- configuration space */

static const struct pci_cfg_ops *cfg_ops(struct pci_addr a)
{
	const struct pci_cfg_ops *ops = pci_ecam_for(a);

	if (ops || a.segment != 0)
		return ops;
	return pci_cfg_arch();
}

static bool cfg_valid(const struct pci_cfg_ops *ops, unsigned off, unsigned size)
{
	return ops && (size == 1 || size == 2 || size == 4) && is_aligned(off, size) && range_within(off, size, ops->space);
}

uint32_t pci_cfg_read(struct pci_addr a, unsigned off, unsigned size)
{
	const struct pci_cfg_ops *ops = cfg_ops(a);

	return cfg_valid(ops, off, size) ? ops->read(a, off, size) : UINT32_MAX;
}

void pci_cfg_write(struct pci_addr a, unsigned off, unsigned size, uint32_t v)
{
	const struct pci_cfg_ops *ops = cfg_ops(a);

	if (cfg_valid(ops, off, size))
		ops->write(a, off, size, v);
}

static struct pci_addr pci_addr_of(const struct pci_dev *d)
{
	return (struct pci_addr){d->segment, d->bus, (uint8_t)(d->dev << 3 | d->fn)};
}

uint32_t pci_read(const struct pci_dev *d, unsigned off, unsigned size)
{
	return pci_cfg_read(pci_addr_of(d), off, size);
}

void pci_write(const struct pci_dev *d, unsigned off, unsigned size, uint32_t v)
{
	pci_cfg_write(pci_addr_of(d), off, size, v);
}

unsigned pci_find_cap(const struct pci_dev *d, uint8_t id, unsigned start)
{
	unsigned at = start;

	if (start == 0) {
		if (!(pci_read(d, CFG_STATUS, 2) & STATUS_CAPS))
			return 0;
		at = pci_read(d, CFG_CAP, 1);
	}
	for (unsigned n = 0; n < CAP_MAX; n++) {
		uint32_t cap;

		at &= ~3u;
		if (at < 0x40 || at > 0xfc)
			return 0;
		cap = pci_read(d, at, 2);
		if ((cap & 0xff) == id)
			return at;
		if ((cap & 0xff) == 0xff)
			return 0;
		at = cap >> 8;
	}
	return 0;
}

/* ---- enumeration */

static void pci_add_caps(struct pci_dev *d)
{
	d->msi_cap = (uint16_t)pci_find_cap(d, CAP_ID_MSI, 0);
	d->msix_cap = (uint16_t)pci_find_cap(d, CAP_ID_MSIX, 0);
	if (d->msix_cap)
		d->msix_count = (pci_read(d, d->msix_cap + 2u, 2) & 0x7ff) + 1;
}

static void pci_add(struct pci_addr a, uint32_t id, uint8_t header)
{
	struct pci_dev *d;

	if (pci_ndevs == PCI_MAX_DEVS || (d = pool_alloc(&pool_core, sizeof(*d))) == NULL) {
		log_warn("pci", "no room for %04x:%02x:%02x.%x", a.segment, a.bus, a.devfn >> 3, a.devfn & 7);
		return;
	}
	d->segment = a.segment;
	d->bus = a.bus;
	d->dev = a.devfn >> 3;
	d->fn = a.devfn & 7;
	d->vendor = (uint16_t)id;
	d->device = (uint16_t)(id >> 16);
	d->class_code = pci_cfg_read(a, CFG_CLASS, 4) >> 8;
	if (header == 0) {
		d->subsys_vendor = (uint16_t)pci_cfg_read(a, CFG_SUBSYS, 2);
		d->subsys_id = (uint16_t)pci_cfg_read(a, CFG_SUBSYS + 2, 2);
	}
	d->irq_line = (uint8_t)pci_cfg_read(a, CFG_LINE, 1);
	/* Host bridges decode memory itself: their BARs are left alone. */
	if (header <= 1 && d->class_code >> 8 != CLASS_HOST_BRIDGE)
		pci_size_bars(d, header == 0 ? 6 : 2);
	pci_add_caps(d);
	pci_devs[pci_ndevs++] = d;
	log_debug("pci", PCI_FMT " %04x:%04x class %06x", PCI_ARGS(d), d->vendor, d->device, d->class_code);
}

struct bus_set { uint64_t bits[4]; };

static bool bus_has(const struct bus_set *s, unsigned bus)
{
	return s->bits[bus / 64] >> (bus % 64) & 1;
}

static void bus_put(struct bus_set *s, unsigned bus)
{
	s->bits[bus / 64] |= 1ull << (bus % 64);
}

/* Adds one function when it is there; returns its header type byte, 0xff when it is not. */
static uint8_t pci_scan_fn(struct pci_addr a, struct bus_set *wanted)
{
	uint32_t id = pci_cfg_read(a, CFG_ID, 4);
	uint8_t header;

	if ((id & 0xffff) == 0xffff || (id & 0xffff) == 0)
		return 0xff;
	header = (uint8_t)pci_cfg_read(a, CFG_HEADER, 1);
	pci_add(a, id, header & 0x7f);
	if ((header & 0x7f) == 1) {
		uint8_t secondary = (uint8_t)pci_cfg_read(a, CFG_SECONDARY, 1);

		if (secondary > a.bus && secondary != 0xff)
			bus_put(wanted, secondary);
	}
	return header;
}

static void pci_scan_bus(uint16_t segment, unsigned bus, struct bus_set *wanted)
{
	for (unsigned dev = 0; dev < 32; dev++) {
		struct pci_addr a = {segment, (uint8_t)bus, (uint8_t)(dev << 3)};
		uint8_t header = pci_scan_fn(a, wanted);

		if (header == 0xff || !(header & HEADER_MULTI))
			continue;
		for (unsigned fn = 1; fn < 8; fn++) {
			a.devfn = (uint8_t)(dev << 3 | fn);
			pci_scan_fn(a, wanted);
		}
	}
}

/* Does any device answer on a bus that no bridge leads to? Segment 0 is asked through the machine's own way where
 * there is one, so that empty buses need not be mapped. */
static bool pci_peer_bus(uint16_t segment, unsigned bus)
{
	const struct pci_cfg_ops *arch = segment == 0 ? pci_cfg_arch() : NULL;

	for (unsigned dev = 0; dev < 32; dev++) {
		struct pci_addr a = {segment, (uint8_t)bus, (uint8_t)(dev << 3)};
		uint32_t id = arch ? arch->read(a, CFG_ID, 4) : pci_cfg_read(a, CFG_ID, 4);

		if ((id & 0xffff) != 0xffff && (id & 0xffff) != 0)
			return true;
	}
	return false;
}

/* A bridge's secondary bus has a higher number than its primary, so one pass in rising order meets every bus after
 * the bridge that leads to it; each bus is scanned at most once whatever the bridges claim. */
static void pci_scan_segment(uint16_t segment, unsigned first, unsigned last)
{
	struct bus_set wanted = {{0}};

	bus_put(&wanted, first);
	for (unsigned bus = first; bus <= last; bus++)
		if (bus_has(&wanted, bus) || pci_peer_bus(segment, bus))
			pci_scan_bus(segment, bus, &wanted);
}

/* A broken MCFG shows itself when both ways disagree about the very first functions. */
static bool pci_ecam_agrees(const struct pci_cfg_ops *arch)
{
	for (unsigned dev = 0; dev < 32; dev++) {
		struct pci_addr a = {0, 0, (uint8_t)(dev << 3)};
		const struct pci_cfg_ops *ecam = pci_ecam_for(a);

		if (ecam && ecam->read(a, CFG_ID, 4) != arch->read(a, CFG_ID, 4))
			return false;
	}
	return true;
}

void pci_init(void)
{
	const struct pci_cfg_ops *arch = pci_cfg_arch();
	bool seg0 = false;

	for (unsigned i = 0; i < pci_ndevs; i++)
		pool_free(&pool_core, pci_devs[i], sizeof(*pci_devs[i]));
	pci_ndevs = 0;
	if (pci_ecam_init() && arch && !pci_ecam_agrees(arch)) {
		log_warn("pci", "MCFG and the configuration ports disagree: using the ports");
		pci_ecam_drop(0);
	}
	for (unsigned i = 0; pci_ecam_window(i); i++) {
		const struct pci_ecam_window *w = pci_ecam_window(i);

		seg0 |= w->segment == 0 && w->first_bus == 0;
		pci_scan_segment(w->segment, w->first_bus, w->last_bus);
	}
	if (!seg0 && arch)
		pci_scan_segment(0, 0, 255);
	log_info("pci", "%u functions, configuration space by %s", pci_ndevs, seg0 ? "ECAM" : arch ? "ports" : "nothing");
}

/* ---- the list */

unsigned pci_count(void)
{
	return pci_ndevs;
}

struct pci_dev *pci_get(unsigned i)
{
	return i < pci_ndevs ? pci_devs[i] : NULL;
}

static void pci_set_command(const struct pci_dev *d, uint32_t bits)
{
	pci_write(d, CFG_COMMAND, 2, pci_read(d, CFG_COMMAND, 2) | bits);
}

/* Bridges above the device must pass its DMA and interrupts up: some firmware takes that from them when it leaves. */
static void pci_enable_bridges(const struct pci_dev *d)
{
	for (unsigned i = 0; i < pci_ndevs; i++) {
		const struct pci_dev *b = pci_devs[i];

		if (b->segment == d->segment && b->bus < d->bus && (pci_read(b, CFG_HEADER, 1) & 0x7f) == 1 &&
		    d->bus >= pci_read(b, CFG_SECONDARY, 1) && d->bus <= pci_read(b, CFG_SUBORDINATE, 1))
			pci_set_command(b, CMD_IO | CMD_MEMORY | CMD_MASTER);
	}
}

void pci_enable(struct pci_dev *d)
{
	unsigned pm = pci_find_cap(d, CAP_ID_PM, 0);
	uint32_t csr = pm && pm + PM_CSR + 2 <= 256 ? pci_read(d, pm + PM_CSR, 2) : 0;

	if (csr & PM_STATE) {
		uint64_t until = hal_clock_ns() + PM_D3_WAIT_NS;

		pci_write(d, pm + PM_CSR, 2, csr & ~(uint32_t)PM_STATE);
		while (hal_clock_ns() < until) /* PCI PM 1.2, 5.4: the function does not answer before */
			arch_relax();
	}
	pci_enable_bridges(d);
	pci_set_command(d, CMD_IO | CMD_MEMORY | CMD_MASTER | CMD_INTX_OFF);
}

void pci_disable_dma(struct pci_dev *d)
{
	pci_write(d, CFG_COMMAND, 2, pci_read(d, CFG_COMMAND, 2) & ~(uint32_t)CMD_MASTER);
}

void pci_probe(const struct pci_driver *const *drivers, unsigned n)
{
	for (unsigned i = 0; i < pci_ndevs; i++) {
		for (unsigned k = 0; k < n; k++) {
			err_t e = drivers[k]->probe(pci_devs[i]);

			if (e == E_UNSUPPORTED)
				continue;
			if (e != OK)
				log_error(drivers[k]->name, PCI_FMT ": %s: device not used", PCI_ARGS(pci_devs[i]), err_name(e));
			break;
		}
	}
}
