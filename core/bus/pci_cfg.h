/* SPDX-License-Identifier: Apache-2.0 */
/* Ways into PCI configuration space, inside of core/bus and the machine layer. Boot CPU for set-up, any CPU afterwards. */
#ifndef CORE_BUS_PCI_CFG_H
#define CORE_BUS_PCI_CFG_H
#include <stdbool.h>
#include <stdint.h>

/* A function's address: devfn is device << 3 | function. */
struct pci_addr { uint16_t segment; uint8_t bus, devfn; };

struct pci_cfg_ops {
	unsigned space; /* bytes that each function has here: 256 or 4096 */
	/* off is a multiple of size (1, 2, 4) and off + size <= space. Nobody there reads as all ones. */
	uint32_t (*read)(struct pci_addr a, unsigned off, unsigned size);
	void (*write)(struct pci_addr a, unsigned off, unsigned size, uint32_t v);
};

/* The machine's own way to segment 0 (PC: ports 0xCF8/0xCFC); NULL when it has none. Machine layer or tests/fake. */
const struct pci_cfg_ops *pci_cfg_arch(void);

/* Memory-mapped configuration space by ACPI's MCFG, else by a device tree. Init reads the tables; returns the number of windows. */
#define PCI_ECAM_MAX 8
struct pci_ecam_window { uint16_t segment; uint8_t first_bus, last_bus; };
unsigned pci_ecam_init(void);
/* pci_ecam_fdt.c: calls add for each window of the device tree; base is bus 0's. */
typedef void (*pci_ecam_fn)(uint64_t base, uint16_t segment, uint8_t first, uint8_t last);
void pci_ecam_from_fdt(pci_ecam_fn add);
const struct pci_ecam_window *pci_ecam_window(unsigned i);
/* Ops for the window that has this bus, NULL when none has. */
const struct pci_cfg_ops *pci_ecam_for(struct pci_addr a);
/* Forgets the windows of a segment (they gave wrong answers). */
void pci_ecam_drop(uint16_t segment);

/* The dispatcher: ECAM where there is a window, else the machine's way for segment 0. Any off and size are safe. */
uint32_t pci_cfg_read(struct pci_addr a, unsigned off, unsigned size);
void pci_cfg_write(struct pci_addr a, unsigned off, unsigned size, uint32_t v);

/* Fills d->bars of a type 0 or type 1 header, decoding switched off meanwhile (pci_bar.c). */
struct pci_dev;
void pci_size_bars(struct pci_dev *d, unsigned nbars);
/* Does [base, base+size) touch memory that the firmware reported as RAM? */
bool pci_overlaps_ram(uint64_t base, uint64_t size);

#endif
