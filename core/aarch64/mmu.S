/* SPDX-License-Identifier: Apache-2.0 */
/* Loading a translation regime whole (mmu.h). Between switching the MMU off and on these functions touch no memory but their own code, which
 * was cleaned to the point of coherency before (paging.c): with the MMU off, fetches and loads need not look into data caches (DDI0487 D8.2.12).
 * Two tables that differ in block sizes for an address must not be live in one TLB (D8.17.1); with the MMU off, and all entries
 * of the regime dropped before it comes on again, they never are. */
	.macro MMU_LOAD el, tlbi
	.globl mmu_load_el\el
	.hidden mmu_load_el\el
	.type mmu_load_el\el, %function
	.balign 64
mmu_load_el\el:			/* x0: struct mmu_regs */
	ldp x1, x2, [x0]	/* ttbr, tcr */
	ldp x3, x4, [x0, #16]	/* mair, sctlr */
	ldr x5, [x0, #32]	/* hcr */
	mrs x6, sctlr_el\el
	bic x6, x6, #1		/* M */
	dsb sy			/* all accesses by the old translations are done */
	msr sctlr_el\el, x6
	isb
	.if \el == 2
	msr hcr_el2, x5		/* may change E2H, and with it the meaning of the registers below */
	isb
	.endif
	msr mair_el\el, x3
	msr tcr_el\el, x2
	msr ttbr0_el\el, x1
	isb
	tlbi \tlbi		/* this CPU alone: others switch for themselves */
	dsb nsh
	isb
	msr sctlr_el\el, x4
	isb
	ret
	.size mmu_load_el\el, . - mmu_load_el\el
	.endm

	.section .text.mmu, "ax"
	.balign 4096
	.globl mmu_code, mmu_code_end
	.hidden mmu_code, mmu_code_end
mmu_code:
	MMU_LOAD 2, alle2
	MMU_LOAD 1, vmalle1

	/* First instructions of a started CPU (PSCI, DEN0022 6.4): MMU and caches off, x0 = physical address of struct start_params. Loads
	 * and stores go to memory itself; what is read here was cleaned by the starter. The level is the starter's. */
	.globl start_secondary
	.hidden start_secondary
	.type start_secondary, %function
	.balign 64
start_secondary:
	msr daifset, #15
	msr spsel, #1
	mov x19, x0
	mrs x1, CurrentEL
	cmp x1, #8
	b.eq 2f
	msr tpidr_el1, xzr
	ldr x1, [x19, #64]	/* vectors */
	msr vbar_el1, x1
	bl mmu_load_el1
	b 3f
2:	msr tpidr_el2, xzr
	ldr x1, [x19, #64]
	msr vbar_el2, x1
	bl mmu_load_el2
3:	ldr x1, [x19, #40]	/* stack */
	mov sp, x1
	ldr x1, [x19, #48]	/* entry */
	ldr x0, [x19, #56]	/* arg */
	mov x29, xzr
	mov x30, xzr		/* no return address: the backtrace ends there */
	br x1
	.size start_secondary, . - start_secondary
mmu_code_end:
	.section .note.GNU-stack, "", %progbits
