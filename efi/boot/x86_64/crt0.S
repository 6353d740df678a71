/* SPDX-License-Identifier: Apache-2.0 */
/* First instructions of the image on x86_64: relocates itself, runs the way in on the firmware's stack
 * (UEFI 2.10 2.3.4: rcx = image handle, rdx = system table), and, once boot services are gone, goes on
 * with the composition root on a stack of our own. Must not touch memory that needs relocation first. */
	.section .text.head, "ax"
	.globl _start
	.type _start, @function
_start:
	pushq %rbp
	movq %rsp, %rbp
	pushq %rdi
	pushq %rsi
	subq $192, %rsp
	/* The firmware's ABI wants rdi, rsi and xmm6-15 back when we return to it. */
	.irp n, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movups %xmm\n, ((\n - 6) * 16 + 32)(%rsp)
	.endr
	movq %rcx, 0(%rsp)
	movq %rdx, 8(%rsp)
	cld
	leaq image_base(%rip), %rdi
	leaq _DYNAMIC(%rip), %rsi
	call boot_relocate
	call stack_guard_init
	movq 0(%rsp), %rdi
	movq 8(%rsp), %rsi
	call boot_enter
	testq %rax, %rax
	jz 1f
	.irp n, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movups ((\n - 6) * 16 + 32)(%rsp), %xmm\n
	.endr
	addq $192, %rsp
	popq %rsi
	popq %rdi
	popq %rbp
	ret
1:	/* Boot services are gone: interrupts off, own stack, no way back. */
	cli
	cld
	leaq boot_stack_top(%rip), %rsp
	xorl %ebp, %ebp
	pushq $0
	pushq $0
	xorl %edi, %edi
	call appliance_main
	ud2
	.size _start, . - _start

	/* The stack of CPU 0. The page below it is unmapped by hal_early_init. */
	.section .bss.boot_stack, "aw", @nobits
	.balign 4096
	.globl boot_stack_guard, boot_stack_top
	.hidden boot_stack_guard, boot_stack_top
boot_stack_guard:
	.skip 4096
	.skip 65536
boot_stack_top:

	/* A PE image needs a .reloc directory to be loaded anywhere; ours relocates itself, so it is empty. */
	.section .reloc, "a"
reloc_begin:
	.long reloc_dummy - reloc_begin
	.long 12
	.2byte 0
	.2byte 0
	.data
reloc_dummy:
	.long 0
	.section .note.GNU-stack, "", @progbits
