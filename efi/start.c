/* SPDX-License-Identifier: Apache-2.0 */
/* Brings the machine up in order: tables and traps, serial log, ACPI, memory, APICs and clock, random numbers, libc; then
 * hands over to the composition root (main.c). Boot CPU, own stack, after ExitBootServices; entered by boot/<arch>/crt0.S. */
#include <core/acpi.h>
#include <core/boot_info.h>
#include <core/clock.h>
#include <core/err.h>
#include <core/fbcon.h>
#include <core/hal.h>
#include <core/libc.h>
#include <core/log.h>
#include <core/page.h>
#include <core/panic.h>
#include <core/rng.h>
#include <core/uart.h>
#include <sandbox/screen.h>
#include "appliance.h"

static void log_machine(void)
{
	struct page_stats st;

	page_stats(&st);
	log_info("boot", "Caisson %s on %s", CAISSON_VERSION, boot_info->firmware);
	log_info("boot", "image at 0x%llx", (unsigned long long)boot_info->image_base.v); /* for gdb */
	log_info("boot", "%llu MiB memory, %llu MiB free, secure boot %s, %u file%s in caisson/",
		 (unsigned long long)(st.total >> 8), (unsigned long long)(st.free >> 8),
		 boot_info->secure_boot ? "on" : "off", boot_info->nfiles, boot_info->nfiles == 1 ? "" : "s");
}

_Noreturn void appliance_main(unsigned cpu)
{
	err_t e;

	(void)cpu;
	hal_early_init();
	uart_init();
	log_add_sink(&screen_serial_sink);
	if (acpi_init() == OK)
		uart_init(); /* the tables may name another port */
	page_init();
	e = hal_init();
	if (e != OK)
		panic("machine: %s", err_name(e));
	if (boot_info->utc_s)
		clock_set_utc(boot_info->utc_s * 1000000000 + (int64_t)hal_clock_ns(), CLOCK_UEFI);
	e = fbcon_init();
	if (e != OK && e != E_NOENT)
		log_warn("boot", "no screen: the firmware's framebuffer does not fit (%s)", err_name(e));
	rng_init();
	log_machine();
	libc_start(appliance_run);
}
