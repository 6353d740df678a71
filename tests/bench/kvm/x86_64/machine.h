/* SPDX-License-Identifier: Apache-2.0 */
/* What the PC's files of the monitor share. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H
#include "monitor.h"

/* devices.c: a port access; 0 when the guest has switched itself off. */
int port_access(struct guest *g, unsigned port, int write, unsigned size, uint8_t *data);

#endif
