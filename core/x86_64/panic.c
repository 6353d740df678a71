/* SPDX-License-Identifier: Apache-2.0 */
/* Panic: reports on serial and screen, stops the other CPUs by NMI, and resets or halts. Any CPU and context, NMI
 * and double fault included: it allocates nothing, takes no lock that a stopped CPU may hold, and a panic inside
 * the report ends it. */
#include "panic_impl.h"
#include "apic.h"
#include "insn.h"
#include "percpu.h"
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

_Noreturn void hal_halt(void)
{
	for (;;) {
		insn_cli();
		insn_hlt();
	}
}

_Noreturn void panic_stopped(uint64_t rip, uint64_t rbp)
{
	struct percpu *p = this_cpu();

	p->stopped_rbp = rbp;
	__atomic_store_n(&p->stopped_rip, rip, __ATOMIC_RELEASE);
	hal_halt();
}

__attribute__((format(printf, 1, 2))) static void panic_line(const char *f, ...)
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

static void panic_registers(const struct trap_frame *f)
{
	panic_line("  rip %016llx  rsp %016llx  rbp %016llx  flags %llx", (unsigned long long)f->rip,
		   (unsigned long long)f->rsp, (unsigned long long)f->rbp, (unsigned long long)f->rflags);
	panic_line("  rax %016llx  rbx %016llx  rcx %016llx  rdx %016llx", (unsigned long long)f->rax,
		   (unsigned long long)f->rbx, (unsigned long long)f->rcx, (unsigned long long)f->rdx);
	panic_line("  rsi %016llx  rdi %016llx  r8  %016llx  r9  %016llx", (unsigned long long)f->rsi,
		   (unsigned long long)f->rdi, (unsigned long long)f->r8, (unsigned long long)f->r9);
	panic_line("  r10 %016llx  r11 %016llx  r12 %016llx  r13 %016llx", (unsigned long long)f->r10,
		   (unsigned long long)f->r11, (unsigned long long)f->r12, (unsigned long long)f->r13);
	panic_line("  r14 %016llx  r15 %016llx  vector %llx  error %llx", (unsigned long long)f->r14,
		   (unsigned long long)f->r15, (unsigned long long)f->vector, (unsigned long long)f->error);
	panic_line("  cr0 %llx  cr2 %016llx  cr3 %llx  cr4 %llx", (unsigned long long)insn_read_cr0(),
		   (unsigned long long)insn_read_cr2(), (unsigned long long)insn_read_cr3(),
		   (unsigned long long)insn_read_cr4());
}

static void panic_backtrace(uint64_t rip, uint64_t rbp, unsigned max)
{
	uint64_t at[PANIC_FRAMES];
	unsigned n = backtrace_walk(rip, rbp, at, max < PANIC_FRAMES ? max : PANIC_FRAMES);

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
			if (__atomic_load_n(&percpu_get(i)->stopped_rip, __ATOMIC_ACQUIRE))
				break;
			arch_relax();
		}
}

static void panic_other_cpus(void)
{
	for (unsigned i = 0; i < hal_cpu_count(); i++) {
		const struct percpu *p = percpu_get(i);
		uint64_t rip = __atomic_load_n(&p->stopped_rip, __ATOMIC_ACQUIRE);

		if (i == hal_cpu_id())
			continue;
		panic_line("CPU %u %s", i, rip ? "was at:" : "does not stop");
		if (rip)
			panic_backtrace(rip, p->stopped_rbp, PANIC_OTHER_FRAMES);
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
			apic_send_nmi(hal_cpu_hwid(i));
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
		__asm__ volatile("pause");
	hal_reset();
}

/* Only one CPU reports; others that panic meanwhile stop silently, and a panic in the report cuts it short. */
static void panic_claim(uint64_t rip, uint64_t rbp)
{
	unsigned none = 0, self = hal_cpu_id() + 1;

	insn_cli();
	if (atomic_compare_exchange_strong(&panic_owner, &none, self))
		return;
	if (none != self)
		panic_stopped(rip, rbp);
	if (panic_reported)
		hal_halt();
	panic_reported = true;
	panic_line("panic within the panic at %016llx", (unsigned long long)rip);
	panic_end();
}

_Noreturn static void panic_report(const struct trap_frame *f, uint64_t rip, uint64_t rbp, const char *text)
{
	panic_stop_others();
	panic_wait_stopped();
	log_break_lock();
	uart_break_lock();
	if (log_next_seq() == 0)
		uart_init(); /* so early that nobody has looked for a port */
	panic_line("PANIC on CPU %u: %s", hal_cpu_id(), text);
	if (f)
		panic_registers(f);
	panic_line("backtrace (image at %p):", (const void *)image_base);
	panic_backtrace(rip, rbp, PANIC_FRAMES);
	panic_other_cpus();
	panic_log_tail();
	panic_reported = true;
	panic_end();
}

_Noreturn void panic_at(const struct trap_frame *f, const char *fmt, ...)
{
	static char text[LOG_LINE_MAX];
	va_list ap;

	panic_claim(f->rip, f->rbp);
	va_start(ap, fmt);
	fmt_vbuf(text, sizeof(text), fmt, ap);
	va_end(ap);
	panic_report(f, f->rip, f->rbp, text);
}

_Noreturn void panic(const char *f, ...)
{
	static char text[LOG_LINE_MAX];
	uint64_t rip = (uint64_t)__builtin_return_address(0), rbp = *(uint64_t *)__builtin_frame_address(0);
	va_list ap;

	panic_claim(rip, rbp);
	va_start(ap, f);
	fmt_vbuf(text, sizeof(text), f, ap);
	va_end(ap);
	panic_report(NULL, rip, rbp, text);
}
