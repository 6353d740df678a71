/* SPDX-License-Identifier: Apache-2.0 */
/* A guest of two vCPUs that read and write one page without end and without an exit, and count in their mailboxes what they saw. Entered by PVH
 * in 32-bit protected mode; addresses are those of the guest's memory, for the bytes are copied there. */
#include "tests/system/selftest/guest_tlb.h"
#include "guest_place.h"

#define AT(label) (label - guest_code + GUEST_CODE)
#define APIC 0xfee00000
#define CODE32 8
#define DATA 16

	.section .rodata.guest_code, "a"
	.balign 16
	.global guest_code, guest_code_end
guest_code:
	.code32
	cli
	cld
	mov $AT(trampoline), %esi
	mov $GUEST_TRAMPOLINE, %edi
	mov $(trampoline_end - trampoline), %ecx
	rep movsb
	movl $0x1ff, APIC + 0xf0        /* enabled */
	movl $1 << 24, APIC + 0x310     /* INIT, then SIPI, to APIC 1 */
	movl $0x4500, APIC + 0x300
	movl $1 << 24, APIC + 0x310
	movl $(0x4600 | GUEST_TRAMPOLINE >> 12), APIC + 0x300
	xor %ebx, %ebx
	jmp use

	.code16
trampoline:
	cli
	xor %ax, %ax
	mov %ax, %ds
	lgdtl GUEST_TRAMPOLINE + (gdt_pointer - trampoline)
	mov %cr0, %eax
	or $1, %eax
	mov %eax, %cr0
	ljmpl $CODE32, $AT(second)
gdt_pointer:
	.word 23
	.long AT(gdt)
trampoline_end:

	.balign 8
gdt:	.quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff

	.code32
second:
	mov $DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $1, %ebx

/* EBX: index. EDI: its offset in page and mailboxes, EBP: its mailbox, ECX: what it writes. */
use:	mov %ebx, %edi
	shl $MAIL_SHIFT, %edi
	lea GUEST_MAIL(%edi), %ebp
	xor %ecx, %ecx
again:	mov GUEST_PAGE, %esi
	test %esi, %esi
	jz again
	inc %ecx
	mov %ecx, (%esi, %edi)
	mov PAGE_PATTERN(%esi), %eax
	mov $MAIL_SAW_A, %edx
	cmp $PATTERN_A, %eax
	je count
	mov $MAIL_SAW_B, %edx
	cmp $PATTERN_B, %eax
	je count
	mov $MAIL_SAW_ZERO, %edx
	test %eax, %eax
	jz count
	mov $MAIL_SAW_ELSE, %edx
count:	incl (%ebp, %edx)
	incl MAIL_BEATS(%ebp)
	jmp again
guest_code_end:
	.section .note.GNU-stack, "", @progbits
