/* SPDX-License-Identifier: Apache-2.0 */
/* The world switch of EL2 (DDI0487, "Exception entry" and "Exception return"): unsigned hw_enter(struct hw_frame *f), and the vector table
 * that ends it. DAIF is set before, during and after: with HCR_EL2.{A,I,F}MO a physical interrupt ends the guest run whatever PSTATE
 * says, and stays pending for the loop's window. The frame's address waits on the host's stack. Must not touch TPIDR_EL2, which is the
 * machine layer's. */
	.text
	.set	FRAME_X, 8
	.set	FRAME_PC, 256
	.set	FRAME_TPIDR_EL0, 272 + 18 * 8
	.set	FRAME_GUEST_HCR, 552
	.set	FRAME_GUEST_CPTR, 560
	.set	FRAME_HOST_HCR, 568
	.set	FRAME_HOST_CPTR, 576
	.set	HCR_E2H, 34
	.set	ISR_A, 8
	.set	EXIT_SERROR, 3

	.globl	hw_enter
	.hidden	hw_enter
	.type	hw_enter, %function
hw_enter:
	stp	x29, x30, [sp, #-112]!
	mov	x29, sp
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	mrs	x1, tpidr_el0			/* CPU 0: musl's thread pointer */
	ldr	x2, [x0, #FRAME_HOST_HCR]
	mov	x3, xzr
	tbz	x2, #HCR_E2H, 1f
	mrs	x3, S3_0_C4_C2_3		/* PAN, which every core with VHE has */
1:	stp	x1, x3, [sp, #96]
	stp	x0, x2, [sp, #-16]!
	ldr	x1, [x0, #FRAME_GUEST_HCR]
	ldr	x2, [x0, #FRAME_GUEST_CPTR]
	ldr	x3, [x0, #FRAME_TPIDR_EL0]
	ldp	x4, x5, [x0, #FRAME_PC]
	msr	hcr_el2, x1
	msr	cptr_el2, x2
	msr	tpidr_el0, x3
	msr	elr_el2, x4
	msr	spsr_el2, x5
	add	x1, x0, #FRAME_X
	ldp	x2, x3, [x1, #16]
	ldp	x4, x5, [x1, #32]
	ldp	x6, x7, [x1, #48]
	ldp	x8, x9, [x1, #64]
	ldp	x10, x11, [x1, #80]
	ldp	x12, x13, [x1, #96]
	ldp	x14, x15, [x1, #112]
	ldp	x16, x17, [x1, #128]
	ldp	x18, x19, [x1, #144]
	ldp	x20, x21, [x1, #160]
	ldp	x22, x23, [x1, #176]
	ldp	x24, x25, [x1, #192]
	ldp	x26, x27, [x1, #208]
	ldp	x28, x29, [x1, #224]
	ldr	x30, [x1, #240]
	ldp	x0, x1, [x1]
	eret					/* synchronises all of the above (DDI0487, "Context synchronization event") */
	dsb	nsh				/* no speculation past it */
	isb

/* In: x0 the vector's number; the guest's x0 and x1 at sp, the frame's address above. */
exit:
	ldr	x1, [sp, #16]
	add	x1, x1, #FRAME_X
	stp	x2, x3, [x1, #16]
	stp	x4, x5, [x1, #32]
	stp	x6, x7, [x1, #48]
	stp	x8, x9, [x1, #64]
	stp	x10, x11, [x1, #80]
	stp	x12, x13, [x1, #96]
	stp	x14, x15, [x1, #112]
	stp	x16, x17, [x1, #128]
	stp	x18, x19, [x1, #144]
	stp	x20, x21, [x1, #160]
	stp	x22, x23, [x1, #176]
	stp	x24, x25, [x1, #192]
	stp	x26, x27, [x1, #208]
	stp	x28, x29, [x1, #224]
	str	x30, [x1, #240]
	ldp	x2, x3, [sp], #16
	stp	x2, x3, [x1]
	ldp	x1, x2, [sp], #16		/* frame, the host's HCR_EL2 */
	mrs	x3, elr_el2
	mrs	x4, spsr_el2
	stp	x3, x4, [x1, #FRAME_PC]
	mrs	x3, tpidr_el0
	str	x3, [x1, #FRAME_TPIDR_EL0]
	ldr	x4, [x1, #FRAME_HOST_CPTR]
	msr	hcr_el2, x2
	msr	cptr_el2, x4
	ldp	x3, x4, [sp, #96]
	msr	tpidr_el0, x3
	tbz	x2, #HCR_E2H, 2f
	msr	S3_0_C4_C2_3, x4		/* an exception to EL2 leaves the guest's PAN (TGE is 0) */
2:	isb
	/* An error that this guest's accesses caused must not meet the next one (SError): wait for
	 * it, and take it here. The host has them masked everywhere else. */
	dsb	sy
	mrs	x3, isr_el1
	tbz	x3, #ISR_A, 3f
	mov	x0, #EXIT_SERROR
	msr	daifclr, #4
serror_window:
	isb
serror_taken:
	msr	daifset, #4
3:	/* No guest value stays in a register where speculation could use it. */
	mov	x1, xzr
	mov	x2, xzr
	mov	x3, xzr
	mov	x4, xzr
	mov	x5, xzr
	mov	x6, xzr
	mov	x7, xzr
	mov	x8, xzr
	mov	x9, xzr
	mov	x10, xzr
	mov	x11, xzr
	mov	x12, xzr
	mov	x13, xzr
	mov	x14, xzr
	mov	x15, xzr
	mov	x16, xzr
	mov	x17, xzr
	mov	x18, xzr
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #112
	ret
	.size	hw_enter, . - hw_enter

/* An SError at EL2: from the window above it goes on there, ESR_EL2 saying what it was; else it is the machine layer's. */
serror_here:
	stp	x3, x4, [sp, #-16]!
	mrs	x3, elr_el2
	adr	x4, serror_window
	sub	x3, x3, x4
	cmp	x3, #serror_taken - serror_window
	ldp	x3, x4, [sp], #16
	b.ls	1f
	b	trap_vectors + 0x380
1:	adr	x3, serror_taken
	msr	elr_el2, x3
	eret

	.macro	HOST offset
	.balign	128
	b	trap_vectors + \offset
	.endm
	.macro	GUEST code
	.balign	128
	stp	x0, x1, [sp, #-16]!
	mov	x0, #\code
	b	exit
	.endm

	.section .text.hw_vectors, "ax", %progbits
	.balign	2048
	.globl	hw_vectors
	.hidden	hw_vectors
hw_vectors:
	HOST	0x000
	HOST	0x080
	HOST	0x100
	HOST	0x180
	HOST	0x200
	HOST	0x280
	HOST	0x300
	.balign	128
	b	serror_here
	GUEST	0
	GUEST	1
	GUEST	2
	GUEST	3
	GUEST	4				/* from AArch32 */
	GUEST	5
	GUEST	6
	GUEST	7
	.balign	128
	.size	hw_vectors, . - hw_vectors
	.section .note.GNU-stack, "", %progbits
