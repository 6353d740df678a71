/* SPDX-License-Identifier: Apache-2.0 */
/* This architecture has no way of its own into PCI configuration space: memory-mapped windows are the only one. */
#include "../bus/pci_cfg.h"
#include <stddef.h>

const struct pci_cfg_ops *pci_cfg_arch(void)
{
	return NULL;
}
