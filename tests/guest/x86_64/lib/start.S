/* SPDX-License-Identifier: Apache-2.0 */
/* The way into a guest test. CPU 0 comes by PVH in 32-bit protected mode with start_info in EBX (xen/include/public/arch-x86/hvm/
 * start_info.h); the others by SIPI in real mode at AP_TRAMPOLINE, where ap_code was copied. Both end in 64-bit mode on a stack of their
 * own whose lowest bytes are struct cpu. Identity mapping: 4 GiB in 2 MiB pages, the rest of 511 GiB in 1 GiB pages where the CPU has them,
 * and the last GiB is window_table's. Also the entries of all 256 vectors. */
#include "layout.h"

#define CODE64 8
#define DATA 16
#define CODE32 24

	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 8, 18                  /* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad start32

	.section .text.head, "ax"
	.code32
	.global start32
start32:
	cli
	cld
	lgdt gdt_pointer
	mov %ebx, start_info
	mov $stacks + STACK_SIZE, %esp
	call tables_build
	xor %ebp, %ebp                  /* CPU index */
	jmp long_mode

/* EBP: index of this CPU, whose stack is stacks + index * STACK_SIZE. */
long_mode:
	mov %cr4, %eax
	or $0x620, %eax                 /* PAE, OSFXSR, OSXMMEXCPT */
	mov %eax, %cr4
	mov $pml4, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx           /* EFER: LME, NXE */
	rdmsr
	or $0x900, %eax
	wrmsr
	mov $0x80010033, %eax           /* PG WP NE ET MP PE */
	mov %eax, %cr0
	ljmp $CODE64, $start64

/* EDI walks; the tables lie in .bss and are zero. */
tables_build:
	movl $pdpt + 3, pml4
	mov $pdpt, %edi
	mov $page_dirs + 3, %eax
	mov $4, %ecx
1:	mov %eax, (%edi)
	add $4096, %eax
	add $8, %edi
	loop 1b
	mov $page_dirs, %edi
	mov $0x83, %eax                 /* present, writable, large */
	mov $2048, %ecx
2:	mov %eax, (%edi)
	add $0x200000, %eax
	add $8, %edi
	loop 2b
	mov $0x80000001, %eax
	cpuid
	bt $26, %edx                    /* 1 GiB pages */
	jnc 4f
	mov $pdpt + 32, %edi
	mov $1, %edx                    /* bits 63..32 of the address: 4 GiB */
	mov $0x83, %eax
3:	mov %eax, (%edi)
	mov %edx, 4(%edi)
	add $8, %edi
	add $0x40000000, %eax
	adc $0, %edx
	cmp $pdpt + 8 * 511, %edi
	jne 3b
4:	movl $window_dir + 3, pdpt + 8 * 511
	movl $window_table + 3, window_dir
	ret

	.code64
start64:
	mov $DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov %ebp, %edi
	mov %ebp, %eax
	inc %eax
	shl $STACK_SHIFT, %eax
	lea stacks(%rax), %rsp
	xor %ebp, %ebp
	call guest_enter
	ud2

/* ---- the other CPUs: copied to AP_TRAMPOLINE. cpu_ticket is set by the sender before each SIPI. */
	.section .text
	.code16
	.global ap_code, ap_code_end
ap_code:
	cli
	cld
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %ss
	/* Exits in real mode: CPUID, a byte to the UART's scratch register and back, strings, PAUSE. */
	cpuid
	xor %ax, %ax
	mov %ax, %es
	mov $0x3ff, %dx
	mov $AP_TRAMPOLINE + (ap_string - ap_code), %si
	mov $4, %cx
	rep outsb
	mov $AP_TRAMPOLINE + (ap_string - ap_code), %di
	mov $3, %cx
	rep insb
	mov $0x3ff, %dx
	mov $0xa5, %al
	out %al, (%dx)
	xor %al, %al
	in (%dx), %al
	mov %al, AP_TRAMPOLINE + (ap_seen - ap_code)
	pause
	lgdtl AP_TRAMPOLINE + (ap_gdt - ap_code)
	mov %cr0, %eax
	or $1, %eax
	and $0x9fffffff, %eax           /* CD and NW as INIT left them */
	mov %eax, %cr0
	ljmpl $CODE32, $ap32
	.balign 4
ap_gdt:	.word gdt_end - gdt - 1
	.long gdt
	.global ap_seen, ap_string, ap_tpr
ap_seen: .byte 0
ap_string: .byte 1, 2, 3, 4             /* 4, 4, 4, 4 when all went well */
ap_code_end:

	.code32
ap32:	mov $DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	/* Device registers in protected mode without paging. */
	movl $0x30, 0xfee00080
	orl $0x05, 0xfee00080
	movl 0xfee00080, %eax
	mov %eax, ap_tpr
	movl $0, 0xfee00080
	movl cpu_ticket, %ebp
	jmp long_mode

/* ---- vectors */
	.code64
	.macro entry n
	.balign 16
	.if !(\n == 8 || (\n >= 10 && \n <= 14) || \n == 17 || \n == 21 || \n == 29 || \n == 30)
	push $0
	.endif
	push $\n
	jmp trap_common
	.endm
	.balign 16
	.global trap_entries
trap_entries:
	.altmacro
	.set i, 0
	.rept 256
	entry %i
	.set i, i + 1
	.endr

trap_common:
	push %r15
	push %r14
	push %r13
	push %r12
	push %r11
	push %r10
	push %r9
	push %r8
	push %rdi
	push %rsi
	push %rbp
	push %rbx
	push %rdx
	push %rcx
	push %rax
	cld
	mov %rsp, %rdi
	mov %rsp, %rbx
	and $-16, %rsp
	call trap_dispatch
	mov %rbx, %rsp
	pop %rax
	pop %rcx
	pop %rdx
	pop %rbx
	pop %rbp
	pop %rsi
	pop %rdi
	pop %r8
	pop %r9
	pop %r10
	pop %r11
	pop %r12
	pop %r13
	pop %r14
	pop %r15
	add $16, %rsp
	iretq

	.section .data
	.balign 8
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff
gdt_end:
gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt
	.global start_info, cpu_ticket
start_info: .long 0
ap_tpr:	.long 0
cpu_ticket: .long 0

	.section .bss
	.balign 4096
	.global pml4, pdpt, page_dirs, window_table, stacks
pml4:	.skip 4096
pdpt:	.skip 4096
page_dirs: .skip 4 * 4096
window_dir: .skip 4096
window_table: .skip 4096
	.balign STACK_SIZE
stacks:	.skip MAX_CPUS * STACK_SIZE
	.section .note.GNU-stack, "", @progbits
