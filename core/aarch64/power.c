/* SPDX-License-Identifier: Apache-2.0 */
/* Reset and power-off. Any CPU and context, panic included; other CPUs may still run. The firmware's service first, since it may have something
 * to write back; then what it uses itself. */
#include "../machine/efirt.h"
#include "psci.h"
#include "sysreg.h"
#include <core/hal.h>
#include <core/log.h>

_Noreturn void hal_reset(void)
{
	daif_mask();
	efirt_reset(EFI_RESET_COLD);
	psci_reset();
	log_error("power", "neither the firmware nor PSCI resets the machine");
	hal_halt();
}

_Noreturn void hal_poweroff(void)
{
	daif_mask();
	efirt_reset(EFI_RESET_SHUTDOWN);
	psci_off();
	log_error("power", "the firmware did not switch the machine off; it is safe to do so by hand");
	hal_halt();
}
