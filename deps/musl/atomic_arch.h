/* SPDX-License-Identifier: Apache-2.0 */
/* Comes before musl's file of the same name when musl is built for the firmware (-iquote wins). musl ends a program
 * whose heap is damaged by HLT, which faults in user mode; at ring 0 with interrupts off it would halt the machine
 * without a word. The trap instruction panics instead. Must not change anything else. */
#ifndef CAISSON_ATOMIC_ARCH_H
#define CAISSON_ATOMIC_ARCH_H
#include_next "atomic_arch.h"

#undef a_crash
#define a_crash() __builtin_trap()

#endif
