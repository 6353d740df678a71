/* SPDX-License-Identifier: Apache-2.0 */
/* What guest_tlb.c and the guest in guest_code.S share: addresses in the guest's memory and the words of a mailbox. Read by the assembler too:
 * only #define lines. GUEST_RAM is in the guest_place.h of the architecture. */
#ifndef TESTS_SYSTEM_SELFTEST_GUEST_TLB_H
#define TESTS_SYSTEM_SELFTEST_GUEST_TLB_H

#define GUEST_MAIL (GUEST_RAM + 0x400000) /* a mailbox per vCPU */
#define GUEST_PAGE (GUEST_RAM + 0x4000f0) /* in the mailboxes' page: address of the page that both vCPUs use */
#define MAIL_SHIFT 6
#define MAIL_BEATS 0
#define MAIL_SAW_A 4
#define MAIL_SAW_B 8
#define MAIL_SAW_ZERO 12
#define MAIL_SAW_ELSE 16
#define PAGE_PATTERN 0x800       /* in that page: the word that they read; from 0 on, at their mailboxes' offsets, what they write */
#define PATTERN_A 0x0a0a0a0a
#define PATTERN_B 0x0b0b0b0b

#endif
