/* SPDX-License-Identifier: Apache-2.0 */
/* Loads and stores that no syndrome describes: pairs, those that write their base register back, and SIMD registers. Pure. */
#ifndef VMM_AARCH64_DECODE_H
#define VMM_AARCH64_DECODE_H
#include <stdbool.h>
#include <stdint.h>

struct arm_ldst {
	bool load, vector, sign_extend;
	bool writeback, post;       /* the base register gets base + offset; post: the access is at the base itself */
	uint8_t size;               /* bytes of one register's access: 1..16 */
	uint8_t reg_size;           /* bytes of a general register that a load fills: 4 or 8 */
	uint8_t count, rt[2], rn;   /* one or two registers; rn 31 is the stack pointer */
	bool has_index;             /* the offset is a register: */
	uint8_t rm, extend, shift;  /* extend: option field (DDI0487, LDR (register)) */
	int64_t offset;
};
/* false: none of them (exclusive and atomic accesses, PC-relative loads, prefetches, and everything else). */
bool arm_decode(uint32_t insn, struct arm_ldst *out);

#endif
