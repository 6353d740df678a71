/* SPDX-License-Identifier: Apache-2.0 */
/* First instructions of a started CPU: real mode to long mode (SDM 3A 9.4.4, 10.8.5). Copied to a page below 1 MiB;
 * struct smp_params (smp.h) is on the page after it. Uses no stack and writes no memory until it is in long mode.
 * The CPU enters with CS = page >> 4 and IP = 0, so offsets in this page are from smp_trampoline. */
#define P_CR3 0x1000
#define P_CR4 0x1008
#define P_STACK 0x1010
#define P_ENTRY 0x1018
#define P_ARG 0x1020
#define P_APIC_ID 0x1028
#define P_FAR 0x1030
#define P_GDTR 0x1038

#define MSR_EFER 0xc0000080
#define EFER_LME_NXE 0x900
#define CR0_START 0x80010033	/* PG WP NE ET MP PE */

	.section .rodata.trampoline, "a"
	.balign 16
	.globl smp_trampoline, smp_trampoline_64, smp_trampoline_end
	.hidden smp_trampoline, smp_trampoline_64, smp_trampoline_end
smp_trampoline:
	.code16
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	xorl %ebp, %ebp
	movw %ax, %bp
	shll $4, %ebp			/* physical address of this page, kept across CPUID */
	/* A CPU that woke too late must not take the stack of the one that is starting now. */
	movl $1, %eax
	cpuid
	shrl $24, %ebx
	cmpb %bl, P_APIC_ID
	jne 9f
	lgdtl P_GDTR
	movl P_CR4, %eax
	movl %eax, %cr4
	movl P_CR3, %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_LME_NXE, %eax
	wrmsr
	movl $CR0_START, %eax
	movl %eax, %cr0
	ljmpl *P_FAR
9:	cli
	hlt
	jmp 9b

	.code64
smp_trampoline_64:
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %ebp, %ebx
	movq P_STACK(%rbx), %rsp
	movq P_ENTRY(%rbx), %rax
	movq P_ARG(%rbx), %rdi
	xorl %ebp, %ebp
	pushq $0		/* no return address: the backtrace ends there */
	jmp *%rax
smp_trampoline_end:
	.section .note.GNU-stack, "", @progbits
