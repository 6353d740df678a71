/* SPDX-License-Identifier: Apache-2.0 */
/* What the self-test has to know of the architecture: one file in a folder of its name. */
#ifndef TESTS_SYSTEM_SELFTEST_MACHINE_H
#define TESTS_SYSTEM_SELFTEST_MACHINE_H
#include <stdbool.h>
#include <stdint.h>

/* Calls sweep_leaf for each page or block that the main view maps. */
struct sweep { unsigned long leaves, both, exec_outside; };
void machine_sweep(struct sweep *s);
void sweep_leaf(struct sweep *s, uint64_t va, bool writable, bool executable);

/* The calling CPU's protections are all on, and its interrupts off; and what they are, for the check's name. */
bool machine_protected(void);
extern const char machine_protections[];
/* This CPU has no thread pointer of libc's. */
bool machine_no_thread(void);
bool machine_has_entropy(void);
/* A control word of floating point for task i; is it still there? */
void machine_words_set(unsigned i);
bool machine_words_kept(unsigned i);

/* Checks that only this architecture has, by the name that the boot volume's file asks with. false: none of that name. */
bool machine_checks(const char *what);

#endif
