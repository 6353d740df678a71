/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and sizes that C and assembly of the guest tests share. Read by the assembler too: only #define lines. */
#ifndef GUEST_LAYOUT_H
#define GUEST_LAYOUT_H

#define MAX_CPUS 8
#define STACK_SHIFT 14
#define STACK_SIZE (1 << STACK_SHIFT)
#define AP_TRAMPOLINE 0x8000              /* in real mode's first 64 KiB, apart from what the loader left */
#define WINDOW_BASE 0x7fc0000000          /* the last GiB of the first 512: 512 pages of window_table */

#endif
