/* SPDX-License-Identifier: Apache-2.0 */
/* What the entry code and the composition root share. */
#ifndef EFI_APPLIANCE_H
#define EFI_APPLIANCE_H

/* First C function after boot services are gone, on CPU 0's own stack with interrupts off. */
_Noreturn void appliance_main(unsigned cpu);

#endif
