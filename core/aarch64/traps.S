/* SPDX-License-Identifier: Apache-2.0 */
/* The vector tables (DDI0487 D1.3.1.5), one with EL2's registers and one with EL1's. Host code never unmasks interrupts and never causes
 * exceptions on purpose, so whatever comes from the current level ends in a panic: its report runs on the CPU's emergency stack, because
 * the stack itself may be what is broken. Nothing is resumed, so that a guest's TPIDRRO_EL0 may be written over. */
#define FRAME 304
#define F_SP 248
#define F_PC 256
#define F_ESR 272
#define F_VECTOR 288
#define PERCPU_EMERGENCY 0

	.macro VECTOR el, n
	.balign 128
	msr tpidrro_el0, x17
	mrs x17, tpidr_el\el
	ldr x17, [x17, #PERCPU_EMERGENCY]
	sub x17, x17, #FRAME
	str x16, [x17, #16 * 8]
	mov x16, sp
	str x16, [x17, #F_SP]
	mov x16, #\n
	str x16, [x17, #F_VECTOR]
	mov sp, x17
	mrs x17, tpidrro_el0
	b trap_fatal_el\el
	.endm

	.macro FATAL el
	.type trap_fatal_el\el, %function
trap_fatal_el\el:		/* x16 is in the frame already */
	stp x0, x1, [sp, #0]
	stp x2, x3, [sp, #16]
	stp x4, x5, [sp, #32]
	stp x6, x7, [sp, #48]
	stp x8, x9, [sp, #64]
	stp x10, x11, [sp, #80]
	stp x12, x13, [sp, #96]
	stp x14, x15, [sp, #112]
	stp x17, x18, [sp, #136]
	stp x19, x20, [sp, #152]
	stp x21, x22, [sp, #168]
	stp x23, x24, [sp, #184]
	stp x25, x26, [sp, #200]
	stp x27, x28, [sp, #216]
	stp x29, x30, [sp, #232]
	mrs x0, elr_el\el
	mrs x1, spsr_el\el
	stp x0, x1, [sp, #F_PC]
	mrs x0, esr_el\el
	mrs x1, far_el\el
	stp x0, x1, [sp, #F_ESR]
	mov x0, sp
	bl trap_dispatch
	brk #0
	.size trap_fatal_el\el, . - trap_fatal_el\el
	.endm

	.macro TABLE name, el
	.balign 2048
	.globl \name
	.hidden \name
	.type \name, %object
\name:
	.set n, 0
	.rept 16
	VECTOR \el, n
	.set n, n + 1
	.endr
	.balign 128
	.size \name, . - \name
	.endm

	.text
	TABLE trap_vectors, 2
	TABLE trap_vectors_el1, 1
	FATAL 2
	FATAL 1
	.section .note.GNU-stack, "", %progbits
