/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and sizes that C and assembly of the guest tests share, and the machine's map as it is promised to guests. Read by the
 * assembler too: only #define lines. */
#ifndef GUEST_LAYOUT_H
#define GUEST_LAYOUT_H

#define MAX_CPUS 8
#define STACK_SHIFT 14
#define STACK_SIZE (1 << STACK_SHIFT)
#define WINDOW_BASE 0x7fc0000000          /* the last GiB of the first 512: 512 pages of window_table */
#define CODE_SIZE 4096                    /* bytes for generated code of each CPU (code.c): writing there is slow when emulated */

#define GICD 0x08000000
#define GICR 0x080a0000
#define GICR_STRIDE 0x20000
#define UART 0x09000000
#define RTC 0x09010000
#define GPIO 0x09030000
#define PCI_WINDOW 0x10000000
#define PCI_WINDOW_SIZE 0x2eff0000
#define ECAM 0x3f000000
#define RAM_BEGIN 0x40000000

#endif
