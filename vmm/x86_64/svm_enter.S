/* SPDX-License-Identifier: Apache-2.0 */
/* The world switch of AMD SVM (APM 2 15.5). void svm_enter(uint64_t vmcb_pa, uint64_t gpr[16], uint64_t host_pa).
 * Runs with interrupts off. GIF is clear from before the guest's state is loaded until the host's is back, so that nothing,
 * NMI included, runs on a mixture; IF is set across VMRUN, because with V_INTR_MASKING the host's IF decides whether a
 * physical interrupt ends the guest run. It stays pending for the loop's window. RAX and RSP travel in the VMCB. */
	.text
	.globl	svm_enter
	.hidden	svm_enter
	.type	svm_enter, @function
svm_enter:
	pushq	%rbp
	movq	%rsp, %rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	pushq	%rsi			/* gpr */
	pushq	%rdx			/* host_pa */
	clgi
	movq	%rdi, %rax
	vmload	%rax
	movq	8(%rsi), %rcx
	movq	16(%rsi), %rdx
	movq	24(%rsi), %rbx
	movq	40(%rsi), %rbp
	movq	56(%rsi), %rdi
	movq	64(%rsi), %r8
	movq	72(%rsi), %r9
	movq	80(%rsi), %r10
	movq	88(%rsi), %r11
	movq	96(%rsi), %r12
	movq	104(%rsi), %r13
	movq	112(%rsi), %r14
	movq	120(%rsi), %r15
	movq	48(%rsi), %rsi
	sti
	vmrun	%rax
	cli
	vmsave	%rax			/* RAX and RSP are the host's again */
	movq	8(%rsp), %rax
	movq	%rcx, 8(%rax)
	movq	%rdx, 16(%rax)
	movq	%rbx, 24(%rax)
	movq	%rbp, 40(%rax)
	movq	%rsi, 48(%rax)
	movq	%rdi, 56(%rax)
	movq	%r8, 64(%rax)
	movq	%r9, 72(%rax)
	movq	%r10, 80(%rax)
	movq	%r11, 88(%rax)
	movq	%r12, 96(%rax)
	movq	%r13, 104(%rax)
	movq	%r14, 112(%rax)
	movq	%r15, 120(%rax)
	movq	(%rsp), %rax
	vmload	%rax
	/* No guest value stays in a register where speculation could use it. */
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	xorl	%esi, %esi
	xorl	%edi, %edi
	xorl	%r8d, %r8d
	xorl	%r9d, %r9d
	xorl	%r10d, %r10d
	xorl	%r11d, %r11d
	addq	$16, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	stgi				/* an NMI that ended the guest run is taken here */
	ret
	.size	svm_enter, . - svm_enter

	.globl	svm_save_host
	.hidden	svm_save_host
	.type	svm_save_host, @function
svm_save_host:
	movq	%rdi, %rax
	vmsave	%rax
	ret
	.size	svm_save_host, . - svm_save_host
	.section .note.GNU-stack, "", @progbits
