/* SPDX-License-Identifier: Apache-2.0 */
/* The way into a guest test: CPU 0 as a kernel (EL1, MMU off, device tree in x0), the others by PSCI CPU_ON with their index in x0. Both end
 * in C with the MMU and caches on, on a stack of their own whose lowest bytes are struct cpu. Identity mapping in 1 GiB blocks (DDI0487
 * D8.3): the first is devices, up to 511 GiB are memory, and the last GiB is window_table's. Also the exception vectors. */
#include "layout.h"

#define BLOCK_DEVICE 0x0060000000000401   /* UXN PXN AF, attribute 0 */
#define BLOCK_MEMORY 0x0000000000000705   /* AF, inner shareable, attribute 1 */
#define TABLE 3
#define FRAME_SIZE 288

	.section .text.head, "ax"
	.global start
start:
	b first
	.long 0
	.quad 0                         /* offset from a 2 MiB boundary */
	.quad image_size
	.quad 0xa                       /* little endian, 4 KiB pages, anywhere in memory */
	.quad 0, 0, 0
	.ascii "ARM\x64"
	.long 0
first:
	mov x20, x0
	/* The loader's lines of what is written here with the caches off may not be seen later, nor written back over it
	 * (DDI0487 D7.5.9.9, booting.rst: the loader cleaned the image, and nothing of .bss is in it). */
	bl bss_invalidate
	ldr x0, =bss_begin
	ldr x1, =bss_end
1:	stp xzr, xzr, [x0], #16
	cmp x0, x1
	b.lo 1b
	bl tables_build
	dsb sy
	bl bss_invalidate
	mov x0, #0
	mov x1, x20
	b mmu_on

	.global cpu_entry
cpu_entry:
	mov x1, #0

/* x0: index of this CPU, x1: the device tree or 0. */
mmu_on:
	mrs x19, sctlr_el1
	mrs x20, daif
	msr daifset, #15
	ldr x2, =0x44ff04               /* 0: device nGnRE, 1: write-back, 2: not cached */
	msr mair_el1, x2
	mrs x3, id_aa64mmfr0_el1
	and x3, x3, #15
	cmp x3, #5                      /* 48 bits are what a 4 KiB granule has without LPA2 */
	mov x4, #5
	csel x3, x3, x4, lo
	ldr x2, =0x00803519             /* T0SZ 25, write-back tables, inner shareable, 4 KiB, no TTBR1 walks */
	orr x2, x2, x3, lsl #32
	msr tcr_el1, x2
	ldr x2, =level1
	msr ttbr0_el1, x2
	ldr x2, =vectors
	msr vbar_el1, x2
	dsb sy
	tlbi vmalle1
	ic iallu
	dsb sy
	isb
	ldr x2, =0x30d0180d             /* I SA C M, and what reads as one */
	msr sctlr_el1, x2
	isb
	ldr x2, =stacks
	add x3, x0, #1
	add x2, x2, x3, lsl #STACK_SHIFT
	msr spsel, #1
	mov sp, x2
	mov x29, #0
	mov x30, #0
	mov x2, x19
	mov x3, x20
	bl guest_enter
	b .

bss_invalidate:
	ldr x0, =bss_begin
	ldr x1, =bss_end
1:	dc ivac, x0
	add x0, x0, #16                 /* no line is shorter */
	cmp x0, x1
	b.lo 1b
	dsb sy
	ret

tables_build:
	ldr x0, =level1
	ldr x1, =BLOCK_DEVICE
	str x1, [x0]
	ldr x1, =BLOCK_MEMORY
	mov x2, #1
1:	add x3, x1, x2, lsl #30
	str x3, [x0, x2, lsl #3]
	add x2, x2, #1
	cmp x2, #511
	b.lo 1b
	ldr x1, =window_dir + TABLE
	str x1, [x0, #511 * 8]
	ldr x0, =window_dir
	ldr x1, =window_table + TABLE
	str x1, [x0]
	ret

	.section .text
/* uint64_t hvc_call(uint64_t x0, x1, x2, x3), smc_call: SMCCC with four arguments and one answer. */
	.global hvc_call, smc_call, hvc_regs
hvc_call:
	hvc #0
	ret
smc_call:
	smc #0
	ret
/* void hvc_regs(uint64_t x[18]): x0 to x17 go out and come back. */
hvc_regs:
	stp x29, x30, [sp, #-32]!
	str x19, [sp, #16]
	mov x19, x0
	ldp x0, x1, [x19]
	ldp x2, x3, [x19, #16]
	ldp x4, x5, [x19, #32]
	ldp x6, x7, [x19, #48]
	ldp x8, x9, [x19, #64]
	ldp x10, x11, [x19, #80]
	ldp x12, x13, [x19, #96]
	ldp x14, x15, [x19, #112]
	ldp x16, x17, [x19, #128]
	hvc #0
	stp x0, x1, [x19]
	stp x2, x3, [x19, #16]
	stp x4, x5, [x19, #32]
	stp x6, x7, [x19, #48]
	stp x8, x9, [x19, #64]
	stp x10, x11, [x19, #80]
	stp x12, x13, [x19, #96]
	stp x14, x15, [x19, #112]
	stp x16, x17, [x19, #128]
	ldr x19, [sp, #16]
	ldp x29, x30, [sp], #32
	ret

/* ---- vectors (DDI0487 D1.3.1.5): four groups of four */
	.macro vector n
	.balign 0x80
	sub sp, sp, #FRAME_SIZE
	stp x0, x1, [sp]
	mov x0, #\n
	b trap_common
	.endm
	.balign 0x800
	.global vectors
vectors:
	.altmacro
	.set i, 0
	.rept 16
	vector %i
	.set i, i + 1
	.endr

trap_common:
	stp x2, x3, [sp, #16]
	stp x4, x5, [sp, #32]
	stp x6, x7, [sp, #48]
	stp x8, x9, [sp, #64]
	stp x10, x11, [sp, #80]
	stp x12, x13, [sp, #96]
	stp x14, x15, [sp, #112]
	stp x16, x17, [sp, #128]
	stp x18, x19, [sp, #144]
	stp x20, x21, [sp, #160]
	stp x22, x23, [sp, #176]
	stp x24, x25, [sp, #192]
	stp x26, x27, [sp, #208]
	stp x28, x29, [sp, #224]
	mrs x1, elr_el1
	stp x30, x1, [sp, #240]
	mrs x2, spsr_el1
	mrs x3, esr_el1
	stp x2, x3, [sp, #256]
	mrs x4, far_el1
	stp x4, x0, [sp, #272]
	mov x0, sp
	bl trap_dispatch
	ldp x30, x1, [sp, #240]
	ldr x2, [sp, #256]
	msr elr_el1, x1
	msr spsr_el1, x2
	ldp x2, x3, [sp, #16]
	ldp x4, x5, [sp, #32]
	ldp x6, x7, [sp, #48]
	ldp x8, x9, [sp, #64]
	ldp x10, x11, [sp, #80]
	ldp x12, x13, [sp, #96]
	ldp x14, x15, [sp, #112]
	ldp x16, x17, [sp, #128]
	ldp x18, x19, [sp, #144]
	ldp x20, x21, [sp, #160]
	ldp x22, x23, [sp, #176]
	ldp x24, x25, [sp, #192]
	ldp x26, x27, [sp, #208]
	ldp x28, x29, [sp, #224]
	ldp x0, x1, [sp]
	add sp, sp, #FRAME_SIZE
	eret

	.section .bss
	.balign 4096
	.global level1, window_dir, window_table, stacks
level1:	.skip 4096
window_dir: .skip 4096
window_table: .skip 4096
	.balign STACK_SIZE
stacks:	.skip MAX_CPUS * STACK_SIZE
	.section .note.GNU-stack, "", @progbits
