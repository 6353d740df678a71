/* SPDX-License-Identifier: Apache-2.0 */
/* The world switch of Intel VMX (SDM 3C 27, 28) and the other VMX instructions. Runs with interrupts off; a physical interrupt ends the
 * guest run whatever the flags are and stays pending for the loop's window. An NMI in the guest ends the run too; NMIs are then blocked
 * until the host's handler has returned. What every exit needs of the VMCS is read here. All in assembly (and in hw_vmcs.c), so that unit
 * tests can put a played CPU in its place. */
#define VMCS_HOST_RSP 0x6c14
#define VMCS_EXIT_REASON 0x4402
#define VMCS_EXIT_INSN_LEN 0x440c
#define VMCS_GUEST_INTERRUPTIBILITY 0x4824
#define VMCS_GUEST_RSP 0x681c
#define VMCS_GUEST_RIP 0x681e
#define VMCS_GUEST_RFLAGS 0x6820
#define REGS_RSP 32		/* struct arch_regs, from its gpr on */
#define REGS_RIP 128
#define REGS_RFLAGS 136
#define FRAME_HOST_RSP 0	/* struct vmx_frame */
#define FRAME_RSP 8
#define FRAME_RFLAGS 16
#define FRAME_REASON 24
#define FRAME_INSN_LEN 32
#define FRAME_INTERRUPTIBILITY 40
	.text
/* int vmx_enter(uint64_t gpr[16], uint64_t *cr2, bool launched, struct vmx_frame *frame): 0 after an exit, 1 when the entry instruction
 * failed. gpr is that of struct arch_regs, with RIP and RFLAGS behind it; vmx_exit_point is the host's RIP in the VMCS. */
	.globl	vmx_enter, vmx_exit_point
	.hidden	vmx_enter, vmx_exit_point
	.type	vmx_enter, @function
vmx_enter:
	pushq	%rbp
	movq	%rsp, %rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	pushq	%rcx			/* frame */
	pushq	%rsi			/* cr2 */
	pushq	%rdi			/* gpr */
	cmpq	%rsp, FRAME_HOST_RSP(%rcx)
	je	0f
	movq	%rsp, FRAME_HOST_RSP(%rcx)
	movl	$VMCS_HOST_RSP, %eax
	vmwrite	%rsp, %rax
0:	movl	$VMCS_GUEST_RIP, %eax
	vmwrite	REGS_RIP(%rdi), %rax
	movq	(%rsi), %rax
	movq	%cr2, %rcx
	cmpq	%rcx, %rax
	je	1f
	movq	%rax, %cr2
1:	testl	%edx, %edx		/* the flags live until the jump below: only moves in between */
	movq	0(%rdi), %rax
	movq	8(%rdi), %rcx
	movq	16(%rdi), %rdx
	movq	24(%rdi), %rbx
	movq	40(%rdi), %rbp
	movq	48(%rdi), %rsi
	movq	64(%rdi), %r8
	movq	72(%rdi), %r9
	movq	80(%rdi), %r10
	movq	88(%rdi), %r11
	movq	96(%rdi), %r12
	movq	104(%rdi), %r13
	movq	112(%rdi), %r14
	movq	120(%rdi), %r15
	movq	56(%rdi), %rdi
	jnz	2f
	vmlaunch
	jmp	3f
2:	vmresume
3:	/* Not entered: all registers but RSP still hold what was loaded, and nothing of it has changed. */
	movl	$1, %eax
	jmp	4f
vmx_exit_point:
	pushq	%rdi
	movq	8(%rsp), %rdi
	movq	%rax, 0(%rdi)
	movq	%rcx, 8(%rdi)
	movq	%rdx, 16(%rdi)
	movq	%rbx, 24(%rdi)
	movq	%rbp, 40(%rdi)
	movq	%rsi, 48(%rdi)
	movq	%r8, 64(%rdi)
	movq	%r9, 72(%rdi)
	movq	%r10, 80(%rdi)
	movq	%r11, 88(%rdi)
	movq	%r12, 96(%rdi)
	movq	%r13, 104(%rdi)
	movq	%r14, 112(%rdi)
	movq	%r15, 120(%rdi)
	popq	%rax
	movq	%rax, 56(%rdi)
	movq	8(%rsp), %rsi
	movq	%cr2, %rax
	movq	%rax, (%rsi)
	movq	16(%rsp), %rdx
	movl	$VMCS_EXIT_REASON, %eax
	vmread	%rax, FRAME_REASON(%rdx)
	movl	$VMCS_EXIT_INSN_LEN, %eax
	vmread	%rax, FRAME_INSN_LEN(%rdx)
	movl	$VMCS_GUEST_INTERRUPTIBILITY, %eax
	vmread	%rax, FRAME_INTERRUPTIBILITY(%rdx)
	movl	$VMCS_GUEST_RIP, %eax
	vmread	%rax, REGS_RIP(%rdi)
	movl	$VMCS_GUEST_RSP, %eax
	vmread	%rax, %rcx
	movq	%rcx, REGS_RSP(%rdi)
	movq	%rcx, FRAME_RSP(%rdx)
	movl	$VMCS_GUEST_RFLAGS, %eax
	vmread	%rax, %rcx
	movq	%rcx, REGS_RFLAGS(%rdi)
	movq	%rcx, FRAME_RFLAGS(%rdx)
	xorl	%eax, %eax
4:	/* No guest value stays in a register where speculation could use it. */
	xorl	%ecx, %ecx
	xorl	%edx, %edx
	xorl	%esi, %esi
	xorl	%edi, %edi
	xorl	%r8d, %r8d
	xorl	%r9d, %r9d
	xorl	%r10d, %r10d
	xorl	%r11d, %r11d
	addq	$24, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
	.size	vmx_enter, . - vmx_enter

/* The rest: bool, true when done. SDM 3C 31.2: CF or ZF say that the instruction failed. */
	.macro	vmx_function name
	.globl	\name
	.hidden	\name
	.type	\name, @function
\name:
	.endm
	.macro	vmx_done
	seta	%al
	ret
	.endm
	vmx_function vmx_on		/* (const uint64_t *physical) */
	vmxon	(%rdi)
	vmx_done
	vmx_function vmx_off		/* (void) */
	vmxoff
	vmx_done
	vmx_function vmx_clear		/* (const uint64_t *physical) */
	vmclear	(%rdi)
	vmx_done
	vmx_function vmx_load		/* (const uint64_t *physical) */
	vmptrld	(%rdi)
	vmx_done
	vmx_function vmx_invept		/* (uint64_t type, const uint64_t descriptor[2]) */
	invept	(%rsi), %rdi
	vmx_done
	vmx_function vmx_invvpid	/* (uint64_t type, const uint64_t descriptor[2]) */
	invvpid	(%rsi), %rdi
	vmx_done
	vmx_function vmx_host_nmi	/* (void): runs the host's handler of the NMI that ended a guest run; its IRET unblocks NMIs */
	int	$2
	ret
	.section .note.GNU-stack, "", @progbits
