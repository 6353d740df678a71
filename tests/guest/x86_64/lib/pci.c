/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration space by 0xCF8 and 0xCFC (PCI 3.0 3.2.2.3.2). */
#include "guest.h"
#include "../../lib/virtio.h"

static void pci_select(unsigned slot, unsigned reg)
{
	outl(0xcf8, 0x80000000u | slot << 11 | (reg & 0xfc));
}

uint32_t pci_read32(unsigned slot, unsigned reg)
{
	pci_select(slot, reg);
	return inl(0xcfc);
}

uint16_t pci_read16(unsigned slot, unsigned reg)
{
	pci_select(slot, reg);
	return inw((uint16_t)(0xcfc + (reg & 2)));
}

uint8_t pci_read8(unsigned slot, unsigned reg)
{
	pci_select(slot, reg);
	return inb((uint16_t)(0xcfc + (reg & 3)));
}

void pci_write32(unsigned slot, unsigned reg, uint32_t v)
{
	pci_select(slot, reg);
	outl(0xcfc, v);
}

void pci_write16(unsigned slot, unsigned reg, uint16_t v)
{
	pci_select(slot, reg);
	outw((uint16_t)(0xcfc + (reg & 2)), v);
}
