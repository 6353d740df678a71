/* SPDX-License-Identifier: Apache-2.0 */
/* Where the KVM monitor has its devices: a register that reads as zero, and notifications that end in an eventfd. RAM, interrupt controller
 * and serial port are where Caisson's guests have them. */
#ifndef BENCH_MONITOR_MAP_H
#define BENCH_MONITOR_MAP_H

#define MONITOR_DEVICE 0x0a000000
#define MONITOR_NOTIFY 0x0a001000
#define MONITOR_PORT_NOTIFY 0 /* no ports */
#define MONITOR_RAM 0x40000000
#define MONITOR_UART 0x09000000
#define MONITOR_GICD 0x08000000
#define MONITOR_GICR 0x080a0000

#endif
