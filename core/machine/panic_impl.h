/* SPDX-License-Identifier: Apache-2.0 */
/* The machine layer's side of panic: what core/machine has once, and what each architecture adds. Within these folders only. */
#ifndef CORE_MACHINE_PANIC_IMPL_H
#define CORE_MACHINE_PANIC_IMPL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trap_frame; /* the architecture's own: core/<arch>/traps.h */

/* Panics with the registers of a trap. */
_Noreturn void panic_at(const struct trap_frame *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool panic_in_progress(void);
/* A CPU that another CPU's panic stops ends here; leaves word where it was. */
_Noreturn void panic_stopped(uint64_t pc, uint64_t fp);
/* One line of the report. */
void panic_line(const char *f, ...) __attribute__((format(printf, 1, 2)));

/* Return addresses of the frames that begin with pc and frame pointer fp; checks each frame before it reads it.
 * Returns how many of max were found. */
unsigned backtrace_walk(uint64_t pc, uint64_t fp, uint64_t *out, unsigned max);

/* ---- implemented by the architecture */
void panic_arch_where(const struct trap_frame *f, uint64_t *pc, uint64_t *fp);
void panic_arch_registers(const struct trap_frame *f); /* by panic_line */
/* Makes another CPU come to panic_stopped as soon as it can be made to. */
void panic_arch_stop(unsigned cpu);
void panic_arch_irqs_off(void);
/* Something that differs from boot to boot, for the stack protector; no memory is relocated or protected yet that it could need. */
uint64_t stack_guard_seed(void);

#endif
