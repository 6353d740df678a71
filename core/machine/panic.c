/* SPDX-License-Identifier: Apache-2.0 */
/* Panic: reports on serial and screen, stops the other CPUs, and resets or halts. Any CPU and context, those of
 * faults included: it allocates nothing, takes no lock that a stopped CPU may hold, and a panic inside
 * the report ends it. */
#include "panic_impl.h"
#include <core/arch.h>
#include <core/fbcon.h>
#include <core/fmt.h>
#include <core/hal.h>
#include <core/ksyms.h>
#include <core/log.h>
#include <core/panic.h>
#include <core/uart.h>
#include <stdatomic.h>
#include <string.h>

#define PANIC_LOG_LINES 24
#define PANIC_FRAMES 24
#define PANIC_OTHER_FRAMES 6
#define STOP_SPINS 20000000u
#define PANIC_RESET_DELAY_NS 5000000000ull

extern const char image_base[] __attribute__((visibility("hidden")));

/* Where another CPU's panic stopped each CPU; pc is written last. */
static struct stopped { uint64_t pc, fp; } stopped[HAL_MAX_CPUS];

static atomic_uint panic_owner; /* 1 + the CPU that reports */
static _Atomic enum panic_action panic_action = PANIC_RESET;
static unsigned panic_row;
static bool panic_reported;

void panic_set_action(enum panic_action a)
{
	atomic_store(&panic_action, a);
}

bool panic_in_progress(void)
{
	return atomic_load(&panic_owner) != 0;
}

_Noreturn void panic_stopped(uint64_t pc, uint64_t fp)
{
	struct stopped *p = &stopped[hal_cpu_id()];

	p->fp = fp;
	__atomic_store_n(&p->pc, pc, __ATOMIC_RELEASE);
	hal_halt();
}

void panic_line(const char *f, ...)
{
	char text[LOG_LINE_MAX + 2];
	size_t n;
	va_list ap;

	va_start(ap, f);
	n = fmt_vbuf(text, sizeof(text) - 1, f, ap);
	va_end(ap);
	if (n > sizeof(text) - 2)
		n = sizeof(text) - 2;
	if (panic_row < fbcon_rows()) {
		fbcon_put(0, panic_row, panic_row ? FB_FG : FB_ERR, text, (unsigned)n);
		fbcon_clear_to_eol((unsigned)n, panic_row++);
	}
	text[n] = '\n';
	uart_write(text, n + 1);
}

static void panic_backtrace(uint64_t pc, uint64_t fp, unsigned max)
{
	uint64_t at[PANIC_FRAMES];
	unsigned n = backtrace_walk(pc, fp, at, max < PANIC_FRAMES ? max : PANIC_FRAMES);

	for (unsigned i = 0; i < n; i++) {
		size_t off = 0;
		/* A return address may lie past the end of a function that never returns: look before it. */
		const char *name = ksyms_lookup(i ? at[i] - 1 : at[i], &off);

		if (name)
			panic_line("  %016llx %s+0x%zx", (unsigned long long)at[i], name, i ? off + 1 : off);
		else
			panic_line("  %016llx", (unsigned long long)at[i]);
	}
}

/* Waits until the others have stopped, each for a bounded time. */
static void panic_wait_stopped(void)
{
	for (unsigned i = 0; i < hal_cpu_count(); i++)
		for (unsigned n = 0; i != hal_cpu_id() && n < STOP_SPINS; n++) {
			if (__atomic_load_n(&stopped[i].pc, __ATOMIC_ACQUIRE))
				break;
			arch_relax();
		}
}

static void panic_other_cpus(void)
{
	for (unsigned i = 0; i < hal_cpu_count(); i++) {
		uint64_t pc = __atomic_load_n(&stopped[i].pc, __ATOMIC_ACQUIRE);

		if (i == hal_cpu_id())
			continue;
		panic_line("CPU %u %s", i, pc ? "was at:" : "does not stop");
		if (pc)
			panic_backtrace(pc, stopped[i].fp, PANIC_OTHER_FRAMES);
	}
}

static void panic_log_tail(void)
{
	static char text[LOG_LINE_MAX + 1];
	uint64_t end = log_next_seq(), seq = end > PANIC_LOG_LINES ? end - PANIC_LOG_LINES : 0;

	panic_line("log:");
	for (; seq < end; seq++)
		if (log_read(seq, text))
			panic_line("  %s", text);
}

static void panic_stop_others(void)
{
	unsigned self = hal_cpu_id();

	for (unsigned i = 0; i < hal_cpu_count(); i++)
		if (i != self)
			panic_arch_stop(i);
}

_Noreturn static void panic_end(void)
{
	uint64_t since = hal_clock_ns();

	if (atomic_load(&panic_action) == PANIC_HALT || hal_counter_hz() == 0) {
		panic_line("halted");
		hal_halt();
	}
	panic_line("resetting in %llu s", PANIC_RESET_DELAY_NS / 1000000000ull);
	while (hal_clock_ns() - since < PANIC_RESET_DELAY_NS)
		arch_relax();
	hal_reset();
}

/* Only one CPU reports; others that panic meanwhile stop silently, and a panic in the report cuts it short. */
static void panic_claim(uint64_t pc, uint64_t fp)
{
	unsigned none = 0, self = hal_cpu_id() + 1;

	panic_arch_irqs_off();
	if (atomic_compare_exchange_strong(&panic_owner, &none, self))
		return;
	if (none != self)
		panic_stopped(pc, fp);
	if (panic_reported)
		hal_halt();
	panic_reported = true;
	panic_line("panic within the panic at %016llx", (unsigned long long)pc);
	panic_end();
}

_Noreturn static void panic_report(const struct trap_frame *f, uint64_t pc, uint64_t fp, const char *text)
{
	panic_stop_others();
	panic_wait_stopped();
	log_break_lock();
	uart_break_lock();
	if (log_next_seq() == 0)
		uart_init(); /* so early that nobody has looked for a port */
	panic_line("PANIC on CPU %u: %s", hal_cpu_id(), text);
	if (f)
		panic_arch_registers(f);
	panic_line("backtrace (image at %p):", (const void *)image_base);
	panic_backtrace(pc, fp, PANIC_FRAMES);
	panic_log_tail(); /* before the rest: a screen has few lines */
	panic_other_cpus();
	panic_reported = true;
	panic_end();
}

_Noreturn void panic_at(const struct trap_frame *f, const char *fmt, ...)
{
	static char text[LOG_LINE_MAX];
	uint64_t pc, fp;
	va_list ap;

	panic_arch_where(f, &pc, &fp);
	panic_claim(pc, fp);
	va_start(ap, fmt);
	fmt_vbuf(text, sizeof(text), fmt, ap);
	va_end(ap);
	panic_report(f, pc, fp, text);
}

_Noreturn void panic(const char *f, ...)
{
	static char text[LOG_LINE_MAX];
	uint64_t pc = (uint64_t)__builtin_return_address(0), fp = *(uint64_t *)__builtin_frame_address(0);
	va_list ap;

	panic_claim(pc, fp);
	va_start(ap, f);
	fmt_vbuf(text, sizeof(text), f, ap);
	va_end(ap);
	panic_report(NULL, pc, fp, text);
}
