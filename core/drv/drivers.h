/* SPDX-License-Identifier: Apache-2.0 */
/* The PCI drivers that drivers.c lists, each defined in the file of its name. Const tables only. */
#ifndef CORE_DRV_DRIVERS_H
#define CORE_DRV_DRIVERS_H
#include <core/pci.h>

extern const struct pci_driver virtio_net_driver;
extern const struct pci_driver virtio_blk_driver;
extern const struct pci_driver e1000_driver;

#endif
