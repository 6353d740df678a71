/* SPDX-License-Identifier: Apache-2.0 */
/* PCI devices of the machine: enumeration, configuration space (ECAM or 0xCF8), BARs, MSI-X. CPU 0 at boot. */
#ifndef CORE_PCI_H
#define CORE_PCI_H
#include <core/addr.h>
#include <core/err.h>
#include <core/hal.h>
#include <stdint.h>

struct pci_bar { struct hpa base; uint64_t size; bool io, prefetch, is64; };
struct pci_dev {
	uint16_t segment; uint8_t bus, dev, fn;
	uint16_t vendor, device, subsys_vendor, subsys_id;
	uint32_t class_code; /* class << 16 | subclass << 8 | prog-if */
	uint8_t irq_line;
	struct pci_bar bars[6];
	uint16_t msi_cap, msix_cap;   /* offsets or 0 */
	unsigned msix_count;
	volatile uint32_t *msix_table; /* mapped on first use */
};
uint32_t pci_read(const struct pci_dev *d, unsigned off, unsigned size);
void pci_write(const struct pci_dev *d, unsigned off, unsigned size, uint32_t v);
/* Offset of capability id at or after start (0: from the head), 0 when none. Bounded walk. */
unsigned pci_find_cap(const struct pci_dev *d, uint8_t id, unsigned start);
err_t pci_map_bar(struct pci_dev *d, unsigned bar, volatile void **out, uint64_t *size) MUST_CHECK;
void pci_enable(struct pci_dev *d); /* memory, I/O, bus master; INTx off */
/* Programs MSI-X entry (or MSI when index is 0 and there is no MSI-X). E_UNSUPPORTED, E_NOMEM. */
err_t pci_irq_setup(struct pci_dev *d, unsigned index, unsigned cpu, hal_irq_fn fn, void *ctx) MUST_CHECK;

/* A driver: probe returns OK when it took the device, E_UNSUPPORTED when it is not its own. */
struct pci_driver { const char *name; err_t (*probe)(struct pci_dev *d); };
/* Enumerates all segments and buses, then offers each device to each driver of the table. */
void pci_init(void);
void pci_probe(const struct pci_driver *const *drivers, unsigned n);
unsigned pci_count(void);
struct pci_dev *pci_get(unsigned i);

#endif
