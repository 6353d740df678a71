/* SPDX-License-Identifier: Apache-2.0 */
/* The PCI configuration space of tests, behind pci_cfg_arch. Host only; must not know what is being tested. */
#include "fake_pci.h"
#include "../../core/bus/pci_cfg.h"
#include <core/arith.h>
#include <string.h>

static struct fake_pci_fn *fake_fns;
static unsigned fake_nfns, fake_count;

void fake_pci_set(struct fake_pci_fn *fns, unsigned n)
{
	fake_fns = fns;
	fake_nfns = n;
	fake_count = 0;
}

unsigned fake_pci_accesses(void)
{
	return fake_count;
}

void fake_pci_describe(struct fake_pci_fn *f, uint16_t vendor, uint16_t device, uint32_t class_code, uint8_t header)
{
	put_le16(f->cfg, vendor);
	put_le16(f->cfg + 2, device);
	put_le32(f->cfg + 8, class_code << 8);
	f->cfg[14] = header;
}

void fake_pci_cap(struct fake_pci_fn *f, uint8_t at, uint8_t id, uint8_t next, bool first)
{
	f->cfg[6] |= 0x10;
	if (first)
		f->cfg[0x34] = at;
	f->cfg[at] = id;
	f->cfg[at + 1] = next;
}

static struct fake_pci_fn *fake_find(struct pci_addr a)
{
	fake_count++;
	for (unsigned i = 0; i < fake_nfns; i++)
		if (a.segment == 0 && fake_fns[i].bus == a.bus && fake_fns[i].devfn == a.devfn)
			return &fake_fns[i];
	return NULL;
}

static uint32_t fake_read(struct pci_addr a, unsigned off, unsigned size)
{
	struct fake_pci_fn *f = fake_find(a);
	uint32_t v = UINT32_MAX;

	if (f) {
		v = 0;
		memcpy(&v, f->cfg + off, size);
	}
	return v;
}

static void fake_write(struct pci_addr a, unsigned off, unsigned size, uint32_t v)
{
	struct fake_pci_fn *f = fake_find(a);

	if (!f)
		return;
	if (off >= 0x10 && off < 0x28 && size == 4) {
		unsigned i = (off - 0x10) / 4;
		bool high = i > 0 && (get_le32(f->cfg + off - 4) & 7) == 4 && !(get_le32(f->cfg + off - 4) & 1);
		uint32_t type = high ? 0 : get_le32(f->cfg + off) & (get_le32(f->cfg + off) & 1 ? 3 : 15);

		if (v == UINT32_MAX && (f->cfg[4] & 3))
			f->decode_on_sizing++;
		v = f->bar_mask[i] ? (v & f->bar_mask[i]) | type : 0;
	}
	memcpy(f->cfg + off, &v, size);
}

static const struct pci_cfg_ops fake_ops = {.space = 256, .read = fake_read, .write = fake_write};

const struct pci_cfg_ops *pci_cfg_arch(void)
{
	return fake_nfns ? &fake_ops : NULL;
}
