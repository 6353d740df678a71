/* SPDX-License-Identifier: Apache-2.0 */
/* Switching between the stacks of cooperative tasks: what the System V ABI wants preserved across a call
 * (rbx, rbp, r12-r15, MXCSR control bits, x87 control word). Any CPU; knows nothing of tasks. */
	.text
	.globl hal_context_switch, context_start
	.hidden context_start
	.type hal_context_switch, @function
hal_context_switch:		/* rdi: where the old stack pointer goes, rsi: the new one */
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	subq $8, %rsp
	stmxcsr (%rsp)
	fnstcw 4(%rsp)
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	ldmxcsr (%rsp)
	fldcw 4(%rsp)
	addq $8, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
	.size hal_context_switch, . - hal_context_switch

	.type context_start, @function
context_start:			/* first frame of a task: r12 = fn, r13 = arg, prepared by hal_context_init */
	movq %r13, %rdi
	call *%r12
	ud2
	.size context_start, . - context_start
	.section .note.GNU-stack, "", @progbits
