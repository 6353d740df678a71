/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's PCI bus: one root bus of up to 32 single-function devices, configuration space by ECAM (and 0xCF8 on a PC), BARs of memory, and
 * of ports where the machine has them, that the guest may move, MSI-X. INTx is not offered. Under vm->lock. Source: PCI Local Bus 3.0, PCIe 5.0 7.5 and 7.7.2. */
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

/* Layout shared by all functions' MSI-X structures inside their BAR of memory. */
struct pci_msix_entry { uint64_t address; uint32_t data, control; };

/* A function has at most one BAR of each space, in the register of that number. */
enum pci_space { PCI_MEMORY, PCI_IO, PCI_SPACES };
struct pci_bar {
	uint64_t size;                 /* power of two, 0: none */
	const struct bus_ops *ops;
	uint64_t first;                /* where it is after a reset */
	uint64_t claimed;              /* where it is claimed now, 0: nowhere */
};

struct pci_fn {
	struct pci_bus *bus;
	uint8_t cfg[PCI_CFG_SIZE];
	uint8_t wmask[PCI_CFG_SIZE];   /* 1: the guest may write this bit */
	struct pci_bar bars[PCI_SPACES];
	void *ctx;                     /* of the BARs' handlers and the hooks below */
	uint8_t cap_last, cap_end;     /* offset of the last capability, end of all */
	uint8_t msix_cap;
	unsigned msix_count;
	struct pci_msix_entry msix[PCI_MSIX_MAX];
	uint32_t msix_pending;
	/* Device hooks for accesses inside its vendor capabilities; may be NULL. cfg_read is called before the copy is read. */
	void (*cfg_read)(void *ctx, unsigned off, unsigned size);
	void (*cfg_written)(void *ctx, unsigned off, unsigned size);
};
/* Where BARs of a space may lie. A BAR is claimed while its space is decoded (command register) and all of it lies in the window: the guest cannot
 * put one over what the machine has elsewhere. In the window whoever was there first stays; the other is nowhere until it is moved away. */
struct pci_window {
	struct bus *bus;   /* NULL: the machine has no such space */
	uint64_t base, size;
	uint64_t next;     /* first free, for the initial placement */
};
struct pci_bus {
	struct msi_sink msi;
	struct pci_window windows[PCI_SPACES];
	struct pci_fn *slots[PCI_BUS_SLOTS];
	uint32_t cf8;
};

void pci_bus_init(struct pci_bus *b, struct bus *mmio, struct msi_sink msi, uint64_t window_base, uint64_t window_size);
/* For a machine with ports, before the first function. */
void pci_bus_add_io(struct pci_bus *b, struct bus *pio, uint16_t window_base, uint16_t window_size);
bool pci_bus_has_io(const struct pci_bus *b);
/* Prepares a function with identity and, unless bar_size is 0, a BAR of memory, and plugs it into a slot. ctx is the BARs' handlers'.
 * E_EXIST, E_LIMIT, E_INVAL. */
struct pci_identity { uint16_t vendor, device, subsys_vendor, subsys; uint32_t class_code; uint8_t revision; };
err_t pci_fn_init(struct pci_fn *f, struct pci_bus *b, unsigned slot, const struct pci_identity *id, uint64_t bar_size,
		  const struct bus_ops *bar_ops, void *ctx) MUST_CHECK;
/* Adds a BAR of ports. E_LIMIT: no room in the window, or there is none; E_INVAL. */
err_t pci_fn_add_io_bar(struct pci_fn *f, uint64_t size, const struct bus_ops *ops) MUST_CHECK;
/* Appends a capability (header written here) of len bytes in all; returns its offset. E_LIMIT. */
err_t pci_fn_add_cap(struct pci_fn *f, uint8_t id, const void *body, unsigned len, uint8_t *off) MUST_CHECK;
err_t pci_fn_add_msix(struct pci_fn *f, unsigned count, uint32_t table_off, uint32_t pba_off) MUST_CHECK;
/* Back to power-on values: command 0, BARs where they were first placed, MSI-X off. */
void pci_fn_reset(struct pci_fn *f);
/* MSI-X table and pending bits, called by the function's BAR handler with offsets into each. */
uint64_t pci_msix_table_read(struct pci_fn *f, uint64_t off, unsigned size);
void pci_msix_table_write(struct pci_fn *f, uint64_t off, unsigned size, uint64_t v);
uint64_t pci_msix_pba_read(struct pci_fn *f, uint64_t off, unsigned size);
void pci_msix_raise(struct pci_fn *f, unsigned vector);

extern const struct bus_ops pci_ecam_ops; /* ctx: struct pci_bus */
extern const struct bus_ops pci_cf8_ops;  /* 8 ports at 0xCF8, ctx: struct pci_bus */

#endif
