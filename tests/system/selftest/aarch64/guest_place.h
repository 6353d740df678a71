/* SPDX-License-Identifier: Apache-2.0 */
/* Where an aarch64 guest has its memory and its program (vmm/aarch64/virt_layout.h). Only #define lines: the assembler reads it too. */
#ifndef TESTS_SYSTEM_SELFTEST_GUEST_PLACE_H
#define TESTS_SYSTEM_SELFTEST_GUEST_PLACE_H

#define GUEST_ELF_MACHINE 183
#define GUEST_RAM 0x40000000
#define GUEST_CODE 0x40200000

#endif
