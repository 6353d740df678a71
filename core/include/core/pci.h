/* SPDX-License-Identifier: Apache-2.0 */
/* PCI devices of the machine: enumeration, configuration space (ECAM or 0xCF8), BARs, MSI-X. CPU 0 at boot. */
#ifndef CORE_PCI_H
#define CORE_PCI_H
#include <core/addr.h>
#include <core/err.h>
#include <core/hal.h>
#include <stdbool.h>
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

/* For messages: log_info("x", PCI_FMT " is odd", PCI_ARGS(d)). */
#define PCI_FMT "%04x:%02x:%02x.%x"
#define PCI_ARGS(d) (d)->segment, (d)->bus, (d)->dev, (d)->fn

/* off must be a multiple of size (1, 2, 4); outside of the function's space reads are all ones, writes are lost. */
uint32_t pci_read(const struct pci_dev *d, unsigned off, unsigned size);
void pci_write(const struct pci_dev *d, unsigned off, unsigned size, uint32_t v);
/* Offset of capability id at or after start (0: from the head), 0 when none. Bounded walk. A found capability at
 * offset c has at least 4 bytes below 256; start = the byte at c + 1 goes on behind it (0: that was the last). */
unsigned pci_find_cap(const struct pci_dev *d, uint8_t id, unsigned start);
/* Maps a memory BAR, uncached. E_INVAL: no such BAR; E_UNSUPPORTED: port space; E_NOENT: the firmware gave it no
 * address; E_CORRUPT: it lies over RAM; E_RANGE: too big; E_NOMEM. */
err_t pci_map_bar(struct pci_dev *d, unsigned bar, volatile void **out, uint64_t *size) MUST_CHECK;
void pci_enable(struct pci_dev *d); /* power state D0; memory, I/O, bus master, also of the bridges above; INTx off */
/* Takes away bus mastering: a device that broke its protocol can no longer write memory. */
void pci_disable_dma(struct pci_dev *d);
/* Programs MSI-X entry (or MSI when index is 0 and there is no MSI-X). E_UNSUPPORTED, E_NOMEM. */
err_t pci_irq_setup(struct pci_dev *d, unsigned index, unsigned cpu, hal_irq_fn fn, void *ctx) MUST_CHECK;
/* The same for a device that is driven by plain MSI although it has MSI-X. E_UNSUPPORTED, E_NOMEM. */
err_t pci_msi_setup(struct pci_dev *d, unsigned cpu, hal_irq_fn fn, void *ctx) MUST_CHECK;
/* INTx by the interrupt line that the firmware left; fn runs on CPU 0 and must quiet the device. E_NOENT, E_NOMEM. */
err_t pci_intx_setup(struct pci_dev *d, hal_irq_fn fn, void *ctx) MUST_CHECK;

/* A driver: probe returns OK when it took the device, E_UNSUPPORTED when it is not its own. */
struct pci_driver { const char *name; err_t (*probe)(struct pci_dev *d); };
/* All drivers of this build (core/drv/drivers.c). */
extern const struct pci_driver *const core_drivers[];
extern const unsigned core_ndrivers;
/* Enumerates all segments and buses: after acpi_init, page_init and hal_init (the clock must run). */
void pci_init(void);
/* Offers each device to each driver of the table: CPU 0, after loop_init(0), for drivers set timers and post work. */
void pci_probe(const struct pci_driver *const *drivers, unsigned n);
unsigned pci_count(void);
struct pci_dev *pci_get(unsigned i);

#endif
