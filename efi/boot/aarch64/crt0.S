/* SPDX-License-Identifier: Apache-2.0 */
/* First instructions of the image on aarch64: relocates itself, runs the way in on the firmware's stack (UEFI 2.10 2.3.6: x0 = image
 * handle, x1 = system table), and, once boot services are gone, goes on with the composition root on a stack of our own. The firmware
 * gives EL2 or EL1, the MMU and caches on, RAM mapped one to one. Must not touch memory that needs relocation first. */
	.section .text.head, "ax"
	.globl _start
	.type _start, %function
_start:
	stp x29, x30, [sp, #-32]!
	mov x29, sp
	stp x0, x1, [sp, #16]
	adrp x0, image_base
	add x0, x0, :lo12:image_base
	adrp x1, _DYNAMIC
	add x1, x1, :lo12:_DYNAMIC
	bl boot_relocate
	bl stack_guard_init
	ldp x0, x1, [sp, #16]
	bl boot_enter
	cbz x0, 1f
	ldp x29, x30, [sp], #32
	ret
1:	/* Boot services are gone: exceptions masked, own stack, no way back. */
	msr daifset, #15
	msr spsel, #1
	adrp x0, boot_stack_top
	add x0, x0, :lo12:boot_stack_top
	mov sp, x0
	mov x29, xzr
	mov x30, xzr
	mov w0, #0
	bl appliance_main
	brk #0
	.size _start, . - _start

	/* The stack of CPU 0. The page below it is unmapped by hal_early_init. */
	.section .bss.boot_stack, "aw", %nobits
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
	.section .note.GNU-stack, "", %progbits
