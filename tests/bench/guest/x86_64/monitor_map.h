/* SPDX-License-Identifier: Apache-2.0 */
/* Where the KVM monitor has its devices: a register that reads as zero, and notifications that end in an eventfd. */
#ifndef BENCH_MONITOR_MAP_H
#define BENCH_MONITOR_MAP_H

#define MONITOR_DEVICE 0xd0000000
#define MONITOR_NOTIFY 0xd0001000
#define MONITOR_PORT_NOTIFY 0x580

#endif
