/* SPDX-License-Identifier: Apache-2.0 */
/* Message interrupts: SPIs that are made pending by a write to the distributor (IHI0069 12.9.37, GICD_TYPER.MBIS). All that come go to one
 * function. */
#include "places.h"

enum { MSI_COUNT = 64 };

void msi_take(void (*fn)(unsigned number))
{
	irq_set_all(fn);
	for (unsigned i = MSI_FIRST; i < MSI_FIRST + MSI_COUNT && i < gic_lines(); i++) {
		gic_edge(i, true);
		gic_route(i, 0);
		irq_enable(i);
	}
}
