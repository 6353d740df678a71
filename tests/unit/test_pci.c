/* SPDX-License-Identifier: Apache-2.0 */
/* PCI enumeration through a scripted configuration space: bridges, BAR sizes, capability lists that loop or lie, MSI. */
#include "../fake/fake.h"
#include "../fake/fake_pci.h"
#include "tap.h"
#include <core/arith.h>
#include <core/pci.h>
#include <string.h>

static struct fake_pci_fn fns[8];

static void scan(unsigned n)
{
	fake_pci_set(fns, n);
	pci_init();
}

static struct fake_pci_fn *put(unsigned i, uint8_t bus, uint8_t dev, uint8_t fn, uint8_t header)
{
	fns[i] = (struct fake_pci_fn){.bus = bus, .devfn = (uint8_t)(dev << 3 | fn)};
	fake_pci_describe(&fns[i], 0x1234, (uint16_t)(0x1000 + i), 0x020000, header);
	return &fns[i];
}

static void bridge_to(struct fake_pci_fn *f, uint8_t secondary)
{
	put_le32(f->cfg + 8, 0x060400u << 8);
	f->cfg[0x18] = f->bus;
	f->cfg[0x19] = f->cfg[0x1a] = secondary;
}

static void test_tree(void)
{
	put(0, 0, 0, 0, 0);
	bridge_to(put(1, 0, 1, 0, 1), 2);
	put(2, 2, 0, 0, 0x80);
	put(3, 2, 0, 5, 0);
	put(4, 2, 3, 1, 0);                /* function 1 without function 0: is not there */
	put(5, 0x40, 7, 0, 0);             /* behind a host bridge of its own */
	bridge_to(put(6, 0x40, 8, 0, 1), 0); /* claims to lead upwards */
	scan(7);
	ok_eq(pci_count(), 6, "functions found");
	ok(pci_get(2)->bus == 2 && pci_get(3)->fn == 5, "behind the bridge");
	ok_eq(pci_get(4)->bus, 0x40, "on a further root bus");
	ok(pci_get(6) == NULL, "no more");
	pci_enable(pci_get(3));
	ok_eq(get_le16(fns[3].cfg + 4), 0x407, "enabled: I/O, memory, bus master, no INTx");
	ok(get_le16(fns[1].cfg + 4) == 7 && get_le16(fns[6].cfg + 4) == 0, "the bridge above it passes DMA, others are left alone");
	bridge_to(put(1, 0, 1, 0, 1), 2);
	bridge_to(put(2, 2, 0, 0, 1), 2); /* to itself */
	bridge_to(put(3, 2, 1, 0, 1), 1); /* back */
	scan(4);
	ok_eq(pci_count(), 4, "bridges in a circle end");
}

static void test_bars(void)
{
	struct fake_pci_fn *f = put(0, 0, 2, 0, 0);
	const struct pci_dev *d;

	put_le32(f->cfg + 4, 0x0007);
	put_le32(f->cfg + 0x10, 0xfebc0000);
	f->bar_mask[0] = 0xfffe0000;
	put_le32(f->cfg + 0x14, 0xc001);
	f->bar_mask[1] = 0xffffffc0;
	put_le32(f->cfg + 0x18, 0x0000000c);
	put_le32(f->cfg + 0x1c, 0x00000080);
	f->bar_mask[2] = 0xffffc000;
	f->bar_mask[3] = 0xffffffff;
	put_le32(f->cfg + 0x20, 0xfe001000);
	f->bar_mask[4] = 0xff00f000; /* no device has such a mask */
	scan(1);
	d = pci_get(0);
	ok(d->bars[0].base.v == 0xfebc0000 && d->bars[0].size == 0x20000 && !d->bars[0].io, "32-bit memory BAR");
	ok(d->bars[1].base.v == 0xc000 && d->bars[1].size == 64 && d->bars[1].io, "I/O BAR");
	ok(d->bars[2].base.v == 0x8000000000 && d->bars[2].size == 0x4000 && d->bars[2].is64 && d->bars[2].prefetch, "64-bit BAR");
	ok(d->bars[3].size == 0 && d->bars[5].size == 0, "its upper half and absent ones are none");
	ok(d->bars[4].size == 0, "a size that is no power of two is not believed");
	ok_eq(f->decode_on_sizing, 0, "decoding is off while sizing");
	ok_eq(get_le16(f->cfg + 4), 7, "and on again");
	ok_eq(get_le32(f->cfg + 0x10), 0xfebc0000, "BARs are restored");
}

static void test_map(void)
{
	struct fake_pci_fn *f = put(0, 0, 2, 0, 0);
	volatile void *map = NULL;
	uint64_t size;
	struct pci_dev *d;

	put_le32(f->cfg + 0x10, 0x01000000);
	f->bar_mask[0] = 0xfffff000;
	put_le32(f->cfg + 0x14, 0xc001);
	f->bar_mask[1] = 0xfffffff1;
	f->bar_mask[2] = 0xfffff000; /* unassigned */
	put_le32(f->cfg + 0x1c, 0x80000000);
	f->bar_mask[3] = 0x80000000; /* 2 GiB */
	scan(1);
	d = pci_get(0);
	ok(pci_map_bar(d, 0, &map, &size) == E_CORRUPT && !map, "a BAR over RAM is not mapped");
	ok(pci_map_bar(d, 1, &map, &size) == E_UNSUPPORTED, "nor an I/O BAR");
	ok(pci_map_bar(d, 2, &map, &size) == E_NOENT, "nor one without an address");
	ok(pci_map_bar(d, 3, &map, &size) == E_RANGE, "nor one of 2 GiB");
	ok(pci_map_bar(d, 6, &map, &size) == E_INVAL, "nor the seventh");
}

static void test_caps(void)
{
	struct fake_pci_fn *f = put(0, 0, 0, 0, 0);
	const struct pci_dev *d;

	fake_pci_cap(f, 0x40, 9, 0x50, true);
	fake_pci_cap(f, 0x50, 5, 0x62, false);
	fake_pci_cap(f, 0x60, 9, 0, false);
	scan(1);
	d = pci_get(0);
	ok_eq(pci_find_cap(d, 9, 0), 0x40, "from the head");
	ok_eq(pci_find_cap(d, 9, 0x50), 0x60, "going on; low bits of a link are ignored");
	ok_eq(pci_find_cap(d, 7, 0), 0, "none");
	ok_eq(d->msi_cap, 0x50, "MSI is remembered");
	fake_pci_cap(f, 0x60, 9, 0x40, false);
	ok_eq(pci_find_cap(d, 7, 0), 0, "a loop ends");
	fake_pci_cap(f, 0x50, 5, 0x50, false);
	ok_eq(pci_find_cap(d, 7, 0), 0, "so does a capability that links to itself");
	fake_pci_cap(f, 0x50, 5, 0x04, false);
	ok_eq(pci_find_cap(d, 7, 0), 0, "and a link into the header");
	f->cfg[6] = 0;
	ok_eq(pci_find_cap(d, 9, 0), 0, "no list, no capability");
	ok_eq(pci_read(d, 254, 4), 0xffffffff, "reads past the space are all ones");
	ok_eq(pci_read(d, 1, 2), 0xffffffff, "and unaligned ones");
	ok_eq(pci_read(d, 0, 3), 0xffffffff, "and odd sizes");
}

static void test_msix_lies(void)
{
	struct fake_pci_fn *f = put(0, 0, 0, 0, 0);

	put_le32(f->cfg + 0x10, 0xfeb00000);
	f->bar_mask[0] = 0xfffff000;
	fake_pci_cap(f, 0x40, 0x11, 0, true);
	put_le16(f->cfg + 0x42, 0x7ff);
	put_le32(f->cfg + 0x44, 0xff0);
	scan(1);
	ok_eq(pci_get(0)->msix_count, 2048, "entries claimed");
	ok(pci_irq_setup(pci_get(0), 2048, 0, NULL, NULL) == E_UNSUPPORTED, "an entry that is not there");
	put_le32(f->cfg + 0x44, 0x7);
	ok(pci_irq_setup(pci_get(0), 0, 0, NULL, NULL) == E_INVAL, "a table in no BAR");
	put_le32(f->cfg + 0x44, 0x3);
	ok(pci_irq_setup(pci_get(0), 0, 0, NULL, NULL) != OK, "a table in an absent BAR");
	ok(pci_get(0)->msix_table == NULL, "none of them is used");
}

static void test_none(void)
{
	fake_pci_set(NULL, 0);
	pci_init();
	ok(pci_count() == 0 && pci_get(0) == NULL, "a machine without PCI");
}

static unsigned probes;
static err_t probe_other(struct pci_dev *d) { (void)d; return E_UNSUPPORTED; }
static err_t probe_take(struct pci_dev *d) { probes += d->device == 0x1000; return OK; }
static err_t probe_late(struct pci_dev *d) { (void)d; probes += 100; return OK; }

static void test_probe(void)
{
	static const struct pci_driver a = {"a", probe_other}, b = {"b", probe_take}, c = {"c", probe_late};
	static const struct pci_driver *const table[] = {&a, &b, &c};

	put(0, 0, 0, 0, 0);
	scan(1);
	pci_probe(table, 3);
	ok_eq(probes, 1, "each device goes to the first driver that takes it");
}

int main(void)
{
	fake_init(16 * MIB, 1);
	test_tree();
	test_bars();
	test_caps();
	test_probe();
	test_none();
	test_map();
	test_msix_lies();
	return tap_done();
}
