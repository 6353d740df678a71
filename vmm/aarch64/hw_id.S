/* SPDX-License-Identifier: Apache-2.0 */
/* void hw_id_regs(uint64_t id[56]): the whole ID space op0 3, op1 0, CRn 0, CRm 1..7. What is not allocated in it reads as zero
 * (DDI0487, "ID registers"), so that no list of names is needed. */
	.text
	.globl	hw_id_regs
	.hidden	hw_id_regs
	.type	hw_id_regs, %function
hw_id_regs:
	.irp	m, 1, 2, 3, 4, 5, 6, 7
	.irp	op, 0, 1, 2, 3, 4, 5, 6, 7
	mrs	x1, S3_0_C0_C\m\()_\op
	str	x1, [x0], #8
	.endr
	.endr
	ret
	.size	hw_id_regs, . - hw_id_regs
	.section .note.GNU-stack, "", %progbits
