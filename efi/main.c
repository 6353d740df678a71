/* SPDX-License-Identifier: Apache-2.0 */
/* The composition root: brings the machine up in order, builds the object graph, starts the loops. Runs on the boot
 * CPU's own stack after ExitBootServices. Every subsystem is one line here and knows nothing of the others. */
#include <core/acpi.h>
#include <core/boot_info.h>
#include <core/clock.h>
#include <core/hal.h>
#include <core/libc.h>
#include <core/log.h>
#include <core/page.h>
#include <core/panic.h>
#include <core/pci.h>
#include <core/rng.h>
#include <core/task.h>
#include <core/uart.h>
#include "appliance.h"

static void serial_line(void *ctx, enum log_level level, const char *text, size_t len)
{
	char line[LOG_LINE_MAX + 2];

	(void)ctx;
	(void)level;
	__builtin_memcpy(line, text, len);
	line[len] = '\n';
	uart_write(line, len + 1);
}

static const struct log_sink serial_sink = {.line = serial_line, .min_level = LOG_INFO};

static void must(err_t e, const char *what)
{
	if (e != OK)
		panic("%s: %s", what, err_name(e));
}

static void log_machine(void)
{
	struct page_stats st;

	page_stats(&st);
	log_info("boot", "Caisson %s on %s", CAISSON_VERSION, boot_info->firmware);
	log_info("boot", "%llu MiB memory, %llu MiB free, secure boot %s, %u file%s in caisson/",
		 (unsigned long long)(st.total >> 8), (unsigned long long)(st.free >> 8),
		 boot_info->secure_boot ? "on" : "off", boot_info->nfiles, boot_info->nfiles == 1 ? "" : "s");
}

static void cpu_main(unsigned cpu)
{
	loop_init(cpu);
	loop_run();
}

/* Second half, with libc: what belongs to the management plane is built here. */
static void appliance_run(void)
{
	loop_init(0);
	pci_init();
	pci_probe(core_drivers, core_ndrivers);
	must(hal_start_cpus(cpu_main), "starting the other CPUs");
	log_info("boot", "ready: %u CPU%s", hal_cpu_count(), hal_cpu_count() == 1 ? "" : "s");
	loop_run();
}

/* First half: the machine. Entered by efi/boot/<arch>/crt0.S. */
_Noreturn void appliance_main(unsigned cpu)
{
	(void)cpu;
	hal_early_init();
	uart_init();
	log_add_sink(&serial_sink);
	if (acpi_init() == OK)
		uart_init(); /* the tables may name another port */
	page_init();
	must(hal_init(), "machine");
	clock_set_utc(boot_info->utc_s * 1000000000 + (int64_t)hal_clock_ns(), CLOCK_UEFI);
	rng_init();
	log_machine();
	libc_start(appliance_run);
}
