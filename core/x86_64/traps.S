/* SPDX-License-Identifier: Apache-2.0 */
/* One stub for each vector, all leading to trap_dispatch with a struct trap_frame. Host code uses only general
 * registers here and below (interrupt entry must not touch a guest's vector state), so nothing else is saved. */
	.text
	.balign 16
	.globl trap_stubs
	.hidden trap_stubs
	.type trap_stubs, @object
trap_stubs:
	.set v, 0
	.rept 256
	.balign 16
	/* Vectors for which the CPU pushes an error code (SDM 3A table 6-1); the others push 0 in its place. */
	.if !(v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21 || v == 29 || v == 30)
	pushq $0
	.endif
	pushq $v
	jmp trap_common
	.set v, v + 1
	.endr
	.balign 16
	.size trap_stubs, . - trap_stubs

	.type trap_common, @function
trap_common:
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rbx
	pushq %rbp
	pushq %rsi
	pushq %rdi
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	cld
	movq %rsp, %rdi
	call trap_dispatch
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rdi
	popq %rsi
	popq %rbp
	popq %rbx
	popq %rdx
	popq %rcx
	popq %rax
	addq $16, %rsp
	iretq
	.size trap_common, . - trap_common
	.section .note.GNU-stack, "", @progbits
