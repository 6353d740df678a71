/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's PCI bus: one root bus of up to 32 single-function devices, configuration space by ECAM (and 0xCF8 on a PC), memory BARs that
 * the guest may move, MSI-X. INTx is not offered. Under vm->lock. Source: PCI Local Bus 3.0, PCIe 5.0 7.5 and 7.7.2. */
#ifndef VMM_PCI_BUS_H
#define VMM_PCI_BUS_H
#include <core/err.h>
#include <stdbool.h>
#include <stdint.h>
#include <vmm/bus.h>
#include <vmm/irq.h>

#define PCI_BUS_SLOTS 32
#define PCI_CFG_SIZE 256
#define PCI_MSIX_MAX 16
#define PCI_ECAM_SIZE (1ull << 20) /* one bus */

/* Layout shared by all functions' MSI-X structures inside their BAR 0. */
struct pci_msix_entry { uint64_t address; uint32_t data, control; };

struct pci_fn {
	struct pci_bus *bus;
	uint8_t cfg[PCI_CFG_SIZE];
	uint8_t wmask[PCI_CFG_SIZE];   /* 1: the guest may write this bit */
	uint64_t bar_size;             /* BAR 0, 32-bit memory; power of two, 0: none */
	const struct bus_ops *bar_ops;
	void *bar_ctx;
	uint64_t bar_first;            /* where it is after a reset */
	uint64_t bar_claimed;          /* where it is claimed now, 0: nowhere */
	uint8_t cap_last, cap_end;     /* offset of the last capability, end of all */
	uint8_t msix_cap;
	unsigned msix_count;
	struct pci_msix_entry msix[PCI_MSIX_MAX];
	uint32_t msix_pending;
	/* Device hooks for accesses inside its vendor capabilities; may be NULL. cfg_read is called before the copy is read. */
	void (*cfg_read)(void *ctx, unsigned off, unsigned size);
	void (*cfg_written)(void *ctx, unsigned off, unsigned size);
};
struct pci_bus {
	struct bus *mmio;
	struct msi_sink msi;
	uint64_t window_base, window_size; /* where BARs may lie */
	uint64_t window_next;              /* first free, for the initial placement */
	struct pci_fn *slots[PCI_BUS_SLOTS];
	uint32_t cf8;
};

void pci_bus_init(struct pci_bus *b, struct bus *mmio, struct msi_sink msi, uint64_t window_base, uint64_t window_size);
/* Prepares a function with identity and an optional BAR 0, and plugs it into a slot. E_EXIST, E_LIMIT, E_INVAL. */
struct pci_identity { uint16_t vendor, device, subsys_vendor, subsys; uint32_t class_code; uint8_t revision; };
err_t pci_fn_init(struct pci_fn *f, struct pci_bus *b, unsigned slot, const struct pci_identity *id, uint64_t bar_size,
		  const struct bus_ops *bar_ops, void *bar_ctx) MUST_CHECK;
/* Appends a capability (header written here) of len bytes in all; returns its offset. E_LIMIT. */
err_t pci_fn_add_cap(struct pci_fn *f, uint8_t id, const void *body, unsigned len, uint8_t *off) MUST_CHECK;
err_t pci_fn_add_msix(struct pci_fn *f, unsigned count, uint32_t table_off, uint32_t pba_off) MUST_CHECK;
/* Back to power-on values: command 0, BAR where it was first placed, MSI-X off. */
void pci_fn_reset(struct pci_fn *f);
/* MSI-X table and pending bits, called by the function's BAR handler with offsets into each. */
uint64_t pci_msix_table_read(struct pci_fn *f, uint64_t off, unsigned size);
void pci_msix_table_write(struct pci_fn *f, uint64_t off, unsigned size, uint64_t v);
uint64_t pci_msix_pba_read(struct pci_fn *f, uint64_t off, unsigned size);
void pci_msix_raise(struct pci_fn *f, unsigned vector);

extern const struct bus_ops pci_ecam_ops; /* ctx: struct pci_bus */
extern const struct bus_ops pci_cf8_ops;  /* 8 ports at 0xCF8, ctx: struct pci_bus */

#endif
