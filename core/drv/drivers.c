/* SPDX-License-Identifier: Apache-2.0 */
/* The table of PCI drivers, offered each device in this order by pci_probe. Const; a new driver adds a line here and
 * one in drivers.h. Knows nothing of what the drivers do. */
#include "drivers.h"
#include <core/arith.h>

const struct pci_driver *const core_drivers[] = {
	&virtio_net_driver,
	&virtio_blk_driver,
	&e1000_driver,
};
const unsigned core_ndrivers = ARRAY_LEN(core_drivers);
