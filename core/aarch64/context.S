/* SPDX-License-Identifier: Apache-2.0 */
/* Switching between the stacks of cooperative tasks: what AAPCS64 6.1 wants preserved across a call (x19-x29, the lower halves of v8-v15,
 * FPCR). Any CPU; knows nothing of tasks. */
	.text
	.globl hal_context_switch, context_start
	.hidden context_start
	.type hal_context_switch, %function
hal_context_switch:		/* x0: where the old stack pointer goes, x1: the new one */
	sub sp, sp, #176
	stp x19, x20, [sp]
	stp x21, x22, [sp, #16]
	stp x23, x24, [sp, #32]
	stp x25, x26, [sp, #48]
	stp x27, x28, [sp, #64]
	stp x29, x30, [sp, #80]
	stp d8, d9, [sp, #96]
	stp d10, d11, [sp, #112]
	stp d12, d13, [sp, #128]
	stp d14, d15, [sp, #144]
	mrs x9, fpcr
	str x9, [sp, #160]
	mov x9, sp
	str x9, [x0]
	mov sp, x1
	ldr x9, [sp, #160]
	msr fpcr, x9
	ldp d14, d15, [sp, #144]
	ldp d12, d13, [sp, #128]
	ldp d10, d11, [sp, #112]
	ldp d8, d9, [sp, #96]
	ldp x29, x30, [sp, #80]
	ldp x27, x28, [sp, #64]
	ldp x25, x26, [sp, #48]
	ldp x23, x24, [sp, #32]
	ldp x21, x22, [sp, #16]
	ldp x19, x20, [sp]
	add sp, sp, #176
	ret
	.size hal_context_switch, . - hal_context_switch

	.type context_start, %function
context_start:			/* first frame of a task: x19 = fn, x20 = arg, prepared by hal_context_init */
	mov x29, xzr
	mov x30, xzr
	mov x0, x20
	blr x19
	brk #0
	.size context_start, . - context_start
	.section .note.GNU-stack, "", %progbits
