/* SPDX-License-Identifier: Apache-2.0 */
/* Message-signalled interrupts of PCI functions: MSI-X (PCI 3.0, 6.8.2), MSI (6.8.1), and the old interrupt line.
 * Boot CPU. The table's place and size are the device's word and checked against its BAR. */
#include <core/arith.h>
#include <core/log.h>
#include <core/mmio.h>
#include <core/pci.h>

enum { CFG_COMMAND = 0x04, CMD_INTX_OFF = 1 << 10 };
enum { MSIX_CONTROL = 2, MSIX_TABLE = 4, MSIX_ENABLE = 1 << 15, MSIX_MASK_ALL = 1 << 14 };
enum { MSIX_ENTRY = 16, ENTRY_ADDR = 0, ENTRY_ADDR_HI = 4, ENTRY_DATA = 8, ENTRY_CONTROL = 12, ENTRY_MASKED = 1 };
enum { MSI_CONTROL = 2, MSI_ADDR = 4, MSI_ENABLE = 1, MSI_MME = 7 << 4, MSI_64 = 1 << 7, MSI_MASKABLE = 1 << 8 };

/* What the function's messages say of their sender (PCIe 5.0, 2.2.6.2), with its segment above. */
static uint32_t pci_requester(const struct pci_dev *d)
{
	return (uint32_t)d->segment << 16 | (uint32_t)d->bus << 8 | (uint32_t)d->dev << 3 | d->fn;
}

/* Maps the table and switches MSI-X on with every entry masked. */
static err_t msix_open(struct pci_dev *d)
{
	uint32_t where = pci_read(d, d->msix_cap + MSIX_TABLE, 4), control;
	uint64_t size = 0, off = where & ~7u;
	volatile void *bar;
	err_t e;

	e = pci_map_bar(d, where & 7, &bar, &size);
	if (e != OK)
		return e;
	if (!range_within(off, (uint64_t)d->msix_count * MSIX_ENTRY, size))
		return E_CORRUPT;
	d->msix_table = (volatile uint32_t *)((volatile uint8_t *)bar + off);
	control = pci_read(d, d->msix_cap + MSIX_CONTROL, 2);
	pci_write(d, d->msix_cap + MSIX_CONTROL, 2, control | MSIX_ENABLE | MSIX_MASK_ALL);
	for (unsigned i = 0; i < d->msix_count; i++)
		mmio_write32(d->msix_table, (size_t)i * MSIX_ENTRY + ENTRY_CONTROL, ENTRY_MASKED);
	pci_write(d, d->msix_cap + MSIX_CONTROL, 2, (control | MSIX_ENABLE) & ~(uint32_t)MSIX_MASK_ALL);
	return OK;
}

static err_t msix_setup(struct pci_dev *d, unsigned index, unsigned cpu, hal_irq_fn fn, void *ctx)
{
	size_t at = (size_t)index * MSIX_ENTRY;
	struct hal_msi msi;
	err_t e;

	if (index >= d->msix_count)
		return E_UNSUPPORTED;
	if (!d->msix_table) {
		e = msix_open(d);
		if (e != OK)
			return e;
	}
	e = hal_msi_alloc(pci_requester(d), cpu, fn, ctx, &msi);
	if (e != OK)
		return e;
	mmio_write32(d->msix_table, at + ENTRY_ADDR, (uint32_t)msi.address);
	mmio_write32(d->msix_table, at + ENTRY_ADDR_HI, (uint32_t)(msi.address >> 32));
	mmio_write32(d->msix_table, at + ENTRY_DATA, msi.data);
	mmio_write32(d->msix_table, at + ENTRY_CONTROL, 0);
	return OK;
}

err_t pci_msi_setup(struct pci_dev *d, unsigned cpu, hal_irq_fn fn, void *ctx)
{
	uint32_t control;
	struct hal_msi msi;
	unsigned data;
	err_t e;

	if (!d->msi_cap)
		return E_UNSUPPORTED;
	control = pci_read(d, d->msi_cap + MSI_CONTROL, 2);
	data = d->msi_cap + (control & MSI_64 ? 12u : 8u);
	if (data + 2 > 256)
		return E_CORRUPT;
	e = hal_msi_alloc(pci_requester(d), cpu, fn, ctx, &msi);
	if (e != OK)
		return e;
	if (msi.address >> 32 && !(control & MSI_64))
		return E_UNSUPPORTED;
	pci_write(d, d->msi_cap + MSI_ADDR, 4, (uint32_t)msi.address);
	if (control & MSI_64)
		pci_write(d, d->msi_cap + MSI_ADDR + 4, 4, (uint32_t)(msi.address >> 32));
	pci_write(d, data, 2, msi.data & 0xffff);
	if ((control & MSI_MASKABLE) && data + 8 <= 256)
		pci_write(d, data + 4, 4, 0);
	pci_write(d, d->msi_cap + MSI_CONTROL, 2, (control & ~(uint32_t)MSI_MME) | MSI_ENABLE);
	return OK;
}

err_t pci_irq_setup(struct pci_dev *d, unsigned index, unsigned cpu, hal_irq_fn fn, void *ctx)
{
	if (d->msix_cap && d->msix_cap + 12u <= 256)
		return msix_setup(d, index, cpu, fn, ctx);
	if (index != 0)
		return E_UNSUPPORTED;
	return pci_msi_setup(d, cpu, fn, ctx);
}

err_t pci_intx_setup(struct pci_dev *d, hal_irq_fn fn, void *ctx)
{
	err_t e;

	if (d->irq_line == 0 || d->irq_line >= 0xf0) /* 0xff: not connected (PCI 3.0, 6.2.4) */
		return E_NOENT;
	e = hal_gsi_route(d->irq_line, fn, ctx);
	if (e != OK)
		return e;
	pci_write(d, CFG_COMMAND, 2, pci_read(d, CFG_COMMAND, 2) & ~(uint32_t)CMD_INTX_OFF);
	return OK;
}
