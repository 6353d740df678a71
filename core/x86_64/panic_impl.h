/* SPDX-License-Identifier: Apache-2.0 */
/* The machine layer's side of panic. Within core/x86_64 only. */
#ifndef CORE_X86_64_PANIC_IMPL_H
#define CORE_X86_64_PANIC_IMPL_H
#include "traps.h"
#include <stdbool.h>
#include <stddef.h>

/* Panics with the registers of a trap. */
_Noreturn void panic_at(const struct trap_frame *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool panic_in_progress(void);
/* A CPU that another CPU's panic stops by NMI ends here; leaves word where it was. */
_Noreturn void panic_stopped(uint64_t rip, uint64_t rbp);

/* Return addresses of the frames that begin with rip and frame pointer rbp; checks each frame before it reads it.
 * Returns how many of max were found. */
unsigned backtrace_walk(uint64_t rip, uint64_t rbp, uint64_t *out, unsigned max);

#endif
