/* SPDX-License-Identifier: Apache-2.0 */
/* The composition root of the self-test image: loops on all CPUs and one task that runs the checks. */
#include "selftest.h"
#include "machine.h"
#include <core/arith.h>
#include <core/boot_info.h>
#include <core/fmt.h>
#include <core/hal.h>
#include <core/panic.h>
#include <core/task.h>
#include <core/uart.h>
#include <sandbox/screen.h>
#include <stdatomic.h>
#include <string.h>
#include "efi/appliance.h"

#define TASK_STACK 65536
#define LAST_LINE_NS (50 * NS_PER_MS) /* what is still in the UART goes out, at 115200 baud */
#define FILE_PREFIX "selftest-"

static unsigned count;

/* In place of the one that steps aside for the local screen: start.c adds it to the log. */
static void serial_line(void *ctx, enum log_level level, const char *text, size_t len)
{
	(void)ctx;
	(void)level;
	uart_write(text, len);
	uart_write("\n", 1);
}
const struct log_sink screen_serial_sink = {.line = serial_line, .min_level = LOG_INFO};

static struct {
	struct work work;
	void (*fn)(unsigned cpu);
	atomic_bool done;
} remote;

__attribute__((format(printf, 1, 2))) static void say(const char *f, ...)
{
	char line[200];
	size_t n;
	va_list ap;

	va_start(ap, f);
	n = fmt_vbuf(line, sizeof(line), f, ap);
	va_end(ap);
	uart_write(line, n < sizeof(line) ? n : sizeof(line) - 1);
}

void check(bool passed, const char *name)
{
	say("%s %u - %s\n", passed ? "ok" : "not ok", ++count, name);
}

static void remote_run(struct work *w)
{
	(void)w;
	remote.fn(hal_cpu_id());
	atomic_store(&remote.done, true);
}

void on_cpu(unsigned cpu, void (*fn)(unsigned cpu))
{
	remote.fn = fn;
	atomic_store(&remote.done, false);
	work_init(&remote.work, remote_run);
	work_post(cpu, &remote.work);
	while (!atomic_load(&remote.done))
		task_yield();
}

/* By a file's name; NULL nothing. */
static const char *asked_for(void)
{
	for (unsigned i = 0; i < boot_info->nfiles; i++)
		if (!strncmp(boot_info->files[i].name, FILE_PREFIX, sizeof(FILE_PREFIX) - 1))
			return boot_info->files[i].name + sizeof(FILE_PREFIX) - 1;
	return NULL;
}

static void selftest(void *arg)
{
	(void)arg;
	const char *what = asked_for();

	if (what && !strcmp(what, "tlb")) {
		checks_guest();
	} else if (!what || !machine_checks(what)) {
		if (what)
			fault_run(what);
		checks_tables();
		checks_cpus();
		checks_memory();
		checks_libc();
		checks_firmware();
	}
	say("1..%u\n", count);
	task_sleep_until(hal_clock_ns() + LAST_LINE_NS);
	hal_poweroff();
}

static void cpu_main(unsigned cpu)
{
	loop_init(cpu);
	loop_run();
}

void appliance_run(void)
{
	struct task *t;

	panic_set_action(PANIC_HALT);
	loop_init(0);
	if (hal_start_cpus(cpu_main) != OK || task_create("selftest", selftest, NULL, TASK_STACK, &t) != OK)
		panic("selftest: cannot start");
	loop_run();
}
