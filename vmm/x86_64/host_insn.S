/* SPDX-License-Identifier: Apache-2.0 */
/* The privileged instructions of both backends that a program under an operating system cannot execute, as functions: unit tests put
 * a played CPU in their place (tests/fake). Own CPU. C declarations: host_cpu.h. */
	.text
	.macro	host_function name
	.globl	\name
	.hidden	\name
	.type	\name, @function
\name:
	.endm
	host_function cpu_rdmsr
	movl	%edi, %ecx
	rdmsr
	shlq	$32, %rdx
	orq	%rdx, %rax
	ret
	host_function cpu_wrmsr
	movl	%edi, %ecx
	movl	%esi, %eax
	movq	%rsi, %rdx
	shrq	$32, %rdx
	wrmsr
	ret
	host_function cpu_cr0
	movq	%cr0, %rax
	ret
	host_function cpu_cr3
	movq	%cr3, %rax
	ret
	host_function cpu_cr4
	movq	%cr4, %rax
	ret
	host_function cpu_set_cr0
	movq	%rdi, %cr0
	ret
	host_function cpu_set_cr4
	movq	%rdi, %cr4
	ret
	host_function cpu_tables	/* struct host_tables: two pseudo-descriptors of 10 bytes, three selectors */
	sgdt	(%rdi)
	sidt	10(%rdi)
	movw	%cs, 20(%rdi)
	movw	%ss, 22(%rdi)
	str	24(%rdi)
	ret
	host_function cpu_load_tables
	lgdt	(%rdi)
	lidt	10(%rdi)
	ret
	host_function cpu_machine_check
	int	$18
	ret
	.section .note.GNU-stack, "", @progbits
