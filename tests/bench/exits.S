/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that counts what exits cost: PVH entry, 32-bit, flat, no interrupts. Each case runs BATCHES times ROUNDS rounds of its body
 * between two reads of the time stamp counter and prints a line "name ticks" a batch, ticks in hex, on the serial port; "end" at the end,
 * then powers off. Under -icount a tick is an instruction (bench.py). Linked at 1 MiB as a flat binary; the entry is its first byte. */
	.set ROUNDS, 200
	.set BATCHES, 12
	.set COM1, 0x3f8
	.set NOBODY, 0xd0000000 /* an address where nothing is */
	.set IOAPIC, 0xfec00000
	.set FRESH, 0x00400000  /* memory that nothing has touched */

	.code32
	.text
	.globl _start
_start:
	cli
	mov $stack, %esp

	.macro CASE name, setup, body
	mov $BATCHES, %ebp
1:	\setup
	mov $ROUNDS, %esi
	rdtsc
	mov %eax, began
2:	\body
	dec %esi
	jnz 2b
	rdtsc
	sub began, %eax
	mov $3f, %ebx
	call report
	dec %ebp
	jnz 1b
	.pushsection .rodata
3:	.asciz "\name "
	.popsection
	.endm

	CASE nothing, "", "nop"
	CASE cpuid, "", "xor %eax,%eax; xor %ecx,%ecx; cpuid"
	CASE vmmcall, "", "mov $99,%eax; vmmcall"
	CASE rdmsr, "", "mov $0x1b,%ecx; rdmsr"
	CASE out, "", "mov $0x10,%edx; out %al,%dx"
	CASE in, "", "mov $0x10,%edx; in %dx,%al"
	CASE pmtimer, "", "mov $0x608,%edx; in %dx,%eax"
	CASE mmio_write, "mov $NOBODY,%ebx", "mov %eax,(%ebx)"
	CASE mmio_read, "mov $NOBODY,%ebx", "mov (%ebx),%eax"
	CASE ioapic_read, "mov $IOAPIC,%ebx", "mov (%ebx),%eax"
	/* Each batch has pages of its own. */
	CASE touch, "mov $BATCHES,%ebx; sub %ebp,%ebx; imul $(ROUNDS*4096),%ebx,%ebx; add $FRESH,%ebx", "movb $1,(%ebx); add $4096,%ebx"

	mov $last, %ebx
	call print
	mov $0x604, %edx /* ACPI power off */
	mov $0x3400, %eax
	out %ax, %dx
	hlt

/* EBX: name with its space; EAX: ticks. */
report:
	push %eax
	call print
	pop %eax
	mov $8, %ecx
1:	rol $4, %eax
	push %eax
	and $15, %eax
	mov digits(%eax), %al
	mov $COM1, %edx
	out %al, %dx
	pop %eax
	loop 1b
	mov $'\n', %al
	mov $COM1, %edx
	out %al, %dx
	ret
/* EBX: text with a zero at its end. */
print:
	mov $COM1, %edx
1:	mov (%ebx), %al
	test %al, %al
	jz 2f
	out %al, %dx
	inc %ebx
	jmp 1b
2:	ret

	.section .rodata
digits:	.ascii "0123456789abcdef"
last:	.asciz "end\n"
	.data
began:	.long 0
	.bss
	.balign 16
	.skip 4096
stack:
