/* SPDX-License-Identifier: Apache-2.0 */
/* void *memset(void *d, int c, size_t n) by general registers alone: it runs while a guest's FP and SIMD registers are loaded. Every store
 * is aligned, as Device memory wants it (DDI0487 B2.10.2); so no DC ZVA, which it refuses as well. Takes the place of musl's in C. */
	.text
	.globl	memset
	.type	memset, %function
	.balign	64
memset:
	and	w1, w1, #0xff
	mov	x4, #0x0101010101010101
	mul	x1, x1, x4
	mov	x3, x0
	cmp	x2, #8
	b.lo	5f
	tst	x3, #7
	b.eq	2f
1:	strb	w1, [x3], #1		/* at most seven, and there are eight */
	sub	x2, x2, #1
	tst	x3, #7
	b.ne	1b
2:	subs	x2, x2, #128
	b.lo	4f
3:	stp	x1, x1, [x3]
	stp	x1, x1, [x3, #16]
	stp	x1, x1, [x3, #32]
	stp	x1, x1, [x3, #48]
	stp	x1, x1, [x3, #64]
	stp	x1, x1, [x3, #80]
	stp	x1, x1, [x3, #96]
	stp	x1, x1, [x3, #112]
	add	x3, x3, #128
	subs	x2, x2, #128
	b.hs	3b
4:	tbz	x2, #6, 1f		/* subtracting 128 left the bits below as they were */
	stp	x1, x1, [x3]
	stp	x1, x1, [x3, #16]
	stp	x1, x1, [x3, #32]
	stp	x1, x1, [x3, #48]
	add	x3, x3, #64
1:	tbz	x2, #5, 1f
	stp	x1, x1, [x3]
	stp	x1, x1, [x3, #16]
	add	x3, x3, #32
1:	tbz	x2, #4, 1f
	stp	x1, x1, [x3], #16
1:	tbz	x2, #3, 5f
	str	x1, [x3], #8
5:	tbz	x2, #2, 1f		/* less than eight bytes, at any address */
	strb	w1, [x3], #1
	strb	w1, [x3], #1
	strb	w1, [x3], #1
	strb	w1, [x3], #1
1:	tbz	x2, #1, 1f
	strb	w1, [x3], #1
	strb	w1, [x3], #1
1:	tbz	x2, #0, 1f
	strb	w1, [x3]
1:	ret
	.size	memset, . - memset
	.section .note.GNU-stack, "", %progbits
