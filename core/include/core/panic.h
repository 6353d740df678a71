/* SPDX-License-Identifier: Apache-2.0 */
/* Panic: our own broken invariant. Never for what a guest, a peer or a disk can send. */
#ifndef CORE_PANIC_H
#define CORE_PANIC_H

/* Prints message, registers, a symbolised backtrace and the log's tail on serial and screen, stops the
 * other CPUs, then resets or halts as configured. Any context. */
_Noreturn void panic(const char *f, ...) __attribute__((format(printf, 1, 2)));

#define BUG_ON(cond) do { if (__builtin_expect(!!(cond), 0)) panic("bug: %s (%s:%d)", #cond, __FILE__, __LINE__); } while (0)

enum panic_action { PANIC_RESET, PANIC_HALT };
void panic_set_action(enum panic_action a);

#endif
