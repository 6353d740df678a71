/* SPDX-License-Identifier: Apache-2.0 */
/* What the entry code and the composition root share. */
#ifndef EFI_APPLIANCE_H
#define EFI_APPLIANCE_H

/* First C function after boot services are gone, on CPU 0's own stack with interrupts off. */
_Noreturn void appliance_main(unsigned cpu);
/* The composition root (main.c): CPU 0, once the machine is up and libc runs. Does not return. */
void appliance_run(void);
/* Starts the management plane's task (manage.c); CPU 0, all other CPUs run their loops. */
void appliance_manage(void);

#endif
