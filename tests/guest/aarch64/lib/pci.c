/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration space by ECAM (PCIe 5.0 7.2.2). */
#include "guest.h"
#include "../../lib/virtio.h"

static uint64_t at(unsigned slot, unsigned reg)
{
	return ECAM + ((uint64_t)slot << 15) + reg;
}

uint32_t pci_read32(unsigned slot, unsigned reg) { return read32(at(slot, reg & ~3u)); }
uint16_t pci_read16(unsigned slot, unsigned reg) { return read16(at(slot, reg & ~1u)); }
uint8_t pci_read8(unsigned slot, unsigned reg) { return read8(at(slot, reg)); }
void pci_write32(unsigned slot, unsigned reg, uint32_t v) { write32(at(slot, reg & ~3u), v); }
void pci_write16(unsigned slot, unsigned reg, uint16_t v) { write16(at(slot, reg & ~1u), v); }
