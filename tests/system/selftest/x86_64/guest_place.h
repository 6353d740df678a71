/* SPDX-License-Identifier: Apache-2.0 */
/* Where an x86_64 guest has its memory and its program. Only #define lines: the assembler reads it too. */
#ifndef TESTS_SYSTEM_SELFTEST_GUEST_PLACE_H
#define TESTS_SYSTEM_SELFTEST_GUEST_PLACE_H

#define GUEST_ELF_MACHINE 62
#define GUEST_RAM 0
#define GUEST_CODE 0x100000
#define GUEST_TRAMPOLINE 0x8000  /* where the second vCPU starts in real mode */

#endif
