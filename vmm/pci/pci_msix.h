/* SPDX-License-Identifier: Apache-2.0 */
/* Between the configuration space and MSI-X: sends what became deliverable after the function was unmasked. */
#ifndef VMM_PCI_MSIX_H
#define VMM_PCI_MSIX_H
#include <vmm/pci_bus.h>

void pci_msix_flush(struct pci_fn *f);

#endif
