/* SPDX-License-Identifier: Apache-2.0 */
/* A guest of two vCPUs that read and write one page without end and without an exit, and count in their mailboxes what they saw. Entered at
 * EL1 with the MMU off; position-independent, for the bytes are copied to the guest's memory. */
#include "tests/system/selftest/guest_tlb.h"
#include "guest_place.h"

#define PSCI_CPU_ON 0xc4000003 /* Arm DEN0022 5.6 */
#define SECOND 1               /* MPIDR affinity of the second vCPU */

	.section .rodata.guest_code, "a"
	.balign 16
	.global guest_code, guest_code_end
	.hidden guest_code, guest_code_end
guest_code:
	ldr w0, =PSCI_CPU_ON
	mov x1, #SECOND
	adr x2, second
	mov x3, #0
	hvc #0
	mov w19, #0
	b use
second:	mov w19, #1

/* W19: index. X20: its offset in page and mailboxes, X22: its mailbox, W23: what it writes. */
use:	lsl w20, w19, #MAIL_SHIFT
	ldr w21, =GUEST_MAIL
	add x22, x21, x20
	ldr w24, =PATTERN_A
	ldr w25, =PATTERN_B
	mov w23, #0
again:	ldr w1, [x21, #(GUEST_PAGE - GUEST_MAIL)]
	cbz w1, again
	add w23, w23, #1
	str w23, [x1, x20]
	ldr w2, [x1, #PAGE_PATTERN]
	mov x3, #MAIL_SAW_A
	cmp w2, w24
	b.eq count
	mov x3, #MAIL_SAW_B
	cmp w2, w25
	b.eq count
	mov x3, #MAIL_SAW_ZERO
	cbz w2, count
	mov x3, #MAIL_SAW_ELSE
count:	ldr w4, [x22, x3]
	add w4, w4, #1
	str w4, [x22, x3]
	ldr w4, [x22, #MAIL_BEATS]
	add w4, w4, #1
	str w4, [x22, #MAIL_BEATS]
	b again
	.ltorg
guest_code_end:
	.section .note.GNU-stack, "", @progbits
