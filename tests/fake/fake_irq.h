/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_irq.c. */
#ifndef TESTS_FAKE_IRQ_H
#define TESTS_FAKE_IRQ_H
#include <core/x86_64/irq.h>

struct fake_irq { unsigned notified, notified_cpu, taken, taken_vector; /* how often, and the last one */ };
extern struct fake_irq fake_irq;

#endif
