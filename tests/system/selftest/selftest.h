/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the machine layer in the machine: a firmware image of its own that prints TAP on the serial port. CPU 0's task
 * runs the checks; a file caisson/selftest-NAME on the boot volume asks for something else instead: "tlb" or "entry" for checks with guests, or one deliberate fault. */
#ifndef TESTS_SYSTEM_SELFTEST_H
#define TESTS_SYSTEM_SELFTEST_H
#include <stdbool.h>

/* One TAP line. */
void check(bool passed, const char *name);

/* Runs fn(cpu) in the loop of a CPU; the task yields until it is done. */
void on_cpu(unsigned cpu, void (*fn)(unsigned cpu));

void checks_tables(void);
void checks_cpus(void);
void checks_memory(void);
void checks_libc(void);
void checks_firmware(void);
void checks_guest(void);

/* Commits the fault of that name; returns when there is none. */
void fault_run(const char *name);

#endif
