/* SPDX-License-Identifier: Apache-2.0 */
/* MSI-X of a guest PCI function: capability, table, pending bits (PCIe 5.0 7.7.2). Under vm->lock. The address and data are the guest's:
 * the sink judges them. */
#include <core/arith.h>
#include "pci_msix.h"

enum { CAP_ID_MSIX = 0x11, CONTROL_ENABLE = 1u << 15, CONTROL_FUNCTION_MASK = 1u << 14, ENTRY_MASKED = 1 };

err_t pci_fn_add_msix(struct pci_fn *f, unsigned count, uint32_t table_off, uint32_t pba_off)
{
	uint8_t body[12] = {0};
	err_t e;

	if (count == 0 || count > PCI_MSIX_MAX)
		return E_INVAL;
	put_le16(body + 2, (uint16_t)(count - 1));
	put_le32(body + 4, table_off); /* BIR 0 */
	put_le32(body + 8, pba_off);
	e = pci_fn_add_cap(f, CAP_ID_MSIX, body, sizeof(body), &f->msix_cap);
	if (e)
		return e;
	put_le16(f->wmask + f->msix_cap + 2, CONTROL_ENABLE | CONTROL_FUNCTION_MASK);
	f->msix_count = count;
	return OK;
}

static bool msix_deliverable(const struct pci_fn *f, unsigned vector)
{
	uint16_t control = get_le16(f->cfg + f->msix_cap + 2);

	return (control & CONTROL_ENABLE) && !(control & CONTROL_FUNCTION_MASK) && !(f->msix[vector].control & ENTRY_MASKED);
}

void pci_msix_raise(struct pci_fn *f, unsigned vector)
{
	if (vector >= f->msix_count || !(get_le16(f->cfg + f->msix_cap + 2) & CONTROL_ENABLE))
		return;
	f->msix_pending |= 1u << vector;
	pci_msix_flush(f);
}

void pci_msix_flush(struct pci_fn *f)
{
	for (unsigned i = 0; i < f->msix_count; i++) {
		if (!(f->msix_pending >> i & 1) || !msix_deliverable(f, i))
			continue;
		f->msix_pending &= ~(1u << i);
		msi_send(&f->bus->msi, f->msix[i].address, f->msix[i].data);
	}
}

uint64_t pci_msix_table_read(struct pci_fn *f, uint64_t off, unsigned size)
{
	uint64_t v = 0;

	if (!range_within(off, size, f->msix_count * sizeof(f->msix[0])))
		return 0;
	__builtin_memcpy(&v, (const uint8_t *)f->msix + off, size);
	return v;
}

/* Only whole 32- and 64-bit accesses are defined (7.7.2.2); others are dropped. */
void pci_msix_table_write(struct pci_fn *f, uint64_t off, unsigned size, uint64_t v)
{
	if ((size != 4 && size != 8) || !is_aligned(off, size) || !range_within(off, size, f->msix_count * sizeof(f->msix[0])))
		return;
	__builtin_memcpy((uint8_t *)f->msix + off, &v, size);
	pci_msix_flush(f);
}

uint64_t pci_msix_pba_read(struct pci_fn *f, uint64_t off, unsigned size)
{
	return off == 0 && size >= 4 ? f->msix_pending : 0;
}
